"""October 2025 on this machine: who does what when, and what DNS answered meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sheetanchor.cli.demo.actor import Actor, ActorFailed
from sheetanchor.cli.demo.port import free_port
from sheetanchor.cli.demo.warden import Warden
from sheetanchor.cli.drill.answers import Answers
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.quantity import counted, were

NAME = "cart.shop.svc.anchor.internal."
NEWER_PLANS = 40
READY_SECONDS = 60.0
SEEN_SECONDS = 10.0
DATABASE = "registry.sqlite3"


class Enactor:
    """A publisher's process, and its answers."""

    def __init__(self, warden: Warden, name: str, database: Path) -> None:
        self.name = name
        self._log = (warden.directory / f"{name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sheetanchor.cli.drill.enactor", str(database), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            process_group=warden.group,
        )

    def tell(self, line: str) -> None:
        """Say what to do, and wait for nothing."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def heard(self) -> str:
        """Its next answer. Raises ActorFailed when it has ended."""
        assert self.process.stdout is not None
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise ActorFailed(f"publisher {self.name} ended: see {self._log.name}")
        return answer

    def do(self, line: str) -> str:
        """Say what to do; the answer."""
        self.tell(line)
        return self.heard()

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._log.close()


class Drill:
    """The processes, the story, and the judge."""

    def __init__(self, warden: Warden, *, mutant: bool) -> None:
        self._warden = warden
        self._mutant = mutant
        self._data = warden.directory / "registry"
        self._grpc, self._dns = free_port(), free_port()
        registry_http, dns_http = free_port(), free_port()
        program = "sheetanchor.cli.drill.mutant" if mutant else "sheetanchor"
        self._registry = Actor(
            "registry",
            [
                "-m",
                program,
                "registry",
                "--migrate",
                "--data-dir",
                str(self._data),
                "--grpc",
                f"127.0.0.1:{self._grpc}",
                "--http",
                f"127.0.0.1:{registry_http}",
            ],
            warden,
            registry_http,
        )
        self._frontend = Actor(
            "frontend",
            [
                "-m",
                "sheetanchor",
                "dns",
                "--data-dir",
                str(warden.directory / "dns"),
                "--registry",
                f"127.0.0.1:{self._grpc}",
                "--dns",
                f"127.0.0.1:{self._dns}",
                "--http",
                f"127.0.0.1:{dns_http}",
            ],
            warden,
            dns_http,
        )
        self.answers = Answers(NAME, self._dns)
        self.refusals: list[str] = []
        self._told = 0

    def run(self) -> ExitCode:
        """The whole story; OK only when DNS never faltered and the old plan was refused."""
        self._data.mkdir(parents=True)
        # The registry's own automation stands still: the three publishers are the drill's.
        (self._data / "freeze").write_text("")
        self._say("one registry, one DNS frontend, three publishers; all in processes of their own")
        self._registry.start()
        asyncio.run(self._registry.until_ready(READY_SECONDS))
        database = self._data / DATABASE
        if self._mutant:
            self._say(
                "--mutant: no compare-and-set, no triggers, clean-up by age,"
                " and a plan that is gone says nothing"
            )
            _drop_triggers(database)
        with self._publishers(database) as (slow, quick, third):
            self._act(slow, "lead")
            self._act(slow, "plan 1")
            self._act(slow, "publish")
            self._frontend.start()
            asyncio.run(self._frontend.until_ready(READY_SECONDS))
            self.answers.start()
            self._see("192.0.2.1")
            self._act(slow, "plan 2")
            self._say(f"{slow.name} is stopped, holding its plan (SIGSTOP)")
            os.kill(slow.process.pid, signal.SIGSTOP)
            self._act(quick, "lead")
            for number in range(3, 3 + NEWER_PLANS):
                loud = number in (3, 2 + NEWER_PLANS)
                self._act(quick, f"plan {number}", loud=loud)
                self._act(quick, "publish", loud=loud)
                if number == 3 + NEWER_PLANS // 2:
                    self._act(third, self._clean)
            self._see(f"192.0.2.{2 + NEWER_PLANS}")
            self._say(f"{slow.name} goes on (SIGCONT), and a clean-up runs")
            os.kill(slow.process.pid, signal.SIGCONT)
            self._act(slow, "publish-unguarded" if self._mutant else "publish")
            if not self._mutant:
                self._act(slow, "publish-fenceless")
            else:
                self._see("192.0.2.2", must=False)
            self._act(third, self._clean)
            self._settle()
            if not self._mutant:
                self._act(quick, "plan 43")
                self._act(quick, "publish")
                self._see("192.0.2.43")
        self.answers.stop()
        self._tell_answers()
        return self._judge()

    @property
    def _clean(self) -> str:
        return "clean-by-age" if self._mutant else "clean"

    @contextlib.contextmanager
    def _publishers(self, database: Path) -> Iterator[tuple[Enactor, Enactor, Enactor]]:
        made = [Enactor(self._warden, f"publisher {name}", database) for name in "ABC"]
        try:
            yield made[0], made[1], made[2]
        finally:
            for each in made:
                each.close()

    def _act(self, enactor: Enactor, line: str, *, loud: bool = True) -> None:
        answer = enactor.do(line)
        if answer.startswith("refused"):
            self.refusals.append(answer)
        if loud or answer.startswith("refused"):
            self._say(f"{enactor.name}: {answer}")

    def _see(self, wanted: str, *, must: bool = True) -> None:
        """Wait until DNS answers so. Raises ActorFailed."""
        end = time.monotonic() + SEEN_SECONDS
        while self.answers.now() != wanted:
            if time.monotonic() > end:
                if not must:
                    return
                raise ActorFailed(f"DNS answers {self.answers.now() or 'nothing'}, not {wanted}")
            time.sleep(0.01)
        self._tell_answers()

    def _settle(self) -> None:
        """Give what was done the time to reach DNS: it must be seen to change nothing."""
        asked = self.answers.asked
        while self.answers.asked < asked + 100:
            time.sleep(0.01)
        self._tell_answers()

    def _tell_answers(self) -> None:
        changes = self.answers.changes[self._told :]
        self._told += len(changes)
        if len(changes) > 6:
            left = len(changes) - 4
            for at, answer in changes[:2]:
                self._say(f"    DNS answers {answer}", at)
            self._say(f"    ... {left} more answers, each newer than the one before")
            changes = changes[-2:]
        for at, answer in changes:
            self._say(f"    DNS answers {answer}", at)

    def _judge(self) -> ExitCode:
        faults, refused = self.answers.faults, len(self.refusals)
        self._say(
            f"asked {counted(self.answers.asked, 'time')}: {counted(len(faults), 'answer')} "
            f"{were(len(faults))} empty, negative or older"
        )
        for at, fault in faults:
            self._say(f"    {fault}", at)
        self._say(f"{counted(refused, 'write')} of the old plan {were(refused)} refused")
        if not faults and (self.refusals or self._mutant):
            self._say("October 2025 did not happen here")
            return ExitCode.OK
        self._say("October 2025 happened again")
        return ExitCode.FAILED

    def _say(self, text: str, at: float | None = None) -> None:
        seconds = time.monotonic() - self.answers.began if at is None else at
        print(f"{seconds:7.2f} s  {text}", flush=True)


def _drop_triggers(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in found.fetchall():
            connection.execute(f"DROP TRIGGER {name}")


def play(*, mutant: bool) -> ExitCode:
    """Play it to its end, and clear up."""
    try:
        with Warden() as warden:
            return Drill(warden, mutant=mutant).run()
    except ActorFailed as failed:
        print(f"the drill failed: {failed}", flush=True)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", flush=True)
        return ExitCode.INTERRUPTED
