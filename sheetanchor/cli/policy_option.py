"""The options for a service's policy: one table, for every verb that takes a policy.

Each row fills one field of the contract. `create service` and `update service` take all of
them; what an option's text means is read here, and judged by the registry.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.span import span

if TYPE_CHECKING:
    from sheetanchor.v1.service_pb2 import Distance, ServicePolicy

ALL_DOWN = (
    *("fail-open-home", "fail-open-all", "last-known-good"),
    *("static", "servfail", "nodata"),
)
"""What may be answered when no endpoint is healthy: the contract's words, as they are typed."""


@dataclass(frozen=True, slots=True)
class PolicyOption:
    """One option, and the field of `ServicePolicy` that it fills."""

    option: str
    path: str
    """Below `policy`: `failover.exit_hold`."""
    kind: Any
    """What typer makes of the text."""
    metavar: str | None
    sentence: str
    read: Callable[[str, Any], Any] = lambda option, given: given
    """The field's value, of the option's name and what was given. Raises Failure."""
    nought: str = ""
    """Where 0 is what the contract reads as not given: what may be given."""

    @property
    def name(self) -> str:
        """As a parameter is called."""
        return self.word.replace("-", "_")

    @property
    def word(self) -> str:
        """As `--unset` takes it."""
        return self.option.partition("/")[0].removeprefix("--")

    def value(self, given: Any) -> Any:
        """The field's value. Raises Failure, naming the option, for what cannot be meant."""
        if self.nought and given == 0:
            # in the contract 0 is what was not given, and so would be the default (I39)
            raise Failure(f"{self.option}: must be {self.nought}, is 0", ExitCode.USAGE)
        return self.read(self.option, given)


def _regions(option: str, text: str) -> list[str]:
    return [region for region in text.split(",") if region]


def _all_down(option: str, text: str) -> str:
    if text not in ALL_DOWN:
        raise Failure(f"{option}: {text!r} is none of {', '.join(ALL_DOWN)}", ExitCode.USAGE)
    return f"ALL_DOWN_{text.upper().replace('-', '_')}"


def _distances(option: str, texts: Sequence[str]) -> list[Distance]:
    from sheetanchor.v1.service_pb2 import Distance

    made = []
    for text in texts:
        regions, equals, number = text.partition("=")
        start, comma, end = regions.partition(",")
        if not (equals and comma and number.isascii() and number.isdigit() and len(number) < 10):
            raise Failure(f"{option}: {text!r} is not of the form A,B=NUMBER", ExitCode.USAGE)
        made.append(Distance(start=start.strip(), end=end.strip(), distance=int(number)))
    return made


