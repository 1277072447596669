"""Resources are named in short or in full, and shown in columns that fit a terminal."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import typer
from google.protobuf.timestamp_pb2 import Timestamp

from sheetanchor.cli.age import span
from sheetanchor.cli.audit_row import VERBS
from sheetanchor.cli.kind import KINDS, kind_named, kind_of, short_name
from sheetanchor.cli.main import app
from sheetanchor.cli.output import as_data, details, plain_lines, print_table
from sheetanchor.cli.plans import standing
from sheetanchor.v1 import admin_service_pb2, instance_pb2, plan_pb2
from sheetanchor.v1.audit_entry_pb2 import AuditEntry
from sheetanchor.v1.cell_pb2 import Cell
from sheetanchor.v1.frontend_pb2 import Frontend

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("namespace", "shop", "namespaces/shop"),
        ("service", "shop/cart", "namespaces/shop/services/cart"),
        ("service", "cart", "namespaces/default/services/cart"),
        ("instances", "shop/cart/one", "namespaces/shop/services/cart/instances/one"),
        ("lease", "cart/one", "namespaces/default/services/cart/instances/one/lease"),
        ("plan", "east/7", "cells/east/plans/7"),
        ("cell", "east", "cells/east"),
        ("frontend", "dns-1", "frontends/dns-1"),
        ("audit", "0af3", "auditEntries/0af3"),
        ("observer", "eu/node.a", "cells/eu/observers/node.a"),
    ],
)
def test_short_names_are_completed_and_full_ones_tell_their_kind(
    kind: str, text: str, name: str
) -> None:
    """The same resource can be written both ways."""
    found = kind_named(kind)
    assert found.full_name(text) == name
    assert found.full_name(name) == name
    assert kind_of(name) is found
    assert found.full_name(short_name(name)) == name


def test_an_act_on_all_cells_says_so_and_one_on_the_zone_its_settings() -> None:
    """As the verbs that did it are written."""
    audit = kind_named("audit")
    frozen = AuditEntry(act=AuditEntry.ACT_FREEZE, subject="cells/-", detail="settings.x")
    assert audit.row(frozen, NOW)[:3] == ("freeze", "all cells", "settings.x")
    zone = AuditEntry(
        act=AuditEntry.ACT_UPDATE_ZONE,
        subject="zone",
        detail="settings.a, settings.negative_ttl_seconds at once",
    )
    assert audit.row(zone, NOW)[:3] == ("zone set", "zone", "a, negative-ttl at once")


def test_the_list_of_frontends_says_which_are_canaries() -> None:
    """One that is older than roles says nothing."""
    column = kind_named("frontend").columns.index("ROLE")
    roles = [Frontend.ROLE_CANARY, Frontend.ROLE_SERVING, Frontend.ROLE_UNSPECIFIED]
    rows = [kind_named("frontend").row(Frontend(role=role), NOW) for role in roles]
    assert [row[column] for row in rows] == ["canary", "serving", "-"]


@pytest.mark.parametrize(
    ("kind", "text"), [("cell", "a/b"), ("instance", "one"), ("plan", "7"), ("service", "a//b")]
)
def test_name_of_another_shape_is_refused_with_the_right_one(kind: str, text: str) -> None:
    """The message shows how it is written."""
    found = kind_named(kind)
    with pytest.raises(ValueError, match=found.form):
        found.full_name(text)


@pytest.mark.parametrize("text", ["namespaces", "shops/x", "namespaces/a/lease", "x"])
def test_what_is_no_resource_name_has_no_kind(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="no resource name"):
        kind_of(text)


@pytest.mark.parametrize(
    ("kind", "text", "parent"),
    [
        ("services", "", ""),
        ("services", "shop", "namespaces/shop"),
        ("instances", "shop", "namespaces/shop"),
        ("leases", "shop/cart", "namespaces/shop/services/cart"),
        ("plans", "east", "cells/east"),
    ],
)
def test_lists_are_narrowed_by_parents(kind: str, text: str, parent: str) -> None:
    """A parent is written in short, too."""
    assert kind_named(kind).parent_name(text) == parent
    with pytest.raises(ValueError, match="parent"):
        kind_named(kind).parent_name("a/b/c")


def test_table_of_kinds_is_of_the_contract() -> None:
    """Each kind has its two methods, its list field and its parent where the table says so."""
    for kind in KINDS:
        page = getattr(admin_service_pb2, f"List{kind.rpc_plural}Response").DESCRIPTOR
        assert kind.reply_field in page.fields_by_name
        asked = getattr(admin_service_pb2, f"List{kind.rpc_plural}Request").DESCRIPTOR
        assert ("parent" in asked.fields_by_name) == bool(kind.parents)
        assert hasattr(admin_service_pb2, f"Get{kind.rpc_singular}Request")
        message = page.fields_by_name[kind.reply_field].message_type._concrete_class()
        assert len(kind.row(message, NOW)) == len(kind.columns), kind


def test_long_instance_fits_eighty_columns() -> None:
    """The widest table, with everything in it that is usual."""
    instance = instance_pb2.Instance(
        name="namespaces/shop/services/cart/instances/web-12-8080",
        locality=instance_pb2.Locality(region="east"),
        addresses=["10.10.120.107"],
        ports=[instance_pb2.Port(number=8080)],
        health=instance_pb2.HEALTH_UNHEALTHY,
        evidence=instance_pb2.EVIDENCE_REFUSED,
        health_time=Timestamp(seconds=int(NOW) - 3 * 3600 - 59 * 60),
    )
    kind = kind_named("instances")
    head, line = plain_lines(kind.columns, [kind.row(instance, NOW)])
    assert head.split() == ["INSTANCE", "REGION", "ADDRESS", "HEALTH", "WHY", "SINCE"]
    expected = ["shop/cart/web-12-8080", "east", "10.10.120.107:8080", "UNHEALTHY", "REFUSED"]
    assert line.split() == [*expected, "3h", "59m"]
    assert len(line) <= 80


def test_value_of_a_later_version_is_shown_as_its_number() -> None:
    """An enum may grow; the row must not be lost for it."""
    instance = instance_pb2.Instance(name="namespaces/a/services/b/instances/c")
    instance.evidence = 99  # type: ignore[assignment]  # what a newer registry may send
    assert kind_named("instances").row(instance, NOW)[4] == "99"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (12, "12s"), (61, "1m 1s"), (7260, "2h 1m"), (90000, "1d 1h")],
)
def test_spans_have_two_units_at_most(seconds: float, text: str) -> None:
    """Ages are read at a glance."""
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("applied", "refused", "head", "text"),
    [
        (7, 0, 7, "acknowledged"),
        (8, 0, 7, "acknowledged"),
        (5, 0, 7, "lags by 2"),
        (6, 7, 7, "refused 7"),
        (7, 7, 7, "refused 7"),
        (0, 0, 7, "lags by 7"),
        (7, 6, 7, "acknowledged"),
    ],
)
def test_standing_row_by_row(applied: int, refused: int, head: int, text: str) -> None:
    """As the table above the function says."""
    assert standing(applied, refused, head) == text


def test_json_has_all_fields_in_the_contracts_order() -> None:
    """Zeros are there too, so that a script need not guess; parts keep their order as well."""
    reply = admin_service_pb2.GetPlanResponse(
        plan=plan_pb2.Plan(name="cells/east/plans/1", cell="east"),
        services=[plan_pb2.ServicePlan(namespace="shop", service="cart")],
    )
    reply.plan.create_time.seconds = 5
    data = as_data(reply)
    plan = [field.name for field in plan_pb2.Plan.DESCRIPTOR.fields]
    assert list(data["plan"]) == plan
    assert data["plan"]["endpoint_count"] == 0
    assert data["plan"]["create_time"] == "1970-01-01T00:00:05Z"
    assert list(data["services"][0])[:3] == ["namespace", "service", "endpoints"]


def test_details_are_indented_lines() -> None:
    """Nested parts lie below their field; what is empty is left out."""
    data = {"name": "a", "ok": False, "none": "", "in": {"x": 1}, "l": [{"p": 1, "q": 2}], "m": []}
    expected = ["name: a", "ok: false", "in:", "  x: 1", "l:", "  - p: 1", "    q: 2"]
    assert details(data) == expected


def test_what_people_wrote_into_an_audit_entry_commands_no_terminal() -> None:
    """It comes from anybody who can reach the registry."""
    entry = AuditEntry(
        act=AuditEntry.ACT_BREAK_GLASS_PIN,
        subject="frontends/f1",
        cell="east",
        actor="ann\x1b[2J",
        reason="line one\nline\ttwo\x07",
        detail="KEEP of\x1b uid u1",
        generation=7,
    )
    row = kind_named("audit").row(entry, NOW)
    assert row[:3] == ("break-glass pin", "f1 of east", "to 7 KEEP of  uid u1")
    assert row[3] == "ann [2J"
    assert row[5] == "line one line two"


UID = "01a210f7-a797-7752-86b3-90cbe35d3a37"


@pytest.mark.parametrize(
    ("act", "detail", "shown"),
    [
        ("DECIDE_REMOVAL", f"confirm of uid {UID}", ("held confirm", "of uid …90cbe35d3a37")),
        ("DECIDE_REMOVAL", f"REMOVE of uid {UID}", ("held confirm", "of uid …90cbe35d3a37")),
        ("DECIDE_REMOVAL", "NONE of uid u1", ("held undecide", "of uid u1")),
        (
            "UPDATE_SERVICE",
            "policy.failover.exit_hold, policy.health.rise at once",
            ("update service", "exit-hold, rise at once"),
        ),
        ("UPDATE_SERVICE", "policy", ("update service", "policy")),
        ("DIVERT_SERVICE", "from east for 60 s", ("divert", "from east for 60 s")),
        ("UNSPECIFIED", "", ("-", "-")),
    ],
)
def test_what_was_done_is_told_in_the_words_that_are_typed(
    act: str, detail: str, shown: tuple[str, str]
) -> None:
    """The contract's words are in --json; a registry of before wrote REMOVE, KEEP and NONE."""
    entry = AuditEntry(act=AuditEntry.Act.Value(f"ACT_{act}"), subject="cells/eu", detail=detail)
    row = kind_named("audit").row(entry, NOW)
    assert (row[0], row[2]) == shown


