"""A line of `list audit`: what was done by hand, in the words of the command that does it.

Ids that nobody reads are cut; `--json` and `get audit` have all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sheetanchor.cli.age import ago

COLUMNS = ("ACT", "OF", "WHAT", "WHO", "AGO", "REASON")
VERBS: Mapping[str, str] = {
    "ACT_BREAK_GLASS_PIN": "break-glass pin",
    "ACT_BREAK_GLASS_LIFT": "break-glass lift",
    "ACT_ROLL_BACK": "plans rollback",
    "ACT_FREEZE": "freeze",
    "ACT_UNFREEZE": "unfreeze",
    "ACT_PIN_PLAN": "pin",
    "ACT_UNPIN_PLAN": "unpin",
    "ACT_DELETE_SERVICE": "delete service",
    "ACT_UPDATE_SERVICE": "update service",
    "ACT_DECIDE_REMOVAL": "held",
    "ACT_DIVERT_SERVICE": "divert",
    "ACT_UPDATE_ZONE": "zone set",
}
"""By the contract's word, the verb; `held` is followed by the decision."""
DECISIONS: Mapping[str, str] = {"REMOVE": "confirm", "KEEP": "keep", "NONE": "undecide"}
"""As registries before wrote them down."""
ROOTS: Mapping[str, str] = {"ACT_UPDATE_SERVICE": "service", "ACT_UPDATE_ZONE": "zone"}
"""Of the paths of what was edited."""
_PATH = re.compile(r"(?:policy|settings)(?:\.\w+)+")
_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-([0-9a-f]{12})")


def audit_row(item: Any, now: float) -> tuple[str, ...]:
    """The cells for an entry, given the wall clock's seconds."""
    from sheetanchor.cli.kind import short_name, told

    act = item.Act.Name(item.act) if item.act in item.Act.values() else ""
    verb = VERBS.get(act, "-")
    detail = told(item.detail)
    if act == "ACT_DECIDE_REMOVAL":
        word, _, detail = detail.partition(" ")
        verb = f"{verb} {DECISIONS.get(word, word)}".rstrip()
    subject = short_name(item.subject) or item.subject
    subject = "all cells" if item.subject == "cells/-" else subject
    if item.cell and not item.subject.startswith("cells/"):
        subject += f" of {item.cell}"
    generation = str(item.generation)
    if item.generation and generation not in item.subject.split("/"):
        detail = f"to {generation} {detail}".rstrip()
    if act in ROOTS:
        # what the registry names by its path was typed as an option
        detail = _PATH.sub(lambda found: _word(f"{ROOTS[act]}.{found[0]}"), detail)
    detail = _UID.sub(r"…\1", detail)
    who, why = told(item.actor), told(item.reason)
    return verb, subject, detail or "-", who or "-", ago(item, "act_time", now), why


def _word(path: str) -> str:
    # loads gRPC, which shell completion can do without
    from sheetanchor.cli.field import option_of

    option = option_of(path)
    return option.removeprefix("--") if option != path else path.split(".", 2)[2]
