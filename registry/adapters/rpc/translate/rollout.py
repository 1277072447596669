"""How a change comes into force, as a request says it."""

from __future__ import annotations

from registry.domain.errors import FieldViolation, InvalidField
from sheetanchor.v1 import admin_service_pb2 as pb


def acts_at_once(rollout: pb.UpdateServiceRequest.Rollout) -> bool:
    """Whether no canary is to be waited for. Raises InvalidField for what is not known."""
    match rollout:
        case pb.UpdateServiceRequest.ROLLOUT_UNSPECIFIED | pb.UpdateServiceRequest.ROLLOUT_STAGED:
            return False
        case pb.UpdateServiceRequest.ROLLOUT_NOW:
            return True
        case other:
            raise InvalidField(FieldViolation("rollout", f"must be STAGED or NOW, is {other}"))
