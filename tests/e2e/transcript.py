"""Runs the transcripts of a page (```console blocks) for real, in one interactive-like shell.

`$` begins a command; the lines below it are what it prints. In them `...` alone stands for any
lines, and at the end of a line for any rest. What is printed comes true sooner or later, as for
a reader who types: a command that prints something else is repeated, for a while.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sheetanchor.cli.demo.port import claimed, free_port

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP = "make setup && "
"""Has been done, or no test would run."""


@dataclass
class Step:
    """One command, and what it is said to print."""

    command: str
    printed: list[str] = field(default_factory=list)

    def fits(self, output: list[str]) -> bool:
        """Whether `output` is what was promised."""
        pattern = ""
        for line in self.printed:
            if line == "...":
                pattern += r"(?:.*\n)*?"
            elif line.endswith("..."):
                pattern += re.escape(line.removesuffix("...")) + r".*\n"
            else:
                pattern += re.escape(line) + r"[ \t]*\n"
        return re.fullmatch(pattern, "".join(f"{line}\n" for line in output)) is not None


def steps(page: Path) -> list[Step]:
    """All commands of a page, in order."""
    found: list[Step] = []
    for block in BLOCK.findall(page.read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line.removeprefix("$ ")))
            elif line.startswith("> "):
                found[-1].command += "\n" + line.removeprefix("> ")
            else:
                found[-1].printed.append(line)
    return found


class Shell:
    """A bash with job control, where each port that the pages name is a free one."""

    def __init__(self, directory: Path) -> None:
        grpc, http, dns = free_port(), free_port(), _two_free_ports()
        self._ports = {"5310": grpc, "5380": http, "5300": dns, "5301": dns + 1}
        # those of the pages' services as well: somebody is at 8080 on many a machine
        self._ports |= {"8080": free_port(), "8081": free_port()}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHEETANCHOR_")}
        settings = {
            "SHEETANCHOR_GRPC": f"127.0.0.1:{grpc}",
            "SHEETANCHOR_REGISTRY": f"127.0.0.1:{grpc}",
            "SHEETANCHOR_DNS": f"127.0.0.1:{dns}",
            "SHEETANCHOR_HTTP": f"127.0.0.1:{http}",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._log = (directory / "shell.log").open("w+")
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=inherited | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        # as at a terminal: every background job is a process group of its own
        self._once("set -m")

    def run(self, step: Step, seconds: float) -> None:
        """Run a step until it prints what it should. Raises AssertionError."""
        step = Step(self._here(step.command), [self._here(line) for line in step.printed])
        begin = time.monotonic()
        while True:
            code, output = self._once(step.command)
            if code == 0 and (not step.printed or step.fits(output)):
                return
            late = time.monotonic() - begin > seconds
            assert not late, f"$ {step.command}\nexit code {code}, printed: {output}\n{self.said()}"
            time.sleep(0.1)

    def said(self) -> str:
        """What all commands wrote to standard error."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """End everything that was started."""
        for pid in self._session():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._bash.wait()
        self._log.close()

    def _here(self, text: str) -> str:
        """The same with the shell's own ports."""
        return re.sub(r"\b\d{4}\b", lambda found: str(self._ports.get(found[0], found[0])), text)

    def _once(self, command: str) -> tuple[int, list[str]]:
        command = command.removeprefix(SETUP)
        # a background job must not hold our pipe: its output is none of the step's
        command = re.sub(r"&$", ">&2 &", command)
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{command}\nprintf '\\n@@ %s\\n' $?\n")
        output: list[str] = []
        for line in self._bash.stdout:
            if line.startswith("@@ "):
                return int(line.split()[1]), [line for line in output if line]
            output.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended\n{self.said()}")

    def _session(self) -> Iterator[int]:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # proc(5): after the name come state, parent, group, session
                if int(stat.read_text().rpartition(")")[2].split()[3]) == self._bash.pid:
                    yield int(stat.parent.name)


def _two_free_ports() -> int:
    """A port free together with the next one: `dev` gives the second region that."""
    while True:
        port = free_port()
        with (
            contextlib.suppress(OSError, OverflowError),
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", port + 1))
            udp.bind(("127.0.0.1", port + 1))
            if claimed(port + 1):
                return port
