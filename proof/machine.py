"""Random histories of a world, also from states that no history reaches (hypothesis)."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import replace

import hypothesis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from proof.contents import EMPTY, GARBAGE
from proof.parts import Parts
from proof.rules import SHIPPED, Rules
from proof.search import Found
from proof.world import Bounds, Frontend, Game, Publisher, Row, Violation, World


def contents_known() -> list[int]:
    """The contents that honest histories meet, made once."""
    parts, known = Parts(SHIPPED), [EMPTY]
    for truth in range(5):
        known += [parts.propose(truth, content, partial=False) for content in tuple(known)]
    return sorted(set(known))


KNOWN = contents_known()


@st.composite
def corrupted(draw: st.DrawFn, bounds: Bounds) -> World:
    """Tables in any state: dangling heads, missing parents, garbage, an older backup."""
    content = st.sampled_from([*KNOWN, GARBAGE])
    rows = tuple(
        Row(
            generation,
            draw(st.sampled_from((generation - 1, generation - 2))),
            1,
            draw(content),
            draw(st.booleans()),
        )
        for generation in sorted(draw(st.sets(st.integers(1, 4))))
    )
    head = draw(st.integers(0, 4))
    served = draw(st.sampled_from(KNOWN[1:]))
    at = (draw(st.integers(0, 6)), draw(st.integers(0, 6)), served, EMPTY)
    return World(
        epoch=draw(st.integers(0, 3)),
        head=head,
        head_content=draw(st.sampled_from(KNOWN)),
        rows=rows,
        names=draw(st.sampled_from(KNOWN)),
        truth=draw(st.integers(0, 3)),
        publishers=(Publisher(),) * bounds.publishers,
        frontends=(Frontend(at if at[1] else None),) + (Frontend(),) * (bounds.frontends - 1),
    )


def play(
    name: str, rules: Rules, bounds: Bounds, *, examples: int, from_anywhere: bool = False
) -> Found:
    """Play random histories; the shrunk one that breaks an invariant, if any."""
    game = Game(replace(rules, judges_head=not from_anywhere), bounds)
    found = Found(name)
    last: list[str] = []

    class Machine(RuleBasedStateMachine):
        """One history."""

        def __init__(self) -> None:
            super().__init__()
            self.world = game.start()
            last.clear()

        @initialize(data=st.data())
        def begin(self, data: st.DataObject) -> None:
            """From the beginning, or from anywhere."""
            if from_anywhere:
                self.world = data.draw(corrupted(bounds))
                last.append(f"start from {self.world}")

        @rule(choice=st.integers(0, 2**16))
        def go_on(self, choice: int) -> None:
            """One of the possible steps."""
            found.transitions += 1
            able = [] if self._is_over() else list(game.steps(self.world))
            if able:
                word, self.world = able[choice % len(able)]
                last.append(word)

        def _is_over(self) -> bool:
            return self.world.head >= bounds.generations

        def teardown(self) -> None:
            """Left alone, it recovers."""
            game.recover(self.world)

    begun = time.monotonic()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    report_multiple_bugs=False,
                    suppress_health_check=list(hypothesis.HealthCheck),
                    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
                ),
            )
    except Violation as violation:
        found.violation, found.trace = str(violation), list(last)
    found.states = found.transitions
    found.seconds = time.monotonic() - begun
    return found
