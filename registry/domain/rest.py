"""How long a writer rests after a transaction, so that the next one carries more.

A transaction costs much by itself and little for each thing in it. Without a rest a busy
loop hands over its requests by twos and threes, as they trickle in, and most of the time
goes into beginning and ending. So the busier a writer is the longer it rests, within
bounds; one that is not busy rests hardly at all, and nobody waits for company that has
not been there.
"""

from __future__ import annotations

COMMITS = 8.0
"""A rest of the committer is so many commits long at most ..."""
COMMIT_REST_SECONDS = 0.01
"""... and this at most."""
CALLERS_A_COMMIT = 2
GRACE = 0.5
"""So much of a commit is left for others when as many wait as were answered."""
STEPS = 6.0
"""A rest of the publisher is so many steps long at most ..."""
PUBLISH_REST_SECONDS = 0.5
"""... and this at most: so old may what is published be in a flood."""
SERVICES_A_STEP = 4


# commit_rest
#
#   callers answered at once   rest, in times of that commit
#   -------------------------  ------------------------------------
#   1                          0: it was alone
#   2 to 16                    half of the others' number
#   17 or more                 8
#
# It ends before its time, but for a grace, when as many wait again: those who ask one thing
# after another are all there then. Whoever else comes within the grace makes the next commit
# a larger one, so that groups grow as long as there are more to come.
def commit_rest(commit_seconds: float, callers: int) -> float:
    """Seconds from the end of a group commit to the next."""
    commits = min(COMMITS, (callers - 1) / CALLERS_A_COMMIT)
    return min(COMMIT_REST_SECONDS, commits * commit_seconds)


# publish_rest
#
#   services in the step   rest, in times of that step
#   ---------------------  --------------------------------------------------------------
#   4 or fewer             1: half of the time belongs to those who register
#   5 to 23                a quarter of their number
#   24 or more             6: under a flood steps become rarer and larger, and what changes
#                          twice meanwhile is planned once
def publish_rest(step_seconds: float, services: int) -> float:
    """Seconds from the end of a publication to the next."""
    steps = min(STEPS, max(1.0, services / SERVICES_A_STEP))
    return min(PUBLISH_REST_SECONDS, steps * step_seconds)
