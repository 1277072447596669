"""The operators' verbs against a real registry: tables, JSON and exit codes."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest
from operator_shell import Shell
from registry_site import SERVICE, Site, eventually, registration

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.plan import ServicePlan
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.kind import short_name
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import publication_service_pb2 as publication
from sheetanchor.v1.frontend_pb2 import HeldNames
from sheetanchor.v1.instance_pb2 import HealthCheck

VERDICT_APPLIED = publication.AcknowledgePlanRequest.VERDICT_APPLIED
VERDICT_REFUSED = publication.AcknowledgePlanRequest.VERDICT_REFUSED


async def published(site: Site, endpoints: int = 1) -> int:
    """Wait until the cell `eu` publishes so many endpoints; return the generation."""

    async def there() -> int:
        cell = await site.admin.GetCell(admin.GetCellRequest(name="cells/eu"))
        if not cell.generation:
            return 0
        name = f"cells/eu/plans/{cell.generation}"
        reply = await site.admin.GetPlan(admin.GetPlanRequest(name=name))
        return int(cell.generation) if reply.plan.endpoint_count == endpoints else 0

    return int(await eventually(there))


async def test_list_shows_each_kind_below_its_parent(site: Site, shell: Shell) -> None:
    """Namespaces, services, instances and leases, all of them or those of a parent."""
    await site.register("one")
    await site.register("two", parent="namespaces/shop/services/till")
    await site.register("one", parent="namespaces/bank/services/vault", region="us")
    assert [row[0] for row in await shell.table("list", "namespaces")] == [
        "NAMESPACE",
        "bank",
        "shop",
    ]
    services = await shell.table("list", "services", "shop")
    assert [row[0] for row in services] == ["SERVICE", "shop/cart", "shop/till"]
    head, *instances = await shell.table("list", "instances", "shop/cart")
    assert head == ["INSTANCE", "REGION", "ADDRESS", "HEALTH", "WHY", "SINCE"]
    assert [row[:3] for row in instances] == [["shop/cart/one", "eu", "127.0.0.1:8080"]]
    leases = await shell.table("list", "leases")
    assert [row[0] for row in leases[1:]] == ["bank/vault/one", "shop/cart/one", "shop/till/two"]
    assert leases[1][1:4] == ["300s", "100s", "in"]


async def test_list_as_json_is_one_document_with_the_contracts_names(
    site: Site, shell: Shell
) -> None:
    """Scripts read the same fields as clients of the RPC."""
    await site.register("one")
    (instance,) = (await shell.json("list", "instances"))["instances"]
    assert instance["name"] == f"{SERVICE}/instances/one"
    assert instance["locality"] == {"region": "eu", "zone": ""}
    assert instance["ports"] == [{"name": "main", "number": 8080, "protocol": "PROTOCOL_TCP"}]
    assert await shell.json("list", "frontends") == {"frontends": []}


@pytest.mark.parametrize(
    "option",
    [
        *("--minimum-endpoints", "--enter-threshold", "--exit-threshold"),
        *("--overprovisioning", "--rise", "--fall"),
    ],
)
async def test_a_nought_that_would_mean_the_default_is_refused(shell: Shell, option: str) -> None:
    """The contract cannot tell it from what was not given (I39)."""
    done = await shell.run("create", "service", "shop/cart", option, "0")
    assert done.exit_code == ExitCode.USAGE
    assert f"{option}: must be " in done.stderr
    assert await shell.json("list", "services") == {"services": []}


async def test_list_takes_all_pages(site: Site, shell: Shell, monkeypatch: Any) -> None:
    """However many there are."""
    for number in range(7):
        await site.register(f"i{number}")
    monkeypatch.setattr("sheetanchor.cli.admin.PAGE", 3)
    found = (await shell.json("list", "instances"))["instances"]
    assert [each["name"][-2:] for each in found] == [f"i{number}" for number in range(7)]


async def test_nothing_to_list_is_said_aside(shell: Shell) -> None:
    """Standard output stays empty, and it is no failure."""
    done = await shell.run("list", "instances")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "There are no instances.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("instance", "shop/cart/one"),
        ("instances", f"{SERVICE}/instances/one"),
        (f"{SERVICE}/instances/one",),
    ],
)
async def test_get_takes_short_and_full_names(
    site: Site, shell: Shell, words: tuple[str, ...]
) -> None:
    """All mean the same instance."""
    await site.register("one")
    data = await shell.json("get", *words)
    assert data["name"] == f"{SERVICE}/instances/one"
    done = await shell.run("get", *words)
    assert "addresses: 127.0.0.1" in done.stdout.splitlines()
    assert "    number: 8080" in done.stdout.splitlines()


async def test_get_knows_every_kind(site: Site, shell: Shell) -> None:
    """What a list shows can be got by the name in its first column."""
    await site.register("one")
    await published(site)
    await acknowledge(site, 1)

    async def heard() -> bool:
        return bool((await shell.json("list", "frontends"))["frontends"])

    async def observed() -> bool:
        return bool((await shell.json("list", "observers"))["observers"])

    await eventually(heard)
    await eventually(observed)
    for kind, parent in (
        ("namespaces", ()),
        ("services", ()),
        ("instances", ()),
        ("leases", ()),
        ("cells", ()),
        ("plans", ("eu",)),
        ("frontends", ()),
        ("observers", ("eu",)),
    ):
        _, first, *_ = await shell.table("list", kind, *parent)
        done = await shell.run("get", kind, first[0])
        assert done.exit_code == 0, done.output
        assert "name: " in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("service", "shop/nope"),
        ("cell", "nope"),
        ("plan", "eu/99999"),
        ("frontend", "x"),
        ("observer", "eu/node.x"),
    ],
)
async def test_what_is_not_there_is_an_exit_code_of_its_own(
    shell: Shell, words: tuple[str, str]
) -> None:
    """And the line says what."""
    done = await shell.run("get", *words)
    assert done.exit_code == ExitCode.NOT_FOUND
    assert done.stdout == ""
    assert words[1].rpartition("/")[2] in done.stderr
    assert done.stderr.count("\n") == 1


async def test_name_that_breaks_a_rule_is_usage(shell: Shell) -> None:
    """The registry's field violation ends the command as a bad option does."""
    done = await shell.run("get", "service", "Shop/Cart")
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith("sheetanchor: NAME: ")


