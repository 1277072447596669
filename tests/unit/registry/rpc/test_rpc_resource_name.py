"""Resource names are read strictly, and what is wrong with one is said under its field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.adapters.rpc.translate import resource_name as names
from registry.domain.errors import InvalidField

LONG = "a" * 64


@pytest.mark.parametrize(
    ("read", "text", "found"),
    [
        (names.namespace_id, "namespaces/a", "a"),
        (names.service_key, "namespaces/a/services/b", ("a", "b")),
        (names.instance_key, "namespaces/a/services/b/instances/c", ("a", "b", "c")),
        (names.lease_key, "namespaces/a/services/b/instances/c/lease", ("a", "b", "c")),
        (names.cell_name, "cells/eu-west", "eu-west"),
        (names.plan_name, "cells/eu/plans/12", ("eu", 12)),
        (names.plan_name, "cells/eu/plans/0", ("eu", 0)),
        (names.plan_name, f"cells/eu/plans/{'9' * 400}", ("eu", 2**63 - 1)),
        (names.frontend_id, "frontends/dns-1.eu", "dns-1.eu"),
    ],
)
def test_a_good_name_is_read(read: Callable[[str, str], Any], text: str, found: object) -> None:
    assert read(text, "name") == found


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (names.namespace_id, ""),
        (names.namespace_id, "namespaces/"),
        (names.namespace_id, "namespaces/A"),
        (names.namespace_id, "namespaces/a/"),
        (names.namespace_id, f"namespaces/{LONG}"),
        (names.namespace_id, "namespaces/-"),
        (names.service_key, "namespaces/a"),
        (names.service_key, "namespaces/a/instances/b"),
        (names.service_key, "namespaces/a/services/b-"),
        (names.service_key, "namespaces/a/services/b\n"),
        (names.instance_key, "namespaces/a/services/b"),
        (names.instance_key, "namespaces/a/services/b/instances/c/lease"),
        (names.lease_key, "namespaces/a/services/b/instances/c"),
        (names.lease_key, "lease"),
        (names.cell_name, "namespaces/a"),
        (names.plan_name, "cells/eu/plans/-1"),
        (names.plan_name, "cells/eu/plans/"),
        (names.plan_name, "cells/eu/plans/\u0661"),
        (names.plan_name, "cells//plans/1"),
        (names.frontend_id, "frontends/"),
        (names.frontend_id, "frontends/a/b"),
        (names.frontend_id, "a"),
    ],
)
def test_a_bad_name_is_refused_naming_the_field(read: Callable[[str, str], Any], text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(text, "the.field")
    assert [v.field for v in caught.value.violations] == ["the.field"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", (None, None)),
        ("namespaces/-", (None, None)),
        ("namespaces/a", ("a", None)),
        ("namespaces/a/services/-", ("a", None)),
        ("namespaces/-/services/b", (None, "b")),
        ("namespaces/a/services/b", ("a", "b")),
    ],
)
def test_a_parent_may_be_wide(text: str, found: tuple[str | None, str | None]) -> None:
    assert names.parent_ids(text, "parent", ("namespaces", "services")) == found


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "namespaces",
        "services/b",
        "namespaces/a/services",
        "namespaces/a/b/c",
        "namespaces//services/b",
        "namespaces/a/services/b/instances/c",
    ],
)
def test_a_bad_parent_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        names.parent_ids(text, "parent", ("namespaces", "services"))
    assert [v.field for v in caught.value.violations] == ["parent"]
