"""The settings table: what is given reaches the servers, and what cannot be meant is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dns_frontend.config import FrontendSettings
from dns_frontend.plan.role import Role
from dns_frontend.server.rates import RateLimits
from dns_frontend.server.settings import ServerSettings, UdpLoop
from registry.config import ReconcilerSettings, RegistrySettings
from registry.domain.stage import Pace
from sheetanchor.cli.dns import default_id, frontend_settings, home_region, server_settings
from sheetanchor.cli.launch import status_page, telemetry_settings
from sheetanchor.cli.registry import registry_settings
from sheetanchor.cli.settings import (
    SETTINGS,
    BadSetting,
    Setting,
    check_environment,
    resolve,
    settings_of,
)
from sheetanchor.telemetry import LogFormat

# for each setting two texts that can be meant, and their values
GOOD: dict[str, tuple[tuple[str, Any], tuple[str, Any]]] = {
    "data_dir": (("/a", Path("/a")), ("/b", Path("/b"))),
    "regions": (("east,west", ("east", "west")), ("north", ("north",))),
    "other_regions": (("east,west", ("east", "west")), ("north", ("north",))),
    "region": (("east", "east"), ("west", "west")),
    "registries": (("h:1,h:2", (("h:1", "h:2"),)), ("[::1]:5", (("[::1]:5",),))),
    "registry": (("h:1,h:2", ("h:1", "h:2")), ("i:3", ("i:3",))),
    "grpc": (("0.0.0.0:1", "0.0.0.0:1"), ("[::1]:0", "[::1]:0")),
    "dns": (("127.0.0.1:53", "127.0.0.1:53"), ("[::]:5300", "[::]:5300")),
    "http": (("localhost:80", "localhost:80"), ("127.0.0.1:0", "127.0.0.1:0")),
    "zone": (("Example.COM", "example.com."), ("internal.", "internal.")),
    "networks": (("10.0.0.0/8=east", (("10.0.0.0/8", "east"),)), ("::/0=a", (("::/0", "a"),))),
    "frontend_id": (("dns-1", "dns-1"), ("b.example", "b.example")),
    "advertise_address": (("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1")),
    "database_url": (("postgresql://h/d",) * 2, ("sqlite:///f",) * 2),
    "migrate": (("true", True), ("no", False)),
    "canary": (("true", True), ("no", False)),
    "probe": (("true", True), ("no", False)),
    "bake": (("60", 60.0), ("0.5", 0.5)),
    "otlp_endpoint": (("http://c:4317",) * 2, ("https://c:1",) * 2),
    "log_level": (("debug", "DEBUG"), ("ERROR", "ERROR")),
    "log_format": (("json", "json"), ("TEXT", "text")),
    "probe_ca_file": (("/a", Path("/a")), ("/b", Path("/b"))),
    "reverse_networks": (("10.0.0.0/8", ("10.0.0.0/8",)), ("2001:DB8::/32", ("2001:db8::/32",))),
    "stale_after": (("60", 60.0), ("0.5", 0.5)),
    "trusted_forwarders": (("10.0.0.1/32", ("10.0.0.1/32",)), ("::1", ("::1/128",))),
    "server_name": (("dns-1",) * 2, ("Rack 4",) * 2),
    "identity": (("yes", True), ("0", False)),
    "cookie_secrets": (("/a", Path("/a")), ("/b", Path("/b"))),
    "rate_limit": (("0", 0), ("1000", 1000)),
    "udp_loop": (("python", "python"), ("BATCH", "batch")),
    "workers": (("4", 4), ("0", 0)),
    "rate_slip": (("0", 0), ("3", 3)),
    "rate_exempt": (("10.0.0.0/8", ("10.0.0.0/8",)), ("::/0", ("::/0",))),
    "octets_without_cookie": (("512", 512), ("1232", 1232)),
}

BAD: dict[str, tuple[str, ...]] = {
    "data_dir": (),
    "regions": ("East", "a,,b", "a,a", "-a", ","),
    "other_regions": ("East", "a,,b", "a,a", "-a", ","),
    "region": ("EAST", "a.b", "1"),
    "registries": ("h", "h:0", "h:x", ";", "h:1,"),
    "registry": ("h:70000", "::1:5", ":5"),
    "grpc": ("5310", "h:", "h:99999", "::1:5310"),
    "dns": ("localhost:53", "127.0.0.1", "127.0.0.1:-1"),
    "http": ("h:8o",),
    "zone": (".", "a..b", "a b", "x" * 64),
    "networks": ("10.0.0.0/8", "10.0.0.1/8=east", "10.0.0.0/8=EAST"),
    "frontend_id": ("A", "a" * 64, "a_b"),
    "advertise_address": ("localhost", "1.2.3"),
    "database_url": (),
    "migrate": ("maybe", "2"),
    "canary": ("maybe", "2"),
    "probe": ("maybe", "2"),
    "bake": ("0", "-1", "inf", "soon"),
    "otlp_endpoint": ("c:4317", "ftp://c:1", "http://c", "http://c:99999"),
    "log_level": ("LOUD",),
    "log_format": ("xml",),
    "probe_ca_file": (),
    "reverse_networks": ("10.0.0.1/8", "ten"),
    "stale_after": ("0", "-1", "inf", "nan", "soon"),
    "trusted_forwarders": ("10.0.0.1/8", "resolver"),
    "server_name": (),
    "identity": ("perhaps",),
    "cookie_secrets": (),
    "rate_limit": ("-1", "1.5", "many"),
    "udp_loop": ("cython", "fast"),
    "workers": ("-1", "all", "1.5"),
    "rate_slip": ("-1", "x"),
    "rate_exempt": ("10.0.0.1/8",),
    "octets_without_cookie": ("-512", "1k"),
}


def as_text(value: Any) -> Any:
    """Endpoints as they are written, for comparing."""
    return str(value) if type(value).__name__ == "Endpoint" else value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_option_goes_before_variable_and_variable_before_default(setting: Setting) -> None:
    """Each setting comes from its option, else its variable, else its default."""
    (option, of_option), (variable, of_variable) = GOOD[setting.name]
    verb = setting.verbs[0]
    given: Any = [option] if setting.separator else option
    environment = {setting.environment_variable: variable}
    assert as_text(resolve(verb, {setting.name: given}, environment)[setting.name]) == of_option
    assert as_text(resolve(verb, {}, environment)[setting.name]) == of_variable
    default = resolve(verb, {}, {})[setting.name]
    if setting.default is None:
        assert default == (() if setting.separator else None)
    elif setting.separator:
        assert default == (setting.parse(setting.default),)
    else:
        assert default == setting.parse(setting.default)


@pytest.mark.parametrize(
    ("setting", "text"),
    [(setting, text) for setting in SETTINGS for text in BAD[setting.name]],
    ids=lambda each: each.name if isinstance(each, Setting) else each,
)
def test_value_that_cannot_be_meant_is_refused_by_name(setting: Setting, text: str) -> None:
    """The message names where the value came from: the option, or the variable."""
    with pytest.raises(BadSetting) as caught:
        resolve(setting.verbs[0], {}, {setting.environment_variable: text})
    assert str(caught.value).startswith(f"{setting.environment_variable}: ")
    given: Any = [text] if setting.separator else text
    if not setting.is_flag:
        with pytest.raises(BadSetting) as caught:
            resolve(setting.verbs[0], {setting.name: given}, {})
        assert str(caught.value).startswith(f"{setting.option}: ")


def test_repeated_option_is_one_variable() -> None:
    """Registries are told apart by `;`, since `,` is between the nodes of one."""
    options = {"registries": ["a:1,b:2", "c:3"]}
    expected = (("a:1", "b:2"), ("c:3",))
    assert resolve("dns", options, {})["registries"] == expected
    environment = {"SHEETANCHOR_REGISTRIES": "a:1,b:2; c:3"}
    assert resolve("dns", {}, environment)["registries"] == expected


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("SHEETANCHOR_REGON", "did you mean SHEETANCHOR_REGION?"),
        ("SHEETANCHOR_XYZZY", "no such setting"),
        ("SHEETANCHOR_FOO", "no such setting; `unset` it"),
    ],
)
def test_misspelt_variable_is_refused(variable: str, told: str) -> None:
    """A default must not be used in place of what was meant (I39)."""
    with pytest.raises(BadSetting, match=told):
        check_environment({variable: "east"})


def test_empty_variable_is_refused() -> None:
    """Set and empty is neither a value nor absence (I39)."""
    with pytest.raises(BadSetting, match=r"^SHEETANCHOR_REGIONS: is set, but empty"):
        check_environment({"SHEETANCHOR_REGIONS": " "})


def test_variables_of_others_are_no_fault() -> None:
    """Neither other verbs' settings, nor the links that Kubernetes makes for a service."""
    check_environment(
        {
            "PATH": "/bin",
            "SHEETANCHOR_DNS": "127.0.0.1:5300",
            "SHEETANCHOR_SERVICE_HOST": "10.0.0.1",
            "SHEETANCHOR_REGISTRY_SERVICE_PORT": "5310",
            "SHEETANCHOR_SERVICE_PORT_GRPC": "5310",
            "SHEETANCHOR_PORT": "tcp://10.0.0.1:5310",
            "SHEETANCHOR_PORT_5310_TCP_ADDR": "10.0.0.1",
        }
    )
    with pytest.raises(BadSetting):
        check_environment({"SHEETANCHOR_PORT": "5310"})


