"""What is generated is committed, and is what its sources say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("script", ["generate_protos.py", "generate_docs.py"])
def test_generated_files_are_what_their_sources_say(script: str) -> None:
    """Generating anew makes no difference."""
    done = subprocess.run(
        [sys.executable, f"scripts/{script}", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
