"""What to make of a lease that has ended while its instance still answers probes.

An instance that dies is mostly seen by its probe as well. Where leases of many end at once
and their probes still succeed, it is more likely that heartbeats do not get through, and the
one that has stopped working is the registry's own ear (I14): then nothing is concluded from
silence, health stays what the probes say, and who is heard again goes on as if nothing had
been. One lease alone is given a short time, to see whether others follow.
"""

from __future__ import annotations

PATIENCE_SECONDS = 5.0
"""One default interval of heartbeats: time for the others' leases to end, too."""
MASS_SHARE = 0.2
"""Of a cell's leases; more than this at once is no coincidence."""
LONGEST_SECONDS = 600.0
"""However many they are, an end is an end after this; budgets bound what follows from it (I8)."""


# must_expire
#
#   probe vouches  overdue in the cell, vouched for   overdue for            expire
#   -------------  ---------------------------------  ---------------------  ------
#   no             any                                any                    yes
#   yes            one, or up to MASS_SHARE of all    below PATIENCE         no
#   yes            one, or up to MASS_SHARE of all    PATIENCE or more       yes
#   yes            more                               below LONGEST          no
#   yes            more                               LONGEST or more        yes
def must_expire(
    *, vouched: bool, overdue_seconds: float, overdue_count: int, lease_count: int
) -> bool:
    """Whether a lease that has ended is to be recorded as such.

    `overdue_count` is how many leases of the cell have ended and are vouched for, this one
    included; `lease_count` is all of the cell's.
    """
    if not vouched:
        return True
    if overdue_count > max(1.0, MASS_SHARE * lease_count):
        return overdue_seconds >= LONGEST_SECONDS
    return overdue_seconds >= PATIENCE_SECONDS