def test_every_setting_of_the_registry_reaches_it() -> None:
    """Nothing in the table is for show."""
    environment = {
        "SHEETANCHOR_DATA_DIR": "/data",
        "SHEETANCHOR_REGIONS": "east,west",
        "SHEETANCHOR_OTHER_REGIONS": "north",
        "SHEETANCHOR_GRPC": "0.0.0.0:1",
        "SHEETANCHOR_HTTP": "[::1]:2",
        "SHEETANCHOR_DATABASE_URL": "postgresql://h/d",
        "SHEETANCHOR_MIGRATE": "yes",
        "SHEETANCHOR_PROBE_CA_FILE": "/ca.pem",
        "SHEETANCHOR_BAKE": "90",
        "SHEETANCHOR_OTLP_ENDPOINT": "http://c:4317",
        "SHEETANCHOR_LOG_LEVEL": "warning",
        "SHEETANCHOR_LOG_FORMAT": "json",
    }
    assert set(environment) == {each.environment_variable for each in settings_of("registry")}
    values = resolve("registry", {}, environment)
    found = registry_settings(values)
    assert found == RegistrySettings(
        data_dir=Path("/data"),
        regions=("east", "west"),
        other_regions=("north",),
        database_url="postgresql://h/d",
        listen="0.0.0.0:1",
        migrate=True,
        node=found.node,
        probe_ca_file=Path("/ca.pem"),
        reconciler=ReconcilerSettings(stages=Pace(bake_seconds=90.0)),
    )
    telemetry = telemetry_settings(values, "sheetanchor-registry", found.node)
    assert telemetry.otlp_endpoint == "http://c:4317"
    assert (telemetry.log_level, telemetry.log_format) == ("WARNING", LogFormat.JSON)
    assert telemetry.instance_id == found.node
    page = status_page(values)
    assert (page._host, page._port) == ("::1", 2)