async def test_service_is_created_updated_and_deleted(site: Site, shell: Shell) -> None:
    """Only what is given changes."""
    made = await shell.json(
        "create", "service", "shop/cart", "--ttl", "20", "--region-order", "us,eu"
    )
    assert made["policy"]["record_ttl_seconds"] == 20
    assert made["policy"]["failover"]["region_order"] == ["us", "eu"]
    assert (await shell.run("create", "service", "shop/cart")).exit_code == ExitCode.CONFLICT

    changed = await shell.json(
        "update", "service", "shop/cart",
        "--exit-hold", "0", "--minimum-endpoints", "3", "--scale-to-zero",
        "--enter-threshold", "0.4", "--exit-threshold", "0.9", "--etag", made["etag"], "--yes",
    )  # fmt: skip
    policy = changed["policy"]
    assert (policy["record_ttl_seconds"], policy["scale_to_zero"]) == (20, True)
    wished = {
        "region_order": ["us", "eu"],
        "enter_threshold": 0.4,
        "exit_threshold": 0.9,
        "exit_hold": "0s",
        "minimum_endpoints": 3,
    }
    assert policy["failover"] | wished == policy["failover"]
    back = await shell.json("update", "service", "shop/cart", "--hold-last")
    assert back["policy"]["scale_to_zero"] is False
    assert back["policy"]["record_ttl_seconds"] == 20

    stale = await shell.run("update", "service", "shop/cart", "--ttl", "9", "--etag", made["etag"])
    assert stale.exit_code == ExitCode.CONFLICT
    bad = await shell.run("update", "service", "shop/cart", "--ttl", "900")
    assert bad.exit_code == ExitCode.USAGE
    assert bad.stderr.startswith("sheetanchor: --ttl: "), bad.stderr

    await site.register("one")
    refused = await shell.run("delete", "service", "shop/cart")
    assert refused.exit_code == ExitCode.CONFLICT
    assert "--force" in refused.stderr
    assert (await shell.run("get", "service", "shop/cart")).exit_code == 0
    done = await shell.run("delete", "service", "shop/cart", "--force", "--yes")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "deleted service shop/cart")
    assert (await shell.run("get", "service", "shop/cart")).exit_code == ExitCode.NOT_FOUND
    again = await shell.run("delete", "service", "shop/cart")
    assert again.exit_code == ExitCode.NOT_FOUND


