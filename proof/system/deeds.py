"""What each kind of deed does to a world. It begins, and, where it lasts, it ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from proof.system.database import at_once
from proof.system.network import Weather
from proof.system.node import Node
from proof.system.scenario import FAULTS, Deed
from proof.system.world import World
from registry.domain.errors import PreviewRequired, RegistryError
from registry.domain.names import CellName, Generation, NamespaceId, ServiceId, ServiceKey
from registry.domain.operation import DeleteService
from registry.domain.preview import Preview

JUMPS_SECONDS = (3600.0, -3600.0, 86_400.0, -86_400.0, 5.0, -5.0)
SLEEP_ARMED_SECONDS = 6.0
"""Where nobody has written for so long, nobody falls asleep any more."""


def do(world: World, deed: Deed) -> None:
    """Do it, now."""
    _DEEDS[deed.kind](world, deed)


def _hit(world: World, deed: Deed, text: str) -> None:
    if deed.kind in FAULTS:
        world.hits[f"fault: {deed.kind}"] += 1
    else:
        world.hits[deed.kind] += 1
    world.observer.tell(text)


def _node(world: World, deed: Deed) -> str:
    return world.some(list(world.nodes), deed.whom)


def _frontend(world: World, deed: Deed) -> str:
    return world.some(list(world.frontends), deed.whom)


def _owner(world: World, deed: Deed) -> str:
    return world.some(list(world.owners), deed.whom)


def _cluster(world: World, deed: Deed) -> str:
    return world.some(world.clusters, deed.whom)


# --- processes ------------------------------------------------------------------------


def _crash_node(world: World, deed: Deed) -> None:
    name = _node(world, deed)
    if world.nodes[name] is None:
        return
    _hit(world, deed, f"{name} is killed")
    world.kill(name)
    world.later(deed.seconds, _start_again, world, name)


def _start_again(world: World, name: str) -> None:
    if world.nodes.get(name, 1) is None:
        world.start_node(name)
    elif world.frontends.get(name, 1) is None:
        world.start_frontend(name)
    elif world.owners.get(name, 1) is None:
        world.start_owner(name)


def _pause_node(world: World, deed: Deed) -> None:
    name = _node(world, deed)
    if world.is_running(name):
        _hit(world, deed, f"{name} pauses")
        world.pause(name, deed.seconds)


def _sleep_holding(world: World, deed: Deed) -> None:
    """Whoever of a cluster writes next falls asleep with the write in hand."""
    cluster = _cluster(world, deed)
    writes = ("publish",) if deed.other % 2 else ("clean", "apply")
    lines = [node.line for name in world.nodes_of(cluster) if (node := world.nodes[name])]

    def sleep(name: str) -> None:
        disarm()
        _hit(world, deed, f"{name} falls asleep holding a write")
        world.pause(name, deed.seconds)

    def disarm() -> None:
        for line in lines:
            line.sleep = None

    for line in lines:
        line.sleep = sleep
        line.sleeps_at = writes
    world.later(SLEEP_ARMED_SECONDS, disarm)


def _partial_start(world: World, deed: Deed) -> None:
    name = _node(world, deed)
    database = world.databases[world.cluster_of(name)]
    if world.nodes[name] is None:
        return
    _hit(world, deed, f"{name} starts anew and reads too little")
    world.observer.is_partial = True
    database.is_partial = True
    world.later(deed.seconds, partial(setattr, database, "is_partial", False))
    world.kill(name)
    world.start_node(name)


def _crash_frontend(world: World, deed: Deed) -> None:
    name = _frontend(world, deed)
    if world.frontends[name] is None:
        return
    _hit(world, deed, f"{name} is killed")
    if world.disks[name].is_failing:
        world.observer.forget_order(name)
    world.kill(name)
    world.later(deed.seconds, _start_again, world, name)


def _pause_frontend(world: World, deed: Deed) -> None:
    name = _frontend(world, deed)
    if world.is_running(name):
        _hit(world, deed, f"{name} pauses")
        world.pause(name, deed.seconds)


def _fail_disk(world: World, deed: Deed) -> None:
    name = _frontend(world, deed)
    _hit(world, deed, f"the disk of {name} fails")
    disk = world.disks[name]
    disk.is_failing = True

    def mend() -> None:
        disk.is_failing = False

    world.later(deed.seconds, mend)


# --- clocks ---------------------------------------------------------------------------


def _jump(world: World, deed: Deed) -> None:
    if deed.kind == "the database's clock jumps":
        name = _cluster(world, deed)
        clock = world.databases[name].wall
    else:
        name = _node(world, deed) if "node" in deed.kind else _frontend(world, deed)
        clock = world.clocks[name]
    seconds = JUMPS_SECONDS[deed.other % len(JUMPS_SECONDS)]
    _hit(world, deed, f"the wall clock of {name} jumps by {seconds:+g} s")
    clock.jump(seconds)


# --- databases ------------------------------------------------------------------------


def _outage(world: World, deed: Deed) -> None:
    cluster = _cluster(world, deed)
    database = world.databases[cluster]
    field = "refuses" if "turns" in deed.kind else "is_silent"
    if getattr(database, field):
        return
    _hit(world, deed, f"the database of {cluster}: {deed.kind.removeprefix('the database ')}")
    setattr(database, field, True)

    def over() -> None:
        setattr(database, field, False)
        world.observer.tell(f"the database of {cluster} answers again")
        for name in world.nodes_of(cluster):
            world.observer.able_again(name, deed.seconds)

    world.later(deed.seconds, over)


def _restore(world: World, deed: Deed) -> None:
    cluster = _cluster(world, deed)
    database = world.databases[cluster]
    database.back_up()

    def restore() -> None:
        _hit(world, deed, f"the database of {cluster} is as it was {deed.seconds:g} s ago")
        database.restore()

    world.later(deed.seconds, restore)


def _damage(world: World, deed: Deed) -> None:
    cluster = _cluster(world, deed)
    database = world.databases[cluster]
    _hit(world, deed, f"{cluster}: {deed.kind}")
    match deed.kind:
        case "the head's row is lost":
            database.lose_head()
        case "the head's row is garbled":
            database.garble_head()
        case "all plans are lost":
            database.lose_plans()
        case _:
            database.lose_names()


def _late_requests(world: World, deed: Deed) -> None:
    name = _node(world, deed)
    node = world.nodes[name]
    if node is None:
        return
    world.hits[f"fault: {deed.kind}"] += 1
    world.observer.tell(f"requests of {name} are late for {deed.seconds:g} s")
    line = node.line
    line.slow_seconds = deed.seconds

    def over() -> None:
        line.slow_seconds = 0.0
        world.observer.able_again(name, deed.seconds)

    world.later(deed.seconds, over)


# --- the network ----------------------------------------------------------------------


def _cut(world: World, deed: Deed, start: str, end: str, *, both: bool) -> None:
    way = "and" if both else "to"
    _hit(world, deed, f"nothing goes from {start} {way} {end} for {deed.seconds:g} s")
    ways = [(start, end), (end, start)] if both else [(start, end)]
    for one, another in ways:
        world.network.cut(one, another)

    def mend() -> None:
        for one, another in ways:
            world.network.mend(one, another)
        if any(end.startswith("database") for end in (start, end)):
            node = start if start in world.nodes else end
            world.observer.able_again(node, deed.seconds)

    world.later(deed.seconds, mend)


def _cut_database(world: World, deed: Deed) -> None:
    name = _node(world, deed)
    database = world.databases[world.cluster_of(name)].name
    if "hears" in deed.kind:
        _cut(world, deed, database, name, both=False)
    else:
        _cut(world, deed, name, database, both=True)


def _cut_frontend(world: World, deed: Deed) -> None:
    node = world.some(list(world.nodes), deed.other)
    if "words" in deed.kind:
        _cut(world, deed, _frontend(world, deed), node, both=False)
    else:
        _cut(world, deed, node, _frontend(world, deed), both=True)


def _cut_owner(world: World, deed: Deed) -> None:
    node = world.some(list(world.nodes), deed.other)
    _cut(world, deed, _owner(world, deed), node, both=deed.whom % 2 == 0)


def _bad_weather(world: World, deed: Deed) -> None:
    world.observer.tell(f"{deed.kind} for {deed.seconds:g} s")
    world.hits[f"fault: {deed.kind}"] += 1
    field = deed.kind.rsplit(" ", 1)[-1].replace("overtaken", "late")
    weather: Weather = world.network.weather
    setattr(weather, field, 0.3)
    world.later(deed.seconds, partial(setattr, weather, field, 0.0))


# --- operators ------------------------------------------------------------------------


def _ask_node(world: World, cluster: str, work: Callable[[Node], Any]) -> None:
    """Have an operator ask the first node that is there; one that fails is not asked again."""
    for name in world.nodes_of(cluster):
        node = world.nodes[name]
        if node is not None and node.is_ready and world.is_running(name):
            world.loop.spawn(node.process, _tried(work(node)))
            return


async def _tried(work: Any) -> None:
    try:
        await work
    except RegistryError:
        return


def _freeze(world: World, deed: Deed) -> None:
    cluster = _cluster(world, deed)
    cell = CellName(cluster)
    _hit(world, deed, f"an operator freezes {cluster} for {deed.seconds:g} s")
    _ask_node(world, cluster, lambda node: node.controls.freeze(cell, "a deed", "ops", ""))
    world.later(deed.seconds, _unfreeze, world, cluster)


def _unfreeze(world: World, cluster: str) -> None:
    world.observer.tell(f"{cluster} is frozen no more")
    at_once(world.databases[cluster].unfreeze(cluster))


def _freeze_by_file(world: World, deed: Deed) -> None:
    cluster = _cluster(world, deed)
    _hit(world, deed, f"a freeze file is at the nodes of {cluster} for {deed.seconds:g} s")
    world.freeze_files[cluster] = cluster
    world.later(deed.seconds, partial(world.freeze_files.pop, cluster, None))


def _roll_back(world: World, deed: Deed) -> None:
    cluster = _cluster(world, deed)
    cell = CellName(cluster)

    async def roll_back(node: Node) -> None:
        record = node.feed.head(cell)
        if record is None or record.generation < 2:
            return
        back = Generation(max(1, record.generation - 1 - deed.other))
        preview = await node.controls.roll_back(cell, back, "a deed", "ops", "")
        if isinstance(preview, Preview):
            _hit(world, deed, f"an operator rolls {cluster} back to generation {back}")
            await node.controls.roll_back(cell, back, "a deed", "ops", preview.digest)

    _ask_node(world, cluster, roll_back)
    world.later(deed.seconds, _unfreeze, world, cluster)


# --- owners ---------------------------------------------------------------------------


def _die(world: World, deed: Deed) -> None:
    name = _owner(world, deed)
    if world.owners[name] is not None:
        _hit(world, deed, f"{name} dies")
        world.kill(name)
        world.later(deed.seconds, _start_again, world, name)


def _leave(world: World, deed: Deed) -> None:
    name = _owner(world, deed)
    _let_leave(world, deed, name)


def _let_leave(world: World, deed: Deed, name: str) -> None:
    owner = world.owners[name]
    if owner is None:
        return
    _hit(world, deed, f"{name} leaves")
    owner.leave()

    def back() -> None:
        if world.owners[name] is owner:
            world.kill(name)
            world.start_owner(name)

    world.later(deed.seconds, back)


def _drain(world: World, deed: Deed) -> None:
    name = _owner(world, deed)
    owner = world.owners[name]
    if owner is None:
        return
    _hit(world, deed, f"{name} drains")
    owner.drain()
    world.later(deed.seconds, _let_leave, world, deed, name)


def _all(world: World, deed: Deed) -> None:
    service = world.some(world.services, deed.whom)
    for name, owner in list(world.owners.items()):
        if owner is None or owner.service != service:
            continue
        if "die" in deed.kind:
            _hit(world, deed, f"{name} dies")
            world.kill(name)
            world.later(deed.seconds, _start_again, world, name)
        else:
            _let_leave(world, deed, name)


def _delete(world: World, deed: Deed) -> None:
    service = world.some(world.services, deed.whom)
    cluster = world.some(world.clusters, deed.other)
    key = ServiceKey(NamespaceId("shop"), ServiceId(service))

    async def delete(node: Node) -> None:
        world.observer.buried.add(key.entry)
        try:
            await node.line.edit_service(DeleteService(key, "", True))
        except PreviewRequired as looked:
            digest = looked.digest
            await node.line.edit_service(DeleteService(key, "", True, digest))
        _hit(world, deed, f"its owner deletes {service} at {cluster}")

    _ask_node(world, cluster, delete)


_DEEDS: dict[str, Callable[[World, Deed], None]] = {
    "a node crashes": _crash_node,
    "a node pauses": _pause_node,
    "a node sleeps holding a write": _sleep_holding,
    "a node's wall clock jumps": _jump,
    "the database's clock jumps": _jump,
    "the database turns all away": _outage,
    "the database is silent": _outage,
    "an older backup is restored": _restore,
    "the head's row is lost": _damage,
    "the head's row is garbled": _damage,
    "all plans are lost": _damage,
    "the rows of names are lost": _damage,
    "a node begins on a partial read": _partial_start,
    "a node's requests are late": _late_requests,
    "a node is cut off from its database": _cut_database,
    "a node hears no answer of its database": _cut_database,
    "a frontend crashes": _crash_frontend,
    "a frontend pauses": _pause_frontend,
    "a frontend's disk fails": _fail_disk,
    "a frontend's wall clock jumps": _jump,
    "a node is cut off from a frontend": _cut_frontend,
    "a frontend's words are lost": _cut_frontend,
    "a node is cut off from an owner": _cut_owner,
    "messages are lost": _bad_weather,
    "messages are doubled": _bad_weather,
    "messages are overtaken": _bad_weather,
    "the cell is frozen": _freeze,
    "a freeze file is there": _freeze_by_file,
    "the cell is rolled back": _roll_back,
    "an owner dies": _die,
    "an owner leaves": _leave,
    "an owner drains": _drain,
    "all owners of a service leave": _all,
    "all owners of a service die": _all,
    "a service is deleted": _delete,
}
