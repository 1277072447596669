"""What operators look at, and the edits of services that owners make.

Everything is read from the store, so any node shows what any other wrote. A page holds its
items and where the next one begins; how that travels is the transport's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from registry.app.canaries import Canaries
from registry.app.heartbeats import RENEWALS_A_TTL
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.uptime import Uptime
from registry.domain.audit import Deed
from registry.domain.errors import (
    CellNotFound,
    EtagMismatch,
    FrontendNotFound,
    InstanceNotFound,
    LeaseNotFound,
    NamespaceNotFound,
    PlanNotFound,
    ServiceNotFound,
)
from registry.domain.instance import Instance, State
from registry.domain.names import (
    CellName,
    FrontendId,
    Generation,
    Incarnation,
    InstanceKey,
    NamespaceId,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import (
    CreateService,
    DeleteService,
    DivertService,
    ServiceEdit,
    UpdateService,
)
from registry.domain.plan import Endpoint, Head, PlanRecord, ServicePlan
from registry.domain.service import Namespace, Service, ServicePolicy
from registry.domain.zone import ZONE_KEY
from registry.ports import Clock, FrontendRecord, PlanCodec, Store

FRONTEND_SILENCE_SECONDS = 300.0
"""A frontend not heard of for longer holds back no cell's acknowledged generation."""
EDIT_TRIES = 5

Item = TypeVar("Item")
Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item, Position]):
    """One page of a list; `next_after` is None on the last."""

    items: Sequence[Item]
    next_after: Position | None


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A lease as the answering node knows it."""

    key: InstanceKey
    uid: Incarnation
    ttl_seconds: float
    renewal_interval_seconds: float
    expire_time_ms: int
    """Unix milliseconds; may be later, never earlier."""


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell's head, and how far its frontends have come."""

    head: Head
    acknowledged_generation: Generation
    """The lowest that a live frontend has acknowledged; 0 when none follows."""


@dataclass(frozen=True, slots=True)
class HeldRemoval:
    """An endpoint that stays in answers because its removal is held."""

    cell: CellName
    key: InstanceKey
    endpoint: Endpoint

    @property
    def position(self) -> tuple[str, str, str]:
        """Its place in the list."""
        return self.cell, self.key.service_key.entry, self.endpoint.instance


