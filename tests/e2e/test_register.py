"""`sheetanchor register`: a lease held from the shell, with a real registry and real commands."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from installation import Installation, Server, instances

from benchmarks.process import ROOT, wait_for
from sheetanchor.v1 import instance_pb2

Start = Callable[..., subprocess.Popen[str]]
NUMBERS = itertools.count(1)
TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""A session's first terminal becomes its controlling one, and who took it the foreground. No
`preexec_fn`, which must not be where there are threads."""


@dataclass(frozen=True)
class Place:
    """An instance that is not there yet, and the registry that it is for."""

    registry: Server
    instance: str

    @property
    def name(self) -> str:
        """Its full name."""
        return f"namespaces/default/services/shop/instances/{self.instance}"

    def found(self) -> instance_pb2.Instance | None:
        """What the registry knows of it."""
        return instances(self.registry).get(self.name)

    def uid(self) -> str:
        """Of the registration that is there."""
        found = self.found()
        assert found is not None
        return found.uid

    def active(self) -> bool:
        """Whether it is registered and not on its way out."""
        found = self.found()
        return found is not None and found.state == instance_pb2.Instance.STATE_ACTIVE

    def await_active(self) -> None:
        """Wait until the registry has it."""
        wait_for("registered", self.active, 60)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry of the region east for all tests that neither start nor end theirs."""
    installation = Installation(tmp_path_factory.mktemp("registry"))
    found = installation.registry("registry", "east")
    try:
        found.start()
        yield found
    finally:
        installation.stop()


@pytest.fixture
def place(running: Server) -> Place:
    """For an instance of the test's own."""
    return Place(running, f"i{next(NUMBERS)}")


@pytest.fixture
def lonely(installation: Installation) -> Place:
    """The same with a registry of the test's own; not started yet."""
    return Place(installation.registry("registry", "east"), "one")


