"""In which order a frontend listens to regions: its own, then as configured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranking:
    """The frontend's home region and the configured order of all regions."""

    home: str
    regions: tuple[str, ...]

    def rank(self, region: str) -> tuple[int, str]:
        """Sorts regions: home, then as configured, then by name."""
        if region == self.home:
            return (-1, region)
        if region in self.regions:
            return (self.regions.index(region), region)
        return (len(self.regions), region)