class Catalog:
    """Reads of everything, and edits of services."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        keeper: Leasekeeper,
        clock: Clock,
        uptime: Uptime,
        codec: PlanCodec,
        new_uid: Callable[[], str],
        canaries: Canaries,
        *,
        frontend_silence_seconds: float = FRONTEND_SILENCE_SECONDS,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._keeper = keeper
        self._clock = clock
        self._uptime = uptime
        self._codec = codec
        self._new_uid = new_uid
        self._canaries = canaries
        self._frontend_silence_seconds = frontend_silence_seconds

    # --- namespaces and services ---------------------------------------------------

    async def list_namespaces(self, after: str, limit: int) -> Page[Namespace, str]:
        """Namespaces above `after`, by id."""
        found = await self._store.list_namespaces(after, limit + 1)
        return _page(found, limit, lambda namespace: str(namespace.id))

    async def get_namespace(self, namespace: NamespaceId) -> Namespace:
        """One namespace. Raises NamespaceNotFound."""
        found = await self._store.get_namespace(namespace)
        if found is None:
            raise NamespaceNotFound(f"namespaces/{namespace} does not exist.", name=namespace)
        return found

    async def list_services(
        self, namespace: NamespaceId | None, after: tuple[str, str], limit: int
    ) -> Page[Service, tuple[str, str]]:
        """Live services above `after`, by key; None means all namespaces. The zone is none.
        Raises NamespaceNotFound."""
        if namespace is not None:
            await self.get_namespace(namespace)
        found = await self._store.list_services(namespace, after, limit + 2)
        found = [each for each in found if each.key != ZONE_KEY][: limit + 1]
        return _page(found, limit, lambda service: (service.key.namespace, service.key.service))

    async def get_service(self, key: ServiceKey) -> Service:
        """One live service. Raises ServiceNotFound, ServiceUnreadable."""
        found = await self._store.get_service(key)
        if found is None:
            raise ServiceNotFound(f"{key} does not exist, or was deleted.", name=str(key))
        return found

    async def create_service(self, key: ServiceKey, policy: ServicePolicy | None) -> Service:
        """Make a service. Raises AlreadyExists, StoreUnavailable."""
        return await self.edit(CreateService(key, policy, self._new_uid()))

    async def update_service(
        self,
        key: ServiceKey,
        etag: str,
        revise: Callable[[ServicePolicy | None], ServicePolicy | None],
        *,
        at_once: bool = False,
        preview_digest: str = "",
        deed: Deed | None = None,
    ) -> Service:
        """Give a service the policy that `revise` makes of the one last wished for.

        Where a canary follows this registry it acts there first, unless `at_once` (I19).
        With an empty `etag` a concurrent edit is not lost: `revise` is asked again.
        Raises ServiceNotFound, EtagMismatch, StoreUnavailable, PreviewRequired and
        PreviewStale when it lowers a floor (I41), and what `revise` raises.
        """
        for tries_left in reversed(range(EDIT_TRIES)):
            current = await self.get_service(key)
            try:
                policy = revise(current.wished)
                staged = not at_once and await self._canaries.any_alive()
                stage_uid = self._new_uid() if staged else ""
                return await self.edit(
                    UpdateService(
                        key, policy, etag or current.etag, stage_uid, preview_digest, deed
                    )
                )
            except EtagMismatch:
                if etag or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def delete_service(
        self,
        key: ServiceKey,
        etag: str,
        force: bool,
        preview_digest: str = "",
        deed: Deed | None = None,
    ) -> Service:
        """Delete a service; the tombstone empties its name (I41).

        Raises ServiceNotFound, EtagMismatch, ServiceNotEmpty, PreviewRequired, PreviewStale,
        StoreUnavailable.
        """
        return await self.edit(DeleteService(key, etag, force, preview_digest, deed))

    async def divert_service(
        self,
        key: ServiceKey,
        cell: CellName,
        seconds: float,
        reason: str,
        etag: str,
        deed: Deed | None = None,
    ) -> Service:
        """Send a cell's clients of a service elsewhere for a while; 0 s ends that at once.

        Raises CellNotFound, ServiceNotFound, EtagMismatch, StoreUnavailable.
        """
        await self.get_cell(cell)
        return await self.edit(DivertService(key, cell, seconds, reason, etag, deed))

    async def edit(self, edit: ServiceEdit) -> Service:
        """Have an edit done, known here at once. Raises as the store's `edit_service`."""
        self._uptime.check_answering()
        with self._uptime.asking():
            service, changes, revision = await self._store.edit_service(edit)
        self._mirror.absorb(changes, revision)
        return service

    # --- instances and leases ------------------------------------------------------

    async def list_instances(
        self,
        namespace: NamespaceId | None,
        service: ServiceId | None,
        after: tuple[str, str, str],
        limit: int,
    ) -> Page[Instance, tuple[str, str, str]]:
        """Instances above `after`, by key; None means any.

        Raises ServiceNotFound or NamespaceNotFound for one that is named and is not there.
        """
        if namespace is not None and service is not None:
            await self.get_service(ServiceKey(namespace, service))
        elif namespace is not None:
            await self.get_namespace(namespace)
        found = await self._store.list_instances(namespace, service, after, limit + 1)
        return _page(found, limit, lambda instance: (*instance.key,))

    async def get_instance(self, key: InstanceKey) -> Instance:
        """One instance. Raises InstanceNotFound."""
        found = await self._store.get_instance(key)
        if found is None:
            raise InstanceNotFound(f"{key} does not exist.", name=str(key))
        return found

    async def list_leases(
        self,
        namespace: NamespaceId | None,
        service: ServiceId | None,
        after: tuple[str, str, str],
        limit: int,
    ) -> Page[LeaseView, tuple[str, str, str]]:
        """Leases of the instances that `list_instances` gives; expired ones have none."""
        page = await self.list_instances(namespace, service, after, limit)
        return Page(
            [self._lease(item) for item in page.items if item.state is not State.EXPIRED],
            page.next_after,
        )

    async def get_lease(self, key: InstanceKey) -> LeaseView:
        """The lease of an instance. Raises InstanceNotFound, LeaseNotFound."""
        instance = await self.get_instance(key)
        if instance.state is State.EXPIRED:
            raise LeaseNotFound(
                f"the lease of {key} ran out.", name=str(key), uid=instance.incarnation
            )
        return self._lease(instance)

    def _lease(self, instance: Instance) -> LeaseView:
        ttl_seconds = instance.registration.ttl_seconds
        remaining_seconds = self._keeper.remaining_seconds(instance.incarnation)
        if remaining_seconds is None:
            # Registered through another node, and not heard of here yet: it is that fresh.
            remaining_seconds = ttl_seconds
        return LeaseView(
            instance.key,
            instance.incarnation,
            ttl_seconds,
            ttl_seconds / RENEWALS_A_TTL,
            self._clock.unix_ms() + round(remaining_seconds * 1000),
        )

    # --- cells, plans, frontends ---------------------------------------------------

    async def list_cells(self, after: str, limit: int) -> Page[CellView, str]:
        """Cells above `after`, by name."""
        heads = [head for head in await self._store.heads() if head.cell > after]
        floors = self._acknowledged(await self._store.frontends())
        views = [CellView(head, floors.get(head.cell, Generation(0))) for head in heads]
        return _page(views[: limit + 1], limit, lambda view: str(view.head.cell))

    async def get_cell(self, cell: CellName) -> CellView:
        """One cell. Raises CellNotFound."""
        for head in await self._store.heads():
            if head.cell == cell:
                floors = self._acknowledged(await self._store.frontends())
                return CellView(head, floors.get(cell, Generation(0)))
        raise CellNotFound(f"cells/{cell} does not exist.", name=cell)

    def _acknowledged(self, frontends: Sequence[FrontendRecord]) -> Mapping[CellName, Generation]:
        oldest_ms = self._clock.unix_ms() - round(self._frontend_silence_seconds * 1000)
        floors: dict[CellName, Generation] = {}
        for frontend in frontends:
            if frontend.seen_ms < oldest_ms:
                continue
            for said in frontend.cells:
                floors[said.cell] = min(floors.get(said.cell, said.generation), said.generation)
        return floors

    async def list_plans(
        self, cell: CellName, before: Generation | None, limit: int
    ) -> Page[PlanRecord, Generation]:
        """Plans of a cell below `before`, newest first. Raises CellNotFound."""
        await self.get_cell(cell)
        found = await self._store.list_plans(cell, before, limit + 1)
        return _page(found, limit, lambda record: record.generation)

    async def get_plan(
        self, cell: CellName, generation: Generation
    ) -> tuple[PlanRecord, Sequence[ServicePlan]]:
        """A plan with its services in order of key. Raises PlanNotFound."""
        found = await self._store.read_plan(cell, generation)
        if found is None:
            raise PlanNotFound(
                f"cells/{cell}/plans/{generation} does not exist, or is kept no more.",
                cell=cell,
                generation=generation,
            )
        record, entries = found
        return record, [self._codec.decode(entries[key]) for key in sorted(entries)]

    async def held_removals(
        self, cell: CellName | None, after: tuple[str, str, str], limit: int
    ) -> Page[HeldRemoval, tuple[str, str, str]]:
        """What the active plans hold above `after`, by (cell, entry, instance).

        None means all cells. Raises CellNotFound.
        """
        heads = [head for head in await self._store.heads() if cell in (None, head.cell)]
        if cell is not None and not heads:
            raise CellNotFound(f"cells/{cell} does not exist.", name=cell)
        found: list[HeldRemoval] = []
        for head in heads:
            if head.generation and head.cell >= after[0]:
                _, plans = await self._plan_of(head)
                found += [
                    HeldRemoval(head.cell, InstanceKey(*plan.key, endpoint.instance), endpoint)
                    for plan in plans
                    for endpoint in plan.endpoints
                    if endpoint.hold is not None
                ]
        above = [held for held in found if held.position > after]
        return _page(above[: limit + 1], limit, lambda held: held.position)

    async def _plan_of(self, head: Head) -> tuple[PlanRecord, Sequence[ServicePlan]]:
        """The plan of a head; of one that was cleaned up meanwhile, what is at the head now."""
        try:
            return await self.get_plan(head.cell, head.generation)
        except PlanNotFound:
            now = (await self.get_cell(head.cell)).head
            return await self.get_plan(now.cell, now.generation)

    async def list_frontends(self, after: str, limit: int) -> Page[FrontendRecord, str]:
        """Frontends above `after`, by id."""
        found = [record for record in await self._store.frontends() if record.id > after]
        return _page(found[: limit + 1], limit, lambda record: str(record.id))

    async def get_frontend(self, frontend: FrontendId) -> FrontendRecord:
        """One frontend. Raises FrontendNotFound."""
        for record in await self._store.frontends():
            if record.id == frontend:
                return record
        raise FrontendNotFound(f"frontends/{frontend} has never been seen.", name=frontend)


def _page(
    found: Sequence[Item], limit: int, position: Callable[[Item], Position]
) -> Page[Item, Position]:
    """A page of what was found, one more than `limit` having been asked for."""
    items = found[:limit]
    return Page(items, position(items[-1]) if len(found) > limit else None)