POLICY_OPTIONS: tuple[PolicyOption, ...] = (
    PolicyOption(
        "--ttl",
        "record_ttl_seconds",
        int | None,
        "SECONDS",
        "TTL of answers, 5 to 60; 10 unless ever set.",
    ),
    PolicyOption(
        "--region-order",
        "failover.region_order",
        str | None,
        "A,B",
        "Regions after the home region.",
        _regions,
    ),
    PolicyOption(
        "--distance",
        "failover.distances",
        list[str] | None,
        "A,B=NUMBER",
        "How far two regions are apart, 1 to 1000000: regions that the order does not name follow "
        "by it. May be repeated; all of them together replace what there was.",
        _distances,
    ),
    PolicyOption(
        "--enter-threshold",
        "failover.enter_threshold",
        float | None,
        "SHARE",
        "Healthy share below which a region is left; 0.5 unless ever set.",
        nought="over 0 and up to 1",
    ),
    PolicyOption(
        "--enter-hold",
        "failover.enter_hold",
        float | None,
        "SECONDS",
        "How long it must have been below, 0 to 600; 0 unless ever set.",
        span,
    ),
    PolicyOption(
        "--exit-threshold",
        "failover.exit_threshold",
        float | None,
        "SHARE",
        "Share at which it is taken again; 0.7 unless ever set.",
        nought="over 0 and up to 1",
    ),
    PolicyOption(
        "--exit-hold",
        "failover.exit_hold",
        float | None,
        "SECONDS",
        "How long that must have held, 0 to 3600; 30 unless ever set.",
        span,
    ),
    PolicyOption(
        "--minimum-endpoints",
        "failover.minimum_endpoints",
        int | None,
        "NUMBER",
        "Healthy endpoints a region needs; 1 unless ever set.",
        nought="1 to 1000",
    ),
    PolicyOption(
        "--overprovisioning",
        "failover.overprovisioning",
        float | None,
        "FACTOR",
        "By how much a region exceeds its usual load, 1 to 10: what it cannot bear goes to the "
        "next ones, as far as they have room. Regions are never mixed unless ever set.",
        nought="1 to 10",
    ),
    PolicyOption(
        "--all-down",
        "failover.all_down",
        str | None,
        "WORD",
        f"What is answered when no endpoint is healthy: {', '.join(ALL_DOWN)}; the first unless "
        "ever set.",
        _all_down,
    ),
    PolicyOption(
        "--static-address",
        "failover.static_addresses",
        list[str] | None,
        "IP",
        "What static answers with, at most 8. May be repeated; all of them together replace what "
        "there was.",
    ),
    PolicyOption(
        "--scale-to-zero/--hold-last",
        "scale_to_zero",
        bool | None,
        None,
        "The last instance leaving empties the name, or not.",
    ),
    PolicyOption(
        "--rise",
        "health.rise",
        int | None,
        "NUMBER",
        "Successes in a row that make an instance healthy, 1 to 10; as each registered unless "
        "ever set.",
        nought="1 to 10",
    ),
    PolicyOption(
        "--fall",
        "health.fall",
        int | None,
        "NUMBER",
        "Failures in a row that make it unhealthy, 1 to 10; as each registered unless ever set.",
        nought="1 to 10",
    ),
    PolicyOption(
        "--damping-window",
        "health.damping_window",
        float | None,
        "SECONDS",
        "An endpoint changes sides at most once in it, 1 to 600; 10 unless ever set.",
        span,
    ),
    PolicyOption(
        "--slow-start",
        "health.slow_start",
        float | None,
        "SECONDS",
        "How long one that comes up grows to its full weight, 0 to 900; 0 unless ever set.",
        span,
    ),
)

Given = Mapping[str, Any]
"""What was given for each row, by its name; None or nothing where it was not."""


def takes_policy(function: Callable[..., None]) -> Callable[..., None]:
    """Give a function the table's options, as its argument `given`. Goes below `takes_settings`."""
    signature = inspect.signature(function, eval_str=True)
    names = [row.name for row in POLICY_OPTIONS]

    def command(values: Mapping[str, Any], **words: Any) -> None:
        given = {name: words.pop(name) for name in names}
        function(values, given=given, **words)

    parameters: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        parameters += map(_parameter, POLICY_OPTIONS) if each.name == "given" else [each]
    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    return command


def policy_of(given: Given, unset: Sequence[str] = ()) -> tuple[ServicePolicy, list[str]]:
    """The policy of what was given, and the paths of the update mask for it.

    `unset` are words of options whose fields take their defaults again. Raises Failure.
    """
    from sheetanchor.v1.service_pb2 import FailoverPolicy, HealthPolicy, ServicePolicy

    fields: dict[str, dict[str, Any]] = {"": {}, "failover": {}, "health": {}}
    paths = []
    for row in POLICY_OPTIONS:
        what = given[row.name]
        if what is None or what == []:
            continue
        part, _, field = row.path.rpartition(".")
        fields[part][field] = row.value(what)
        paths.append(f"policy.{row.path}")
    known = {row.word: row for row in POLICY_OPTIONS}
    for word in unset:
        if word not in known:
            raise Failure(f"--unset: {word!r} is none of {', '.join(known)}", ExitCode.USAGE)
        path = f"policy.{known[word].path}"
        if path in paths:
            raise Failure(f"--unset: {word} is given as well, or twice", ExitCode.USAGE)
        paths.append(path)
    try:
        policy = ServicePolicy(**fields[""])
        if fields["failover"]:
            policy.failover.CopyFrom(FailoverPolicy(**fields["failover"]))
        if fields["health"]:
            policy.health.CopyFrom(HealthPolicy(**fields["health"]))
    except (ValueError, OverflowError) as error:
        raise Failure(f"the policy: {error}", ExitCode.USAGE) from error
    return policy, paths


def _parameter(row: PolicyOption) -> inspect.Parameter:
    option = typer.Option(row.option, metavar=row.metavar, help=row.sentence)
    return inspect.Parameter(
        row.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[row.kind, option],
    )
