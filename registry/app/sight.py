"""What this node itself sees of one cell's endpoints, whether it leads the cell or not.

An opinion is formed by the same steps as health, but of this node's probes alone, and from
nothing: what it has never found well, it has no word on. It outlives changes of the lead, so
that a node that takes over has not to begin anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from registry.app.mirror import Mirror
from registry.domain.change import Change, InstancePut, InstanceRemoved
from registry.domain.health import SUCCESSES, Evidence, Health, Standing, Streak, step
from registry.domain.instance import CheckKind, Instance, State
from registry.domain.names import CellName, Incarnation, InstanceKey, ServiceKey
from registry.domain.observation import FINDINGS_LIMIT, Findings

_NOTHING = Standing(Health.UNKNOWN, Evidence.NONE)


@dataclass(slots=True)
class View:
    """One incarnation as this node sees it."""

    instance: Instance
    first_seconds: float
    """Since when it is known here, by the monotonic clock."""
    opinion: Standing = field(default=_NOTHING)
    failing_since: float | None = None
    """When the first of the failures in a row came; None while it succeeds."""
    failure: Evidence = Evidence.NONE
    """Of what kind the last failure was."""
    renewals: int = 0
    """How often its lease had been renewed by then."""

    @property
    def is_served(self) -> bool:
        """Whether the registry holds it for healthy."""
        return self.instance.health is Health.HEALTHY

    @property
    def finding(self) -> Evidence | None:
        """What is to be reported of it; None for an endpoint found well, or not asked about."""
        if self.instance.health not in (Health.HEALTHY, Health.UNHEALTHY):
            return None
        return None if self.opinion.health is Health.HEALTHY else self.opinion.evidence


class Sight:
    """One node's view of a cell."""

    def __init__(
        self,
        cell: CellName,
        mirror: Mirror,
        now: Callable[[], float],
        renewals_of: Callable[[Incarnation], int],
    ) -> None:
        self.version = 0
        """Rises with each change of what is to be reported."""
        self.changed: Callable[[], None] = lambda: None
        """Called when it does."""
        self.views: dict[InstanceKey, View] = {}
        self.failing: dict[InstanceKey, View] = {}
        """Served ones whose last try failed, however few did."""
        self.served: dict[ServiceKey, int] = {}
        """How many endpoints of each service are served."""
        self._cell = cell
        self._now = now
        self._renewals_of = renewals_of
        self._by_incarnation: dict[Incarnation, View] = {}
        self._findings: dict[Incarnation, Evidence] = {}
        for instance in mirror.instances.values():
            self._put(instance)
        mirror.subscribe(self._heard)

    def __repr__(self) -> str:
        return f"<Sight {self._cell}: {len(self.views)} targets, {len(self._findings)} findings>"

    def findings(self) -> Findings:
        """What is to be reported."""
        complete = len(self._findings) <= FINDINGS_LIMIT
        return Findings(len(self.views), dict(self._findings) if complete else {}, complete)

    def note(
        self, instance: Instance, streak: Streak, result: Evidence, *, rise: int, fall: int
    ) -> None:
        """Take in the result of one probe; `streak` is what came before it."""
        view = self.views.get(instance.key)
        if view is None or view.instance.incarnation != instance.incarnation:
            return
        if result in SUCCESSES:
            view.failing_since = None
            self.failing.pop(instance.key, None)
        elif result is not Evidence.NONE:
            view.failure = result
            if view.failing_since is None:
                view.failing_since = self._now()
                view.renewals = self._renewals_of(instance.incarnation)
        if view.failing_since is not None and view.is_served:
            self.failing[instance.key] = view
        view.opinion, _ = step(view.opinion, streak, result, rise=rise, fall=fall)
        self._report(view)

    def of(self, incarnation: Incarnation) -> View | None:
        """The view of an incarnation; None when there is none."""
        return self._by_incarnation.get(incarnation)

    def heard_since(self, view: View) -> bool:
        """Whether a heartbeat came in after an endpoint began to fail."""
        return self._renewals_of(view.instance.incarnation) > view.renewals

    def failing_seconds(self, view: View) -> float:
        """For how long an endpoint has been failing."""
        return 0.0 if view.failing_since is None else self._now() - view.failing_since

    def _heard(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case InstancePut():
                    self._put(change.instance)
                case InstanceRemoved():
                    self._drop(change.key)
                case _:
                    pass

    def _put(self, instance: Instance) -> None:
        key, registration = instance.key, instance.registration
        if (
            registration.cell != self._cell
            or instance.state is not State.ACTIVE
            or registration.check.kind is CheckKind.NONE
        ):
            self._drop(key)
            return
        view = self.views.get(key)
        if view is not None and view.instance.incarnation != instance.incarnation:
            self._drop(key)
            view = None
        if view is None:
            view = self.views[key] = View(instance, self._now())
            self._by_incarnation[instance.incarnation] = view
        else:
            self._count(view, -1)
            view.instance = instance
        self._count(view, 1)
        if view.is_served and view.failing_since is not None:
            self.failing[key] = view
        elif not view.is_served:
            self.failing.pop(key, None)
        self._report(view)

    def _drop(self, key: InstanceKey) -> None:
        view = self.views.pop(key, None)
        if view is None:
            return
        self._count(view, -1)
        self.failing.pop(key, None)
        self._by_incarnation.pop(view.instance.incarnation, None)
        if self._findings.pop(view.instance.incarnation, None) is not None:
            self._news()

    def _count(self, view: View, by: int) -> None:
        if view.is_served:
            service = view.instance.key.service_key
            count = self.served.get(service, 0) + by
            if count:
                self.served[service] = count
            else:
                self.served.pop(service, None)

    def _report(self, view: View) -> None:
        incarnation, finding = view.instance.incarnation, view.finding
        if self._findings.get(incarnation) is finding:
            return
        if finding is None:
            del self._findings[incarnation]
        else:
            self._findings[incarnation] = finding
        self._news()

    def _news(self) -> None:
        self.version += 1
        self.changed()
