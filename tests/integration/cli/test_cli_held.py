"""Held removals are listed with their reason and release, and decided on."""

from __future__ import annotations

from typing import Any

from operator_shell import Shell
from registry_site import SERVICE, Site, eventually, registration

from sheetanchor.cli.exit_code import ExitCode

ONE = f"{SERVICE}/instances/one"


async def held(shell: Shell, *cell: str) -> list[dict[str, Any]]:
    """What is held."""
    found: list[dict[str, Any]] = (await shell.json("held", "list", *cell))["held_removals"]
    return found


async def falls_silent(site: Site) -> str:
    """Register the only instance of a name, which never renews; its uid."""
    short = registration("one")
    short.ttl.FromSeconds(1)
    return str((await site.registration.RegisterInstance(short)).instance.uid)


async def test_an_operator_looks_confirms_and_the_name_keeps_its_last(
    site: Site, shell: Shell
) -> None:
    """Why it is held, since when, and what would end that."""
    uid = await falls_silent(site)
    (only,) = await eventually(lambda: held(shell, "eu"))
    assert (only["name"], only["uid"], only["cell"]) == (ONE, uid, "eu")
    head, row = await shell.table("held", "list")
    assert head == ["INSTANCE", "CELL", "HEALTH", "WHY", "HELD", "BY", "SINCE", "RELEASE"]
    assert row[:5] == ["shop/cart/one", "eu", "UNHEALTHY", "LEASE_EXPIRED", "NAME_FLOOR"]
    assert row[-3:] == ["not", "by", "time"]

    late = await shell.run("held", "confirm", "shop/cart/one", "--uid", "u0")
    assert late.exit_code == ExitCode.CONFLICT
    assert uid in late.stderr
    done = await shell.run("held", "confirm", "shop/cart/one", "--uid", uid, "--reason", "dead")
    assert done.exit_code == 0, done.output
    assert "was held in cell eu by NAME_FLOOR for " in done.output
    assert done.output.splitlines()[-2:] == [
        "shop/cart/one leaves the answers",
        f"incarnation: {uid}",
    ]

    async def nothing_held() -> bool:
        return not await held(shell)

    await eventually(nothing_held)
    (entry,) = (await shell.json("list", "audit"))["audit"]
    assert (entry["act"], entry["subject"]) == ("ACT_DECIDE_REMOVAL", ONE)
    assert (entry["reason"], entry["detail"]) == ("dead", f"confirm of uid {uid}")


async def test_a_decision_is_taken_back(site: Site, shell: Shell) -> None:
    """Kept, and then left to the rules again."""
    await falls_silent(site)
    await eventually(lambda: held(shell))
    kept = await shell.json("held", "keep", "shop/cart/one")
    assert kept["removal_decision"] == "REMOVAL_DECISION_KEEP"
    back = await shell.run("held", "undecide", "shop/cart/one")
    assert "is the rules' to decide on again" in back.output
    found = await shell.json("get", "instance", "shop/cart/one")
    assert "removal_decision" not in found or found["removal_decision"] in (
        "REMOVAL_DECISION_UNSPECIFIED",
        "REMOVAL_DECISION_NONE",
    )


async def test_confirming_the_removal_of_a_healthy_instance_says_that_it_stays(
    site: Site, shell: Shell
) -> None:
    """There is none to confirm."""
    await site.register("one")

    async def healthy() -> bool:
        found = await shell.json("get", "instance", "shop/cart/one")
        return bool(found["health"] == "HEALTH_HEALTHY")

    await eventually(healthy)
    done = await shell.run("held", "confirm", "shop/cart/one")
    assert done.exit_code == 0, done.output
    assert "is healthy and stays in the answers" in done.output


async def test_a_removal_that_there_is_not_cannot_be_kept(site: Site, shell: Shell) -> None:
    """Of a healthy instance: it stays by itself. Nothing is changed."""
    await site.register("one")
    kept = await shell.run("held", "keep", "shop/cart/one")
    assert (kept.exit_code, kept.stdout) == (ExitCode.CONFLICT, "")
    assert "is HEALTHY: no removal of it is held" in kept.stderr
    assert "Nothing was changed; `held list` has" in kept.stderr
    assert (await shell.json("list", "audit"))["audit"] == []


async def test_slips_are_told(shell: Shell) -> None:
    """What is not there, and what is no name."""
    assert (await shell.run("held", "list", "mars")).exit_code == ExitCode.NOT_FOUND
    assert (await shell.run("held", "list", "a/b")).exit_code == ExitCode.USAGE
    assert (await shell.run("held", "keep", "shop/cart/one")).exit_code == ExitCode.NOT_FOUND
    assert (await shell.run("held", "keep", "cart")).exit_code == ExitCode.USAGE
    empty = await shell.run("held", "list")
    assert (empty.exit_code, "No removal is held." in empty.stderr) == (0, True)


async def test_defaults_are_shown_where_nobody_gave_a_policy(site: Site, shell: Shell) -> None:
    """Marked as such, and gone from the JSON once somebody did."""
    await site.register("one")
    shown = await shell.run("get", "service", "shop/cart")
    assert "default_policy: nobody gave a policy" in shown.output
    assert "record_ttl_seconds: 10" in shown.output
    data = await shell.json("get", "service", "shop/cart")
    assert data["default_policy"]["failover"]["minimum_endpoints"] == 1
    await shell.json("update", "service", "shop/cart", "--ttl", "20")
    data = await shell.json("get", "service", "shop/cart")
    assert "default_policy" not in data
    assert data["policy"]["record_ttl_seconds"] == 20
    shown = await shell.run("get", "service", "shop/cart")
    assert "default where it says nothing:" in shown.output
