"""The machine-readable form of the contract."""

import json
import re
import subprocess
import sys

import yaml
from harness.aviary import ROOT
from openapi_spec_validator import validate

SPECIFICATION = ROOT / "openapi/aviary.yaml"


def test_it_is_valid():
    validate(yaml.safe_load(SPECIFICATION.read_text()))


def test_the_executable_holds_what_the_file_says():
    check = subprocess.run(
        [sys.executable, ROOT / "scripts/generate-openapi", "--check"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert check.returncode == 0, check.stderr
    source = (ROOT / "Sources/Gateway/OpenAPIDocument.swift").read_text()
    embedded = re.search(r'##"""\n(.*)\n"""##', source, re.DOTALL).group(1)
    assert json.loads(embedded) == yaml.safe_load(SPECIFICATION.read_text())
