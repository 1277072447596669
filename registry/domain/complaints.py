"""What is wrong with a request, collected field by field so that all of it is told at once."""

from __future__ import annotations

from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.names import LABEL_RULE, is_label


class Complaints:
    """Collects violations, each under the path of its field."""

    def __init__(self, prefix: str = "") -> None:
        self.violations: list[FieldViolation] = []
        self.kind: type[InvalidField] = InvalidField
        self._prefix = prefix

    def add(self, path: str, description: str, kind: type[InvalidField] = InvalidField) -> None:
        """One more. Only a single violation keeps a `kind` of its own."""
        self.violations.append(FieldViolation(self._prefix + path, description))
        self.kind = kind if len(self.violations) == 1 else InvalidField

    def span(self, path: str, value: float, limits: tuple[float, float], unit: str = "") -> bool:
        """Whether `value` lies within `limits`, both included; complains if not."""
        low, high = limits
        if low <= value <= high:
            return True
        self.add(path, f"must be {low:g} to {high:g}{unit}, is {value:g}")
        return False

    def label(self, path: str, text: str) -> bool:
        """Whether `text` is an id; complains if not."""
        if is_label(text):
            return True
        self.add(path, f"must be {LABEL_RULE}; is {shown(text)}" if text else "is required")
        return False

    def check(self) -> None:
        """Raises what was collected, if anything was."""
        if self.violations:
            raise self.kind(*self.violations)


def shown(text: str) -> str:
    """`text` in quotes, cut short: a message is no place to echo a megabyte."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