async def test_a_service_is_registered_by_the_name_that_other_verbs_take(
    site: Site, shell: Shell
) -> None:
    """NAMESPACE/SERVICE."""
    words = ("register", "shop/cart", "--region", "eu", "--check", "none", "--drain", "0")
    where = {**os.environ, "SHEETANCHOR_REGISTRY": site.server.grpc_address}
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sheetanchor", *words, env=where
    )
    try:

        async def named() -> bool:
            found = await shell.json("list", "services")
            return [short_name(each["name"]) for each in found["services"]] == ["shop/cart"]

        await eventually(named)
        holder.terminate()
        assert await holder.wait() == 0
    finally:
        if holder.returncode is None:
            holder.kill()


async def test_service_without_a_policy_is_created_without_an_empty_line(shell: Shell) -> None:
    done = await shell.run("create", "service", "shop/cart")
    assert (done.exit_code, done.stdout) == (0, "created service shop/cart\n")


async def test_instance_is_drained_and_deleted_in_its_owners_place(
    site: Site, shell: Shell
) -> None:
    """By its uid: an incarnation that registered since is not meant."""
    first = (await site.register("one")).instance.uid
    uid = (await site.register("one")).instance.uid
    late = await shell.run("drain", "instance", "shop/cart/one", "--uid", first)
    assert late.exit_code == ExitCode.CONFLICT
    assert uid in late.stderr
    drained = await shell.json("drain", "instance", "shop/cart/one", "--uid", uid)
    assert (drained["state"], drained["health"]) == ("STATE_DRAINING", "HEALTH_DRAINING")
    gone = await shell.run("delete", "instance", "shop/cart/one")
    assert (gone.exit_code, gone.stdout) == (
        0,
        f"deleted instance shop/cart/one, incarnation {uid}\n",
    )
    absent = await shell.run("delete", "instance", "shop/cart/nobody")
    assert absent.exit_code == ExitCode.NOT_FOUND
    bad = await shell.run("drain", "instance", "one")
    assert bad.exit_code == ExitCode.USAGE


async def test_resolve_lists_what_is_validated_or_all(site: Site, shell: Shell) -> None:
    """Of all regions of the registry, or of one."""
    await site.register("one")
    await site.register("two", region="us")
    await site.register("dead", check=HealthCheck.KIND_TCP, port=1)

    async def both() -> bool:
        rows = await shell.table("resolve", "shop/cart")
        return [row[0] for row in rows[1:]] == ["shop/cart/one", "shop/cart/two"]

    await eventually(both)
    only = await shell.json("resolve", "shop/cart", "--in", "us")
    assert [each["name"] for each in only["instances"]] == [f"{SERVICE}/instances/two"]
    everything = await shell.json("resolve", "shop/cart", "--all")
    assert len(everything["instances"]) == 3
    none = await shell.run("resolve", "shop/nothing")
    assert none.exit_code == ExitCode.NOT_FOUND, none.output


async def acknowledge(
    site: Site, generation: int, refusal: str = "", frontend: str = "f1", held: str = ""
) -> None:
    """Say what a frontend would say of the cell `eu`."""
    cell = await site.admin.GetCell(admin.GetCellRequest(name="cells/eu"))
    verdict = VERDICT_REFUSED if refusal else VERDICT_APPLIED
    await site.publication.AcknowledgePlan(
        publication.AcknowledgePlanRequest(
            frontend_id=frontend,
            region="eu",
            cell="eu",
            epoch=cell.epoch,
            generation=generation,
            verdict=verdict,
            refusal=refusal,
            held=HeldNames(service_count=1, services=[held], reason="it was lost")
            if held
            else None,
        )
    )


