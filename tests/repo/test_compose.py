"""compose.yaml obeys the Compose specification, and fits the servers it starts."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

ROOT = Path(__file__).resolve().parents[2]
REGIONS = ("east", "west")

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    """The file, with anchors and merges resolved."""
    found: Document = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def validator() -> Validator:
    """The specification's own schema."""
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((vendored / "compose-spec.json").read_text())
    return validator_for(schema)(schema)


def test_file_obeys_the_specification(document: Document, validator: Validator) -> None:
    """The Compose specification's JSON schema finds no fault."""
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)] == []


def test_schema_finds_faults(document: Document, validator: Validator) -> None:
    """The check above can fail: an unknown key is found."""
    broken = document | {"services": {"dns-east": {"imagge": "sheetanchor:local"}}}
    assert list(validator.iter_errors(broken))


def test_everything_referred_to_exists(document: Document) -> None:
    """Networks, volumes, configs and dependencies named by a service are declared."""
    for name, service in document["services"].items():
        assert set(service.get("networks", [])) <= document["networks"].keys(), name
        assert set(service.get("depends_on", {})) <= document["services"].keys(), name
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= document["volumes"].keys(), name
        assert {c["source"] for c in service.get("configs", [])} <= document["configs"].keys(), name
    for name, config in document["configs"].items():
        assert (ROOT / config["file"]).is_file(), name


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_a_database_two_nodes_and_a_frontend(
    document: Document, region: str
) -> None:
    """A region depends on nothing of the other one."""
    services = document["services"]
    url = f"@postgres-{region}/"
    assert "image" in services[f"postgres-{region}"]
    for number in (1, 2):
        node = services[f"registry-{region}-{number}"]
        assert node["command"][0] == "registry"
        assert node["environment"]["SHEETANCHOR_REGIONS"] == region
        assert url in node["environment"]["SHEETANCHOR_DATABASE_URL"]
        assert all(region in other for other in node["depends_on"])
    frontend = services[f"dns-{region}"]
    assert frontend["command"] == ["dns"]
    assert frontend["environment"]["SHEETANCHOR_REGION"] == region
    # I15: nothing may keep a frontend from starting
    assert "depends_on" not in frontend


def test_published_ports_are_for_this_machine_only(document: Document) -> None:
    """Nothing here is open to the network before somebody wants it so."""
    ports = [port for s in document["services"].values() for port in s.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_no_password_is_written_down(document: Document) -> None:
    """The database's password comes from the caller, and a missing one stops the start."""
    for region in REGIONS:
        password = document["services"][f"postgres-{region}"]["environment"]["POSTGRES_PASSWORD"]
        assert password.startswith("${POSTGRES_PASSWORD:?")


def test_prometheus_asks_every_server(document: Document) -> None:
    """All registries and frontends, and the collector, are scraped by their service names."""
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {t for job in scrape for config in job["static_configs"] for t in config["targets"]}
    servers = {name for name in document["services"] if name.startswith(("registry-", "dns-"))}
    assert targets == {f"{name}:5380" for name in servers} | {"collector:8888"}


def test_collectors_pipelines_use_what_it_defines() -> None:
    """Receivers, processors and exporters of each pipeline exist."""
    config = yaml.safe_load((ROOT / "deploy" / "otel-collector.yaml").read_text())
    for pipeline in config["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= config[part].keys()


def test_image_is_built_from_files_that_are_there_and_runs_without_privilege() -> None:
    """Each COPY of the build context has its source, let through by .dockerignore."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        source
        for line in lines
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignore, source
    assert "USER 10001:10001" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
