"""AdminService: operators look at everything, owners edit their services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from google.protobuf.empty_pb2 import Empty
from grpc.aio import ServicerContext

from registry.adapters.rpc.by_hand import deed_of
from registry.adapters.rpc.control import ControlService
from registry.adapters.rpc.observation import ObservationService
from registry.adapters.rpc.page_token import PageTokens, page_size
from registry.adapters.rpc.translate.cell import cell_message
from registry.adapters.rpc.translate.draft import policy_draft
from registry.adapters.rpc.translate.frontend import frontend_message
from registry.adapters.rpc.translate.instance import DECISIONS, WORDS, instance_message
from registry.adapters.rpc.translate.lease import lease_message
from registry.adapters.rpc.translate.moment import seconds_of
from registry.adapters.rpc.translate.namespace import namespace_message
from registry.adapters.rpc.translate.plan import (
    held_removal_message,
    plan_message,
    service_plan_message,
)
from registry.adapters.rpc.translate.policy_mask import mask_paths, revised_policy
from registry.adapters.rpc.translate.resource_name import (
    cell_name,
    frontend_id,
    instance_key,
    lease_key,
    namespace_id,
    owned_key,
    parent_ids,
    plan_name,
    service_key,
)
from registry.adapters.rpc.translate.rollout import acts_at_once
from registry.adapters.rpc.translate.service import policy_message, service_message
from registry.adapters.rpc.zone import ZoneService
from registry.app.audit import Audit, Scribe
from registry.app.catalog import Catalog, CellView, LeaseView
from registry.app.controls import Controls
from registry.app.observers import Observers
from registry.app.readiness import Readiness
from registry.app.registrar import Registrar
from registry.app.zone_editor import ZoneEditor
from registry.domain.audit import Act
from registry.domain.diversion import admit, audited
from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.names import CellName, Generation, Incarnation, NamespaceId, ServiceId
from registry.domain.policy_admission import admit_policy
from registry.domain.service import Service, ServicePolicy
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import (
    cell_pb2,
    frontend_pb2,
    instance_pb2,
    lease_pb2,
    namespace_pb2,
    service_pb2,
)


class AdminService(ControlService, ObservationService, ZoneService):
    """Translates; the use cases of `registry.app` do the work."""

    def __init__(
        self,
        catalog: Catalog,
        registrar: Registrar,
        controls: Controls,
        audit: Audit,
        scribe: Scribe,
        observers: Observers,
        tokens: PageTokens,
        regions: Collection[str],
        readiness: Readiness,
        zone: ZoneEditor,
    ) -> None:
        """`regions`: all there are, for policies to name."""
        super().__init__(controls, audit, tokens)
        self._regions = regions
        self._told: Callable[[Service], service_pb2.Service] = lambda one: service_message(
            one, readiness.regions(one.key)
        )
        self._catalog = catalog
        self._registrar = registrar
        self._scribe = scribe
        self._observers = observers
        self._zone = zone

    # --- namespaces ----------------------------------------------------------------

    async def ListNamespaces(
        self, request: pb.ListNamespacesRequest, context: ServicerContext
    ) -> pb.ListNamespacesResponse:
        """List namespaces by name."""
        limit = page_size(request.page_size)
        (after,) = self._tokens.read("namespaces", request.page_token, 1) or ("",)
        page = await self._catalog.list_namespaces(after, limit)
        return pb.ListNamespacesResponse(
            namespaces=[namespace_message(item) for item in page.items],
            next_page_token=self._next("namespaces", page.next_after and (page.next_after,)),
        )

    async def GetNamespace(
        self, request: pb.GetNamespaceRequest, context: ServicerContext
    ) -> namespace_pb2.Namespace:
        """Get a namespace."""
        return namespace_message(
            await self._catalog.get_namespace(namespace_id(request.name, "name"))
        )

    # --- services ------------------------------------------------------------------

    async def ListServices(
        self, request: pb.ListServicesRequest, context: ServicerContext
    ) -> pb.ListServicesResponse:
        """List services by name."""
        limit = page_size(request.page_size)
        (namespace,) = parent_ids(request.parent, "parent", ("namespaces",))
        made_for = f"services of {namespace}"
        after = self._tokens.read(made_for, request.page_token, 2) or ("", "")
        page = await self._catalog.list_services(
            None if namespace is None else NamespaceId(namespace),
            (after[0], after[1]),
            limit,
        )
        return pb.ListServicesResponse(
            services=[self._told(each) for each in page.items],
            next_page_token=self._next(made_for, page.next_after),
        )

    async def GetService(
        self, request: pb.GetServiceRequest, context: ServicerContext
    ) -> service_pb2.Service:
        """Get a service."""
        found = await self._catalog.get_service(service_key(request.name, "name"))
        message = self._told(found)
        if found.policy is None:
            message.default_policy.CopyFrom(policy_message(ServicePolicy()))
        return message

    async def CreateService(
        self, request: pb.CreateServiceRequest, context: ServicerContext
    ) -> service_pb2.Service:
        """Create a service, and its namespace where that is missing."""
        namespace_id(request.parent, "parent")
        name = f"{request.parent}/services/{request.service_id}"
        key = owned_key(name, "service_id")
        if request.service.name not in ("", name):
            raise InvalidField(
                FieldViolation("service.name", f"is neither empty nor {name}, as parent and id say")
            )
        policy = None
        if request.service.HasField("policy"):
            policy = admit_policy(policy_draft(request.service.policy), self._regions)
        return self._told(await self._catalog.create_service(key, policy))

    async def UpdateService(
        self, request: pb.UpdateServiceRequest, context: ServicerContext
    ) -> service_pb2.Service:
        """Update a service's policy."""
        key = owned_key(request.service.name, "service.name")
        paths = mask_paths(request.update_mask.paths)
        at_once = acts_at_once(request.rollout)
        detail = ", ".join(paths) + (" at once" if at_once else "")
        deed = deed_of(self._scribe, Act.UPDATE_SERVICE, key, request, detail)
        service = await self._catalog.update_service(
            key,
            request.service.etag,
            lambda current: revised_policy(current, request.service, paths, self._regions),
            at_once=at_once,
            preview_digest=request.preview_digest,
            deed=deed,
        )
        return self._told(service)

    async def DeleteService(
        self, request: pb.DeleteServiceRequest, context: ServicerContext
    ) -> Empty:
        """Delete a service."""
        key = owned_key(request.name, "name")
        detail = "with its instances" if request.force else ""
        deed = deed_of(self._scribe, Act.DELETE_SERVICE, key, request, detail)
        await self._catalog.delete_service(
            key, request.etag, request.force, request.preview_digest, deed
        )
        return Empty()

    async def DivertService(
        self, request: pb.DivertServiceRequest, context: ServicerContext
    ) -> service_pb2.Service:
        """Send a service's clients in one cell's region elsewhere for a while."""
        key, cell = owned_key(request.name, "name"), cell_name(f"cells/{request.cell}", "cell")
        seconds = seconds_of(request.duration)
        admit(seconds, request.reason)
        deed = deed_of(self._scribe, Act.DIVERT_SERVICE, key, request, audited(cell, seconds))
        return self._told(
            await self._catalog.divert_service(
                key, cell, seconds, request.reason, request.etag, deed
            )
        )

    # --- instances and leases ------------------------------------------------------

    async def ListInstances(
        self, request: pb.ListInstancesRequest, context: ServicerContext
    ) -> pb.ListInstancesResponse:
        """List instances by name."""
        limit = page_size(request.page_size)
        made_for, namespace, service = _service_parent("instances", request.parent)
        page = await self._catalog.list_instances(
            namespace, service, self._instance_position(made_for, request.page_token), limit
        )
        return pb.ListInstancesResponse(
            instances=[instance_message(item) for item in page.items],
            next_page_token=self._next(made_for, page.next_after),
        )

    async def GetInstance(
        self, request: pb.GetInstanceRequest, context: ServicerContext
    ) -> instance_pb2.Instance:
        """Get an instance."""
        return instance_message(
            await self._catalog.get_instance(instance_key(request.name, "name"))
        )

    async def ListLeases(
        self, request: pb.ListLeasesRequest, context: ServicerContext
    ) -> pb.ListLeasesResponse:
        """List leases by name."""
        limit = page_size(request.page_size)
        made_for, namespace, service = _service_parent("leases", request.parent)
        page = await self._catalog.list_leases(
            namespace, service, self._instance_position(made_for, request.page_token), limit
        )
        return pb.ListLeasesResponse(
            leases=[_lease_message(item) for item in page.items],
            next_page_token=self._next(made_for, page.next_after),
        )

    async def GetLease(
        self, request: pb.GetLeaseRequest, context: ServicerContext
    ) -> lease_pb2.Lease:
        """Get a lease."""
        return _lease_message(await self._catalog.get_lease(lease_key(request.name, "name")))

    async def ListHeldRemovals(
        self, request: pb.ListHeldRemovalsRequest, context: ServicerContext
    ) -> pb.ListHeldRemovalsResponse:
        """List the endpoints that stay in answers because their removal is held."""
        limit = page_size(request.page_size)
        (cell,) = parent_ids(request.parent, "parent", ("cells",))
        made_for = f"held removals of {cell}"
        page = await self._catalog.held_removals(
            None if cell is None else CellName(cell),
            self._instance_position(made_for, request.page_token),
            limit,
        )
        return pb.ListHeldRemovalsResponse(
            held_removals=[held_removal_message(item) for item in page.items],
            next_page_token=self._next(made_for, page.next_after),
        )

    async def DecideRemoval(
        self, request: pb.DecideRemovalRequest, context: ServicerContext
    ) -> instance_pb2.Instance:
        """Decide on the removal of an instance from its name's answers."""
        key = instance_key(request.name, "name")
        if not request.uid:
            raise InvalidField(FieldViolation("uid", "is required: the uid of the incarnation"))
        decision = DECISIONS.get(request.decision)
        if decision is None:
            raise InvalidField(FieldViolation("decision", "must be NONE, REMOVE or KEEP"))
        return instance_message(
            await self._registrar.decide_removal(
                key,
                Incarnation(request.uid),
                decision,
                deed_of(
                    self._scribe,
                    Act.DECIDE_REMOVAL,
                    key,
                    request,
                    f"{WORDS[decision]} of uid {request.uid}",
                ),
            )
        )

    # --- cells, plans, frontends ---------------------------------------------------

    async def ListCells(
        self, request: pb.ListCellsRequest, context: ServicerContext
    ) -> pb.ListCellsResponse:
        """List cells by name."""
        limit = page_size(request.page_size)
        (after,) = self._tokens.read("cells", request.page_token, 1) or ("",)
        page = await self._catalog.list_cells(after, limit)
        return pb.ListCellsResponse(
            cells=[self._cell(item) for item in page.items],
            next_page_token=self._next("cells", page.next_after and (page.next_after,)),
        )

    async def GetCell(self, request: pb.GetCellRequest, context: ServicerContext) -> cell_pb2.Cell:
        """Get a cell."""
        return self._cell(await self._catalog.get_cell(cell_name(request.name, "name")))

    def _cell(self, view: CellView) -> cell_pb2.Cell:
        file = self._controls.freeze_file(view.head.cell)
        return cell_message(view.head, view.acknowledged_generation, file)

    async def ListPlans(
        self, request: pb.ListPlansRequest, context: ServicerContext
    ) -> pb.ListPlansResponse:
        """List plans of a cell, newest first."""
        limit = page_size(request.page_size)
        cell = cell_name(request.parent, "parent")
        made_for = f"plans of {cell}"
        position = self._tokens.read(made_for, request.page_token, 1)
        page = await self._catalog.list_plans(
            cell, None if position is None else Generation(int(position[0])), limit
        )
        return pb.ListPlansResponse(
            plans=[plan_message(item) for item in page.items],
            next_page_token=self._next(
                made_for, None if page.next_after is None else (str(page.next_after),)
            ),
        )

    async def GetPlan(
        self, request: pb.GetPlanRequest, context: ServicerContext
    ) -> pb.GetPlanResponse:
        """Get a plan with its entries."""
        record, services = await self._catalog.get_plan(*plan_name(request.name, "name"))
        return pb.GetPlanResponse(
            plan=plan_message(record), services=[service_plan_message(item) for item in services]
        )

    async def ListFrontends(
        self, request: pb.ListFrontendsRequest, context: ServicerContext
    ) -> pb.ListFrontendsResponse:
        """List frontends by name."""
        limit = page_size(request.page_size)
        (after,) = self._tokens.read("frontends", request.page_token, 1) or ("",)
        page = await self._catalog.list_frontends(after, limit)
        return pb.ListFrontendsResponse(
            frontends=[frontend_message(item) for item in page.items],
            next_page_token=self._next("frontends", page.next_after and (page.next_after,)),
        )

    async def GetFrontend(
        self, request: pb.GetFrontendRequest, context: ServicerContext
    ) -> frontend_pb2.Frontend:
        """Get a frontend."""
        return frontend_message(await self._catalog.get_frontend(frontend_id(request.name, "name")))

    def _next(self, made_for: str, position: Sequence[str] | None) -> str:
        return self._tokens.make(made_for, tuple(position)) if position else ""

    def _instance_position(self, made_for: str, token: str) -> tuple[str, str, str]:
        namespace, service, instance = self._tokens.read(made_for, token, 3) or ("", "", "")
        return namespace, service, instance


def _service_parent(items: str, parent: str) -> tuple[str, NamespaceId | None, ServiceId | None]:
    namespace, service = parent_ids(parent, "parent", ("namespaces", "services"))
    return (
        f"{items} of {namespace}/{service}",
        None if namespace is None else NamespaceId(namespace),
        None if service is None else ServiceId(service),
    )


def _lease_message(view: LeaseView) -> lease_pb2.Lease:
    return lease_message(
        view.key,
        view.uid,
        ttl_seconds=view.ttl_seconds,
        renewal_interval_seconds=view.renewal_interval_seconds,
        expire_time_ms=view.expire_time_ms,
    )