async def test_what_the_leader_does_not_publish_is_told_with_the_reason(
    site: Site, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the cell and beside its chain, until it is published."""
    await site.register("one")
    await published(site)
    encode = ProtoPlanCodec.encode

    def encode_or_fail(codec: ProtoPlanCodec, plan: ServicePlan) -> bytes:
        if any(endpoint.instance == "two" for endpoint in plan.endpoints):
            raise ValueError("no field can hold it")
        return encode(codec, plan)

    async def refused() -> list[dict[str, str]]:
        found: list[dict[str, str]] = (await shell.json("get", "cell", "eu"))["refused_entries"]
        return found

    with monkeypatch.context() as patch:
        patch.setattr(ProtoPlanCodec, "encode", encode_or_fail)
        await site.register("two")
        why = "ValueError: no field can hold it"
        assert await eventually(refused) == [
            {"service": "namespaces/shop/services/cart", "rule": "malformed", "reason": why}
        ]
        shown = (await shell.run("plans", "eu")).output.splitlines()
        assert shown[1] == f"shop/cart is not published, and stays as it was: malformed: {why}"
        assert (await shell.json("get", "cell", "us"))["refused_entries"] == []
        assert f"reason: {why}" in (await shell.run("get", "cell", "eu")).output
    await site.register("three")
    await published(site, endpoints=3)

    async def well() -> bool:
        return not await refused()

    await eventually(well)


async def test_plans_show_the_chain_and_who_follows(site: Site, shell: Shell) -> None:
    """Head first; one frontend acknowledged, one lags, one refused and says why."""
    await site.register("one")
    await published(site)
    await site.register("two")
    head = await published(site, endpoints=2)
    (entry,) = (await shell.json("plans", "eu"))["cells"]
    assert int(entry["cell"]["generation"]) == head
    await acknowledge(site, head, frontend="up-to-date", held="namespaces/a/services/b")
    await acknowledge(site, head - 1, frontend="slow")
    await acknowledge(site, head - 1, frontend="doubtful")
    await acknowledge(site, head, "the digest is wrong", frontend="doubtful")

    async def told() -> list[list[str]] | None:
        rows = await shell.table("plans", "eu")
        return rows if any("refused" in row for row in rows) else None

    rows = await eventually(told)
    text = [" ".join(row) for row in rows]
    assert text[0].startswith(f"cell eu, region eu: generation {head}, epoch ")
    assert text[1] == "GENERATION PARENT EPOCH SERVICES ENDPOINTS REVISION AGE"
    assert text[2].startswith(f"{head} head {head - 1} ")
    assert any(line.startswith(f"up-to-date eu {head} acknowledged") for line in text)
    assert any(line.startswith(f"slow eu {head - 1} lags by 1") for line in text)
    assert any(line.startswith(f"doubtful eu {head - 1} refused {head}") for line in text)
    assert f"doubtful refused {head}: the digest is wrong" in text[-2:]
    assert "up-to-date holds a/b: it was lost" in text[-2:]
    rows = await shell.table("list", "frontends")
    assert rows[0][4] == "HOLDS"
    assert {row[0]: row[4] for row in rows[1:]} == {"up-to-date": "1", "slow": "-", "doubtful": "-"}


async def test_plans_of_all_cells_and_a_limit(site: Site, shell: Shell) -> None:
    """One part a cell; as many plans of each as asked for, newest first."""
    await site.register("one")
    await published(site)
    await site.register("two")
    await site.register("three", region="us")
    await published(site, endpoints=2)
    found = (await shell.json("plans", "--limit", "1"))["cells"]
    assert [each["cell"]["name"] for each in found] == ["cells/eu", "cells/us"]
    assert len(found[0]["plans"]) == 1
    assert found[0]["plans"][0]["generation"] == found[0]["cell"]["generation"]
    assert (await shell.run("plans", "nope")).exit_code == ExitCode.NOT_FOUND


async def test_a_page_may_be_as_large_as_its_items_are(site: Site, shell: Shell) -> None:
    """A hundred instances with all the metadata there may be are over gRPC's usual 4 MiB."""
    for number in range(140):
        # of several services: so much of one is refused, since its entry would be too large
        parent = f"namespaces/shop/services/cart-{number // 20}"
        asked = registration(f"i{number}", parent=parent)
        asked.instance.metadata.update({f"key{at:02}": "x" * 512 for at in range(64)})
        await site.registration.RegisterInstance(asked)
    assert len((await shell.json("list", "instances"))["instances"]) == 140