@pytest.fixture
def register() -> Iterator[Start]:
    """Starts `sheetanchor register shop` for a place, with more options; ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(
        place: Place,
        *options: str,
        command: tuple[str, ...] = (),
        terminal: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[str]:
        arguments = ["register", "shop", "--region", "east", "--instance", place.instance]
        arguments += ["--registry", place.registry.address, "--check", "none", *options]
        arguments += ["--", *command] if command else []
        if terminal >= 0:
            arguments = ["-c", TAKE_THE_TERMINAL, "-m", "sheetanchor", *arguments]
        else:
            arguments = ["-m", "sheetanchor", *arguments]
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith("SHEETANCHOR_")},
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def python(program: str) -> tuple[str, ...]:
    """A command that runs a few lines of Python."""
    return (sys.executable, "-c", program)


def test_lease_is_held_until_sigterm_and_then_given_back(place: Place, register: Start) -> None:
    """Without a command it ends with 0, drained and deregistered."""
    process = register(place, "--drain", "0.1")
    place.await_active()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "is draining" in said
    assert "is deregistered" in said
    assert not place.active()


def test_exit_code_of_the_command_is_passed_on(place: Place, register: Start) -> None:
    """The lease is held while the command runs, and given back at once when it ends."""
    waits = "import sys; print('up', flush=True); sys.stdin.read(); sys.exit(7)"
    process = register(place, "--drain", "600", command=python(f"{waits}"))
    output, said = process.communicate(timeout=60)
    assert (process.returncode, output) == (7, "up\n"), said
    assert "registered namespaces/" in said
    assert "ended with exit code 7" in said
    assert not place.active()


def test_command_that_is_killed_is_deregistered_at_once(
    place: Place, register: Start, tmp_path: Path
) -> None:
    """It cannot drain any more; the exit code is what a shell would say."""
    note = tmp_path / "pid"
    dies = (
        f"import os, signal, time; open({str(note)!r}, 'w').write(str(os.getpid())); signal.pause()"
    )
    process = register(place, "--drain", "600", command=python(dies))
    place.await_active()
    wait_for("command up", lambda: note.exists() and note.read_text())
    os.kill(int(note.read_text()), signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL, said
    assert "is draining" not in said
    assert not place.active()


def test_signal_reaches_the_command_after_its_clients_were_turned_away(
    place: Place, register: Start, tmp_path: Path
) -> None:
    """SIGTERM drains and deregisters first; the command serves meanwhile, then gets the signal."""
    note = tmp_path / "up"
    obeys = (
        "import signal, sys\n"
        "def end(*_): sys.stderr.write('told to end\\n'); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(note)!r}, 'w').close()\n"
        "signal.pause()"
    )
    process = register(place, "--drain", "0.5", command=python(obeys))
    place.await_active()
    wait_for("command up", note.exists)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3, said
    order = [said.index(words) for words in ("is draining", "is deregistered", "told to end")]
    assert order == sorted(order), said


def test_registry_that_is_away_is_waited_for(lonely: Place, register: Start) -> None:
    """The command runs meanwhile, and the lease comes when the registry does."""
    up = "import signal; print('up', flush=True); signal.pause()"
    process = register(lonely, "--drain", "0", command=python(up))
    assert process.stdout
    assert process.stderr
    assert "trying on" in process.stderr.readline()
    assert process.stdout.readline() == "up\n"
    lonely.registry.start()
    lonely.await_active()
    assert "registered" in process.stderr.readline()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param(("--port", "70000"), "--port", id="port"),
        pytest.param(("--address", "10.0.0.999"), "--address", id="address"),
        pytest.param(("--weight", "0"), "--weight", id="weight"),
        pytest.param(("--metadata", "novalue"), "--metadata", id="metadata"),
        pytest.param(("--region", "atlantis"), "region", id="region"),
        pytest.param(("--ttl", "31536000"), "ttl", id="lease of a year"),
        pytest.param(("--instance", "Not-A-Label"), "--instance", id="instance"),
        pytest.param(("--registry", "nowhere"), "--registry", id="registry"),
    ],
)
def test_bad_input_is_named_and_runs_nothing(
    place: Place, register: Start, options: tuple[str, ...], named: str
) -> None:
    """Exit code 2, the field by its name, and the command never started."""
    process = register(place, *options, command=python("print('ran')"))
    output, said = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert named in said
    assert said.count("\n") == 1, said
    assert output == ""
    assert place.found() is None


def test_command_that_is_not_there_is_not_announced(place: Place, register: Start) -> None:
    """127, as a shell says it."""
    process = register(place, command=("no-such-command-here",))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 127
    assert "no-such-command-here" in said
    assert place.found() is None


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: path.mkdir(), id="directory"),
        pytest.param(lambda path: path.write_text("exit 0\n"), id="not executable"),
        pytest.param(lambda path: (path.touch(), path.chmod(0o755)), id="of no known format"),
    ],
)
def test_command_that_cannot_be_run_is_not_announced(
    place: Place, register: Start, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    """126, as a shell says it, and one line that names it."""
    make(tmp_path / "it")
    process = register(place, command=(str(tmp_path / "it"),))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 126, said
    assert f"cannot run {tmp_path / 'it'}: " in said
    assert not place.active()


def test_registry_that_was_never_reached_is_not_said_to_have_deregistered(
    lonely: Place, register: Start
) -> None:
    """Nothing was registered, and that is what it says at the end."""
    process = register(lonely, command=python("pass"))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "is deregistered" not in said
    assert said.splitlines()[-1].endswith("was not registered at the end")


def test_registry_that_died_meanwhile_is_not_said_to_have_deregistered(
    lonely: Place, register: Start
) -> None:
    """DNS may still answer the instance, so whoever ended it is told."""
    lonely.registry.start()
    process = register(lonely, "--drain", "0")
    lonely.await_active()
    lonely.registry.kill()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "is deregistered" not in said
    assert "is not deregistered; DNS may answer it until" in said


def test_lost_lease_is_taken_again_and_told(place: Place, register: Start) -> None:
    """A process suspended for longer than its lease registers anew when it wakes."""
    process = register(place, "--ttl", "1", "--drain", "0")
    place.await_active()
    first = place.uid()
    process.send_signal(signal.SIGSTOP)
    try:
        wait_for("lease over", lambda: not place.active())
    finally:
        process.send_signal(signal.SIGCONT)
    place.await_active()
    assert place.uid() != first
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "lost its lease" in said
    assert f"registered {place.name} again" in said


def test_instance_that_another_process_takes_over_is_given_up(
    place: Place, register: Start
) -> None:
    """Without a command there is nothing left to hold: exit code 1, and the other one keeps it."""
    first = register(place, "--ttl", "5")
    place.await_active()
    uid = place.uid()
    second = register(place, "--drain", "0")
    wait_for("taken over", lambda: place.uid() != uid)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 1, said
    assert "registered by another process" in said
    assert place.active()
    second.send_signal(signal.SIGTERM)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said


def test_notices_can_be_read_by_machines(place: Place, register: Start) -> None:
    """With --json one object a line, its event a fixed word."""
    process = register(place, "--json", "--drain", "0", command=python("print('ran')"))
    output, said = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "ran\n"), said
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events == ["registered", "command-ended", "left"]


class Keyboard:
    """A terminal for a process to be run at, and the keys of it."""

    def __init__(self) -> None:
        self.keys, self.terminal = os.openpty()

    def __enter__(self) -> Keyboard:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.keys)
        os.close(self.terminal)

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self.keys, keys)


CTRL_C, CTRL_Z = b"\x03", b"\x1a"


def test_ctrl_c_reaches_the_command_once_and_after_its_clients_were_turned_away(
    place: Place, register: Start, tmp_path: Path
) -> None:
    """The terminal must not kill what DNS still answers; a second signal would mean: at once."""
    note = tmp_path / "up"
    counts = (
        "import signal, sys, time\n"
        "got = []\n"
        "def count(*_): got.append(1); sys.stderr.write('told to end\\n'); sys.stderr.flush()\n"
        "signal.signal(signal.SIGINT, count)\n"
        f"open({str(note)!r}, 'w').close()\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(1.5)\n"
        "print(len(got))"
    )
    with Keyboard() as keyboard:
        process = register(
            place, "--drain", "0.5", command=python(counts), terminal=keyboard.terminal
        )
        place.await_active()
        wait_for("command up", note.exists)
        keyboard.press(CTRL_C)
        output, said = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "1\n"), said
    words = ("is draining", "is deregistered", "told to end", "ended with exit code 0")
    order = [said.index(word) for word in words]
    assert order == sorted(order), said


def test_command_that_reads_the_terminal_can(place: Place, register: Start) -> None:
    """It gets the foreground, and Ctrl-C with it, when it asks for a line."""
    asks = (
        "try:\n"
        "    print('name?', flush=True); print('hello', input(), flush=True); input()\n"
        "except KeyboardInterrupt: raise SystemExit(5)"
    )
    with Keyboard() as keyboard:
        process = register(
            place, "--drain", "600", command=python(asks), terminal=keyboard.terminal
        )
        place.await_active()
        assert process.stdout
        assert process.stdout.readline() == "name?\n"
        keyboard.press(b"anna\n")
        assert process.stdout.readline() == "hello anna\n"
        keyboard.press(CTRL_C)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert "is draining" not in said
    assert "is deregistered" in said


def test_ctrl_z_stops_the_command_too_and_both_go_on(place: Place, register: Start) -> None:
    """What a shell suspends is the whole job, and so is what it resumes."""
    asks = "import os\nprint(os.getpid(), flush=True); print('hello', input(), flush=True)"
    with Keyboard() as keyboard:
        process = register(place, "--drain", "0", command=python(asks), terminal=keyboard.terminal)
        place.await_active()
        assert process.stdout
        command = int(process.stdout.readline())
        wait_for("foreground", lambda: os.tcgetpgrp(keyboard.keys) == command)
        keyboard.press(CTRL_Z)
        wait_for("both stopped", lambda: state(command) == state(process.pid) == "T")
        process.send_signal(signal.SIGCONT)
        keyboard.press(b"anna\n")
        assert process.stdout.readline() == "hello anna\n"
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def state(process_id: int) -> str:
    """The kernel's letter for what a process does."""
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
