"""Children, page after page."""

import pytest
from harness.client import children, znode


class TestChildren:
    def test_pages(self, http, base):
        names = [f"n{number:03}" for number in range(25)]
        for name in names:
            http.put(znode(f"{base}/{name}")).expect(201)
        seen, cursor = [], None
        while True:
            query = {"limit": 10} | ({"cursor": cursor} if cursor else {})
            page = http.get(children(base, **query)).expect(200).json
            assert len(page["children"]) <= 10
            seen += page["children"]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == names

    def test_what_they_hold(self, http, base):
        http.put(znode(base + "/a"), b"1").expect(201)
        (child,) = http.get(children(base, include="stat,data")).expect(200).json["children"]
        assert child["name"] == "a"
        assert child["text"] == "1"
        assert child["stat"]["dataLength"] == 1

    def test_not_modified(self, http, base):
        etag = http.get(children(base)).etag
        assert etag.startswith('"c')
        http.get(children(base), If_None_Match=etag).expect(304)
        http.put(znode(base + "/a")).expect(201)
        http.get(children(base), If_None_Match=etag).expect(200)

    @pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "cursor=%21"])
    def test_bad_pages(self, http, base, query):
        assert http.get(f"/v1/children{base}?{query}").status == 400
