"""What `pip install .` installs works by itself, outside the checkout, migrations included.

So does the demo, which is played from there: test_demo.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from installation import ZONE, Server, addresses

from benchmarks.process import ServerProcess, wait_for
from sheetanchor.cli.demo.port import free_port
from sheetanchor.client import Check, Registration


def test_dev_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """`sheetanchor dev` makes its schema, takes a registration, and answers for it."""
    grpc_port, dns_port, http_port = free_port(), free_port(), free_port()
    # beside the installed copy only the dependencies can be imported
    environment = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import migrations, registry; print(registry.__file__)"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    arguments = ["sheetanchor", "dev", "--data-dir", str(tmp_path / "data"), "--regions", "east"]
    for option, port in (("--grpc", grpc_port), ("--dns", dns_port), ("--http", http_port)):
        arguments += [option, f"127.0.0.1:{port}"]
    process = ServerProcess(
        "dev",
        arguments,
        tmp_path / "dev.log",
        environment=environment,
        directory=tmp_path,
    )
    server = Server(process, dns_port, http_port, tmp_path / "data")
    try:
        server.start()
        with Registration(
            "hello",
            region="east",
            addresses="127.44.0.1",
            check=Check("none"),
            registries=f"127.0.0.1:{grpc_port}",
            drain_seconds=0,
        ).sync():
            wait_for("DNS", lambda: addresses(server, f"hello.default.svc.{ZONE}"))
        assert process.stop() == 0, process.tail()
    finally:
        process.kill()
