"""From a base to the generation that a journal's steps lead to."""

from __future__ import annotations

from collections.abc import Sequence

from dns_frontend.feed.decode import published_of
from dns_frontend.feed.record import Damage, DamagedError, Step
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.guard import Limits


def replay(
    snapshot: Snapshot,
    steps: Sequence[Step],
    limits: Limits,
    *,
    below: tuple[int, int] | None = None,
) -> tuple[Snapshot, DamagedError | None]:
    """The generation after these steps; those that lead nowhere new are passed over, and so are,
    with `below`, those that lead to that (epoch, generation) or beyond it.

    With an error it is that of the last step before the first that cannot be used. All are
    taken at once, since each costs a hash over its row; one by one when that leads nowhere.
    """
    order, due = snapshot.order, []
    gap: DamagedError | None = None
    for step in steps:
        to = (step.position.epoch, step.position.generation)
        if to <= order or (below is not None and to >= below):
            continue
        if step.parent != order or step.position.cell != snapshot.position.cell:
            reason = f"a step from {step.parent} follows {order}"
            gap = DamagedError(Damage.CHAIN, reason)
            break
        order = to
        due.append(step)
    try:
        return after(snapshot, due, limits), gap
    except DamagedError:
        for step in due:
            try:
                snapshot = after(snapshot, [step], limits)
            except DamagedError as error:
                return snapshot, error
    return snapshot, gap


def step_between(before: Snapshot, snapshot: Snapshot) -> Step:
    """The step from one generation of a cell to another; costs what differs."""
    # unread: the writer's thread needs none of what the octets say
    changed, removed = before.tree.altered(snapshot.tree)
    return Step(
        snapshot.position,
        before.order,
        tuple((leaf.key, leaf.body) for leaf in changed),
        removed,
        tuple(
            (key, kept.body)
            for key, kept in snapshot.held.items()
            if (known := before.held.get(key)) is None or known.body != kept.body
        ),
        tuple(sorted(before.held.keys() - snapshot.held.keys())),
    )


def after(snapshot: Snapshot, steps: Sequence[Step], limits: Limits) -> Snapshot:
    """What steps that follow each other make of a snapshot. Raises DamagedError."""
    if not steps:
        return snapshot
    bodies: dict[str, bytes] = {}
    removed: set[str] = set()
    held = dict(snapshot.held)
    for step in steps:
        for key in step.released:
            held.pop(key, None)
        held.update((key, published_of(key, body, limits)) for key, body in step.held)
        for key, body in step.changed:
            bodies[key] = body
            removed.discard(key)
        for key in step.removed:
            bodies.pop(key, None)
            removed.add(key)
    changed = {key: published_of(key, body, limits) for key, body in bodies.items()}
    read = (*changed.values(), *held.values())
    if unread := next((each.fault for each in read if each.entry is None), ""):
        raise DamagedError(Damage.CONTENT, unread)
    tree = snapshot.tree.replace(changed, removed)
    position = steps[-1].position
    if tree.digest != position.digest:
        raise DamagedError(Damage.CONTENT, f"{position.generation} lacks its digest")
    return Snapshot(position, tree, held)
