"""One trace from a service's registration to the answers of a frontend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "tests.integration.dns_frontend.traced_installation"


def test_a_registration_and_its_way_to_the_answers_are_one_trace(tmp_path: Path) -> None:
    """Client, commit, publication, application: each under the last; the plan under the commit."""
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    spans = {span["id"]: span for span in json.loads(done.stdout)}
    (client,) = [span for span in spans.values() if span["name"] == "client"]
    ours = {key: span for key, span in spans.items() if span["trace"] == client["trace"]}
    (last,) = [span for span in ours.values() if span["name"] == "frontend.apply"]
    line = [last]
    while line[-1]["parent"]:
        line.append(ours[line[-1]["parent"]])
    assert [span["name"] for span in reversed(line)] == [
        "client",
        "RegisterInstance",
        "publish",
        "frontend.apply",
    ]
    # the plan is made beside its publication, for the same registration
    (plan,) = [span for span in ours.values() if span["name"] == "plan"]
    assert ours[plan["parent"]]["name"] == "RegisterInstance"
