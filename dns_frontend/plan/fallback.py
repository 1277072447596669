"""What would be answered if the region that answers now were lost (I29). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dns_frontend.plan.answer import Scope
from dns_frontend.plan.facet import ANY
from dns_frontend.plan.failover import Choice, Rule, choose


@dataclass(frozen=True, slots=True)
class Fallback:
    """The answer in the place of the one that is given."""

    choice: Choice

    @property
    def ready(self) -> bool:
        """Whether it is one to lean on: healthy endpoints of a region that stands in."""
        return self.choice.rule is Rule.STANDS_IN

    def __str__(self) -> str:
        then = self.choice
        return (
            f"fallback={then.region if then.everything else 'none'} rule={then.rule.value}"
            f" endpoints={len(then.everything)} ready={'yes' if self.ready else 'no'}"
        )


# fallback_of
#
#   the name                   without the region that answers  fallback
#   -------------------------  -------------------------------  -------------------------------
#   pinned to a region         -                                None: there is none
#   of all regions             healthy ones of a region that    they, ready
#                              stands in
#   of all regions             anything else                    it: an answer, but not one to
#                                                               lean on
#   of all regions             nothing                          nothing, not ready
def fallback_of(scope: Scope, choice: Choice) -> Fallback | None:
    """The answer in this scope without the region of `choice`, which is the one given now."""
    if scope.pinned:
        return None
    others = tuple(tier for tier in scope.tiers if tier.region != choice.region)
    # shares count on a home that is there
    policy = replace(scope.policy, overprovisioning=0.0)
    return Fallback(choose(scope.home, others, ANY, policy))
