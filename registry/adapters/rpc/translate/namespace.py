"""Namespaces, from the domain to their message."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import timestamp
from registry.domain.service import Namespace
from sheetanchor.v1 import namespace_pb2 as pb


def namespace_message(namespace: Namespace) -> pb.Namespace:
    """A namespace as the API shows it."""
    return pb.Namespace(
        name=f"namespaces/{namespace.id}",
        uid=namespace.uid,
        create_time=timestamp(namespace.create_time_ms),
        revision=namespace.revision,
    )