def test_every_act_has_its_verb() -> None:
    """A new one would be shown as none."""
    assert set(VERBS) == set(AuditEntry.Act.keys()) - {"ACT_UNSPECIFIED"}
    found: Any = typer.main.get_command(app)
    assert {verb.split()[0] for verb in VERBS.values()} <= set(found.commands)


def test_a_plan_of_an_audit_entry_is_told_once() -> None:
    """A rollback's subject is the cell; a pin's is the plan."""
    back = AuditEntry(
        act=AuditEntry.ACT_ROLL_BACK,
        subject="cells/eu",
        cell="eu",
        generation=41,
        detail="from 44, as generation 45",
    )
    row = kind_named("audit").row(back, NOW)
    assert row[:3] == ("plans rollback", "eu", "to 41 from 44, as generation 45")
    pinned = AuditEntry(
        act=AuditEntry.ACT_PIN_PLAN, subject="cells/eu/plans/41", cell="eu", generation=41
    )
    assert kind_named("audit").row(pinned, NOW)[:3] == ("pin", "eu/41", "-")


def test_a_frozen_cell_is_shown_as_frozen_whoever_led_it_last() -> None:
    cell = Cell(name="cells/eu", region="eu", leader="node-1", frozen="something is wrong")
    assert kind_named("cells").row(cell, NOW)[2] == "frozen"
    cell.frozen = ""
    assert kind_named("cells").row(cell, NOW)[2] == "node-1"


def test_at_a_terminal_the_texts_are_wrapped_at_words_and_no_verb_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 80 columns; what was cut is in --json."""
    entry = AuditEntry(
        act=AuditEntry.ACT_UPDATE_ZONE,
        subject="zone",
        actor="ann@host",
        detail="settings.negative_ttl_seconds, settings.nameserver_ttl_seconds",
        reason="somebody said that they were wrong since this morning",
    )
    kind = kind_named("audit")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(kind.columns, [kind.row(entry, NOW)] * 2, nothing="", prose=kind.prose)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 3
    words = {word for line in lines for word in line.split()}
    told = "zone set negative-ttl, nameserver-ttl ann@host somebody said were wrong morning"
    assert set(told.split()) <= words