def test_every_setting_of_the_frontend_reaches_it(tmp_path: Path) -> None:
    """Nothing in the table is for show."""
    secrets = tmp_path / "secrets"
    secrets.write_text("00112233445566778899aabbccddeeff\n")
    environment = {
        "SHEETANCHOR_DATA_DIR": "/data",
        "SHEETANCHOR_REGIONS": "east,west",
        "SHEETANCHOR_REGION": "west",
        "SHEETANCHOR_REGISTRIES": "a:1;b:2",
        "SHEETANCHOR_DNS": "192.0.2.3:53",
        "SHEETANCHOR_HTTP": "127.0.0.1:2",
        "SHEETANCHOR_ZONE": "example",
        "SHEETANCHOR_NETWORKS": "10.0.0.0/8=east,10.1.0.0/16=west",
        "SHEETANCHOR_FRONTEND_ID": "dns-west",
        "SHEETANCHOR_CANARY": "true",
        "SHEETANCHOR_PROBE": "true",
        "SHEETANCHOR_ADVERTISE_ADDRESS": "198.51.100.1",
        "SHEETANCHOR_OTLP_ENDPOINT": "http://c:4317",
        "SHEETANCHOR_LOG_LEVEL": "debug",
        "SHEETANCHOR_LOG_FORMAT": "text",
        "SHEETANCHOR_REVERSE_NETWORKS": "10.0.0.0/8",
        "SHEETANCHOR_STALE_AFTER": "60",
        "SHEETANCHOR_TRUSTED_FORWARDERS": "10.0.0.1/32,10.0.0.2/32",
        "SHEETANCHOR_SERVER_NAME": "rack-4",
        "SHEETANCHOR_IDENTITY": "true",
        "SHEETANCHOR_COOKIE_SECRETS": str(secrets),
        "SHEETANCHOR_RATE_LIMIT": "100",
        "SHEETANCHOR_RATE_SLIP": "3",
        "SHEETANCHOR_RATE_EXEMPT": "192.0.2.0/24",
        "SHEETANCHOR_OCTETS_WITHOUT_COOKIE": "600",
        "SHEETANCHOR_UDP_LOOP": "python",
        "SHEETANCHOR_WORKERS": "3",
    }
    assert set(environment) == {each.environment_variable for each in settings_of("dns")}
    values = resolve("dns", {}, environment)
    found = frontend_settings(values, home_region(values), values["registries"], values["dns"])
    assert found == FrontendSettings(
        frontend_id="dns-west",
        region="west",
        regions=("east", "west"),
        registries=(("a:1",), ("b:2",)),
        data_dir=Path("/data/dns-west"),
        zone="example.",
        host="192.0.2.3",
        port=53,
        advertise_address="198.51.100.1",
        networks=(("10.0.0.0/8", "east"), ("10.1.0.0/16", "west")),
        reverse_networks=("10.0.0.0/8",),
        stale_seconds=60.0,
        role=Role.CANARY,
        probe=True,
        workers=3,
    )
    assert server_settings(values) == ServerSettings(
        trusted_forwarders=("10.0.0.1/32", "10.0.0.2/32"),
        server_name="rack-4",
        identity=True,
        cookie_secrets=secrets,
        octets_without_cookie=600,
        rates=RateLimits(100, 3, ("192.0.2.0/24",)),
        udp_loop=UdpLoop.PYTHON,
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"regions": "a,b"}, "--region: must be given when --regions has several"),
        ({"regions": "a,b", "region": "c"}, "--region: 'c' is not among regions a, b"),
        ({"networks": ["10.0.0.0/8=b"]}, "--network: 10.0.0.0/8 is in 'b'"),
        (
            {"regions": "a,b", "region": "a", "networks": ["10.0.0.0/8=a", "10.0.0.0/8=b"]},
            "--network: 10.0.0.0/8 is in 'b' and in 'a'",
        ),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(
    options: dict[str, Any], told: str
) -> None:
    """What only the whole shows is told with the option that is to be changed."""
    values = resolve("dns", options, {})
    with pytest.raises(BadSetting) as caught:
        frontend_settings(values, home_region(values), values["registries"], values["dns"])
    assert str(caught.value).startswith(told)


