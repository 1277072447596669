"""Generates `sheetanchor/v1` from `protos/`; with `--check`, only tells whether it is fresh.

The lines that name the generator's version are left out of the comparison: a newer
generator, which our lower bounds allow, is no change of the contract.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = Path("sheetanchor/v1")
VERSION_LINES = re.compile(
    r"^GRPC_GENERATED_VERSION = .*$|^# Protobuf Python Version: .*$|^    \d+,$", re.MULTILINE
)


def generate(target: Path) -> None:
    """Write the generated modules below `target`."""
    sources = sorted(str(path) for path in (ROOT / "protos").rglob("*.proto"))
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    # google/rpc/*.proto lies beside the modules of googleapis-common-protos
    google = find_spec("google.rpc")
    assert google is not None
    assert google.submodule_search_locations
    includes = [ROOT / "protos", Path(google.submodule_search_locations[0]).parent.parent]
    command = [sys.executable, "-m", "grpc_tools.protoc", *(f"-I{path}" for path in includes)]
    subprocess.run([*command, *outputs, *sources], check=True)


def contents(root: Path) -> dict[str, str]:
    """The generated modules below `root` by name, without their version lines."""
    found = (root / OUTPUT).glob("*_pb2*.py*")
    return {path.name: VERSION_LINES.sub("", path.read_text()) for path in found}


def stale() -> list[str]:
    """Names of committed modules that differ from what the contract says, or are missing."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh, committed = contents(Path(scratch)), contents(ROOT)
    names = fresh.keys() | committed.keys()
    return sorted(name for name in names if fresh.get(name) != committed.get(name))


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        if names := stale():
            sys.exit(f"not what protos/ says: {', '.join(names)}; run `make protos`")
    else:
        generate(ROOT)
