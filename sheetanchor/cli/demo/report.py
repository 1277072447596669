"""What the demo found: for people at 80 columns, or as JSON. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sheetanchor.cli.demo.track import Blemish, Track

WIDTH = 80
SHOWN = 3
"""So many blemishes of a kind are told one by one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at_seconds: float
    """Since the end of the set-up."""
    event: str
    text: str

    def __str__(self) -> str:
        return textwrap.fill(
            self.text,
            WIDTH,
            initial_indent=f"{self.at_seconds:6.2f} s  ",
            subsequent_indent=" " * 10,
        )


@dataclass(slots=True)
class Report:
    """Filled while the demo runs. Times of day are monotonic seconds, counted from `began`."""

    name: str
    """The DNS name that was asked for."""
    began: float = 0.0
    ended: float = 0.0
    set_up_seconds: float = 0.0
    kill_to_moved_seconds: float | None = None
    """From the SIGKILL of a region's instances until no answer at all named one of them."""
    registry_away_seconds: float | None = None
    restore_to_back_seconds: float | None = None
    """From starting registry and instances again until the region's clients had them again."""
    exit_hold_seconds: float = 0.0
    """Of the last one, what the failover policy wants a region to have been well for."""
    failure: str = ""
    """Why the demo could not do all of it; empty if it could."""
    timeline: list[Moment] = field(default_factory=list)
    tracks: Sequence[Track] = ()

    @property
    def queries(self) -> int:
        """Questions asked, of all frontends."""
        return sum(track.queries for track in self.tracks)

    @property
    def empty_or_negative(self) -> int:
        """Answers without an address: the number that must be 0."""
        return sum(len(track.empty) for track in self.tracks)

    @property
    def unanswered(self) -> int:
        """Questions without an answer."""
        return sum(len(track.unanswered) for track in self.tracks)

    @property
    def ok(self) -> bool:
        """Whether the promise was kept, and everything was shown."""
        return not self.failure and not self.empty_or_negative and not self.unanswered

    def why(self) -> list[str]:
        """What was wrong, if anything."""
        found = [self.failure] if self.failure else []
        for track in self.tracks:
            found += self._told(track, track.empty, "empty or negative answers")
            found += self._told(track, track.unanswered, "questions without an answer")
        return found

    def as_json(self) -> dict[str, Any]:
        """All of it; the keys are part of the interface."""
        return {
            "ok": self.ok,
            "why": self.why(),
            "name": self.name,
            "set_up_seconds": round(self.set_up_seconds, 3),
            "seconds": round(self.ended - self.began, 3),
            "queries": self.queries,
            "empty_or_negative": self.empty_or_negative,
            "unanswered": self.unanswered,
            "kill_to_moved_seconds": _rounded(self.kill_to_moved_seconds),
            "registry_away_seconds": _rounded(self.registry_away_seconds),
            "restore_to_back_seconds": _rounded(self.restore_to_back_seconds),
            "exit_hold_seconds": self.exit_hold_seconds,
            "clients": [
                {
                    "frontend": track.frontend,
                    "view": track.view,
                    "queries": track.queries,
                    "empty_or_negative": len(track.empty),
                    "unanswered": len(track.unanswered),
                    "slowest_answer_ms": round(track.longest_seconds * 1000, 1),
                    "answers": [
                        {"at_seconds": round(at - self.began, 3), "addresses": sorted(addresses)}
                        for at, addresses in track.changes
                    ],
                }
                for track in self.tracks
            ],
            "timeline": [
                {"at_seconds": round(m.at_seconds, 3), "event": m.event, "text": m.text}
                for m in self.timeline
            ],
        }

    def as_text(self) -> str:
        """The summary, below the timeline that has been shown already."""
        rows = [
            ("instances killed, until the answer moved", self.kill_to_moved_seconds),
            ("registry away, answers the same", self.registry_away_seconds),
            ("all restored, until the answer was back", self.restore_to_back_seconds),
        ]
        lines = [
            f"{title:<44}{'not measured' if value is None else f'{value:8.2f} s':>12}"
            for title, value in rows
        ]
        lines += [
            f"{'questions asked':<44}{self.queries:>10,}",
            f"{'empty or negative answers':<44}{self.empty_or_negative:>10,}",
            f"{'questions without an answer':<44}{self.unanswered:>10,}",
        ]
        lines += [
            textwrap.fill(f"FAILED: {why}", WIDTH, subsequent_indent="        ")
            for why in self.why()
        ]
        return "\n".join(lines)

    def _told(self, track: Track, blemishes: Sequence[Blemish], what: str) -> list[str]:
        if not blemishes:
            return []
        shown = ", ".join(
            f"{blemish.text} at {blemish.at - self.began:.2f} s" for blemish in blemishes[:SHOWN]
        )
        more = ", ..." if len(blemishes) > SHOWN else ""
        return [f"{track.name}: {len(blemishes)} {what}: {shown}{more}"]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
