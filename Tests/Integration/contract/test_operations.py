"""What operators ask: health, metrics, the description of the interface."""

import re

from openapi_spec_validator import validate


class TestOperations:
    def test_alive_and_ready(self, http):
        http.get("/livez").expect(200)
        http.get("/readyz").expect(200)
        http.get("/readyz?verbose").expect(200)

    def test_metrics_are_prometheus_text(self, http):
        answer = http.get("/metrics").expect(200)
        assert answer.headers["Content-Type"].startswith("text/plain")
        names = set()
        for line in answer.text.splitlines():
            if line and not line.startswith("#"):
                found = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)", line)
                assert found, line
                float(found.group(3))
                names.add(found.group(1))
        assert names

    def test_this_node(self, http):
        node = http.get("/v1/node").expect(200).json
        assert node["phase"] == "broadcast"

    def test_the_description_is_served_and_valid(self, http):
        description = http.get("/v1/openapi.json").expect(200).json
        validate(description)
        for path in ("/v1/znodes/{path}", "/v1/children/{path}", "/v1/transactions"):
            assert path in description["paths"]

    def test_unchanged_cluster_is_not_modified(self, http):
        answer = http.get("/v1/cluster").expect(200)
        assert answer.etag.startswith("W/")
        http.get("/v1/cluster", If_None_Match=answer.etag).expect(304)