def test_frontend_without_a_name_is_called_by_host_and_port() -> None:
    """So no two of one machine have the same, and it stays over restarts."""
    assert default_id("Web_1.example", 5300) == "web-1.example-5300"
    assert len(default_id("x" * 80, 65535)) == 63


def test_as_many_workers_as_cores_and_no_more_than_make_sense() -> None:
    """0 is for as many as the cores that it may use."""
    cores = len(os.sched_getaffinity(0))
    for given, wanted in (("0", cores), ("2", 2)):
        values = resolve("dns", {"workers": given}, {})
        made = frontend_settings(values, "local", values["registries"], values["dns"])
        assert made.workers == wanted
    values = resolve("dns", {"workers": "257"}, {})
    with pytest.raises(BadSetting) as caught:
        frontend_settings(values, "local", values["registries"], values["dns"])
    assert str(caught.value) == (
        "--workers: 257 is not 1 to 256; more than there are cores answer no faster, and each "
        "costs memory of its own. 0 takes one for each core"
    )


def test_a_region_has_one_registry_that_owns_it() -> None:
    """One that is said to be this registry's and another's is refused, and named."""
    values = resolve("registry", {"regions": "east,west", "other_regions": "north,east"}, {})
    with pytest.raises(BadSetting) as caught:
        registry_settings(values)
    assert str(caught.value).startswith("--other-regions: 'east' is among regions too")


@pytest.mark.parametrize("where", ["0.0.0.0:53", "[::]:53"])
def test_wildcard_is_no_address_to_advertise(where: str) -> None:
    """The NS record must lead somewhere."""
    values = resolve("dns", {"dns": where}, {})
    found = frontend_settings(values, "local", values["registries"], values["dns"])
    assert found.advertise_address == "127.0.0.1"


def test_table_is_complete_and_says_things_once() -> None:
    """Each setting has a sentence, a unit and one variable; one verb has each option once."""
    variables = [setting.variable for setting in SETTINGS]
    assert sorted(variables) == sorted(set(variables))
    for setting in SETTINGS:
        assert setting.sentence.endswith("."), setting
        assert setting.unit, setting
        assert setting.default is not None or setting.absent, setting
    for verb in {verb for setting in SETTINGS for verb in setting.verbs}:
        options = [setting.option for setting in settings_of(verb)]
        assert sorted(options) == sorted(set(options)), verb
