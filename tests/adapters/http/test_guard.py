"""Whom we speak to on somebody else's word: the public internet over https, and the adapter's own host and port."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from adapters.http import guard
from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from adapters.http.guard import ForbiddenAddress, GuardedResolver, is_public, origin, require_allowed
from tests.adapters.http.servers import Names, a_server, a_talker, said

HOME = "https://api.example.net/v1"

SPECIAL = {
    "this network": ["0.0.0.0", "0.1.2.3"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"],
    "shared by carriers": ["100.64.0.1", "100.127.255.255"],
    "loopback": ["127.0.0.1", "127.0.0.2", "127.255.255.255"],
    "link local, with the clouds' metadata": ["169.254.0.1", "169.254.169.254", "169.254.170.2"],
    "protocol assignments": ["192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.0.171", "192.0.0.255"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.255"],
    "relay of 6to4": ["192.88.99.1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255"],
    "reserved and broadcast": ["240.0.0.1", "255.255.255.255"],
    "unspecified and loopback in six": ["::", "::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1"],
    "compatible and translated": ["::127.0.0.1", "::10.0.0.1", "::1.1.1.1", "::ffff:0:127.0.0.1"],
    "nat64": ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1.1.1.1"],
    "6to4": ["2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1", "2002:a9fe:a9fe::1"],
    "teredo": ["2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:1:1:0:0:f5ff:fffe"],
    "discard, orchid, benchmarks in six": ["100::1", "2001:10::1", "2001:20::1", "2001:2::1"],
    "documentation in six": ["2001:db8::1", "3fff::1", "3fff:fff::1"],
    "unique local": ["fc00::1", "fd00::1", "fdff:ffff::1", "fd00:ec2::254"],
    "link local in six": ["fe80::1", "fe80::1%eth0", "fe80::1%25eth0", "febf::1"],
    "site local": ["fec0::1", "feff::1"],
    "multicast in six": ["ff02::1", "ff05::2", "ff0e::1"],
    "outside of what is given out": ["1::1", "4000::1", "5f00::1", "8000::1", "f000::1"],
}
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "192.1.0.1", "100.63.0.1", "100.128.0.1",
          "198.17.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
          "2002:101:101::1"]  # fmt: skip


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [address for kind in SPECIAL.values() for address in kind])
def test_no_special_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_rest_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "example.net", "1.1.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]"]
)
def test_what_is_no_address_is_not_a_public_one(text: str) -> None:
    assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_as_the_one_it_carries(inside: ipaddress.IPv4Address) -> None:
    number = int(inside)
    carriers = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
        ipaddress.IPv6Address((0x20010000 << 96) | (0x4136E378 << 64) | (number ^ 0xFFFFFFFF)),
    ]

    assert {is_public(str(carrier)) for carrier in carriers} == {is_public(str(inside))}


@given(st.ip_addresses())
def test_whatever_the_library_calls_private_is_not_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    inner = isinstance(ip, ipaddress.IPv6Address) and (ip.sixtofour or ip.ipv4_mapped or ip.teredo)
    if not inner and (ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified):
        assert not is_public(str(ip))


# --- addresses in links ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://API.Example.net/x", ("api.example.net", 443)),
        ("http://api.example.net", ("api.example.net", 80)),
        ("https://api.example.net.:8443/x", ("api.example.net", 8443)),
        ("https://user:secret@api.example.net/x", ("api.example.net", 443)),
        ("https://[::1]:8080/", ("::1", 8080)),
        ("https://bücher.example/", ("xn--bcher-kva.example", 443)),
        ("https://api.example.net:/x", ("api.example.net", 443)),
        ("https://api.example.net:0/x", ("api.example.net", 0)),
    ],
)
def test_an_origin_is_host_and_port_however_they_are_written(url: str, found: tuple[str, int]) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    "url",
    ["", "api.example.net", "//api.example.net", "ftp://api.example.net", "file:///etc/passwd", "gopher://x", "data:,x",
     "https://", "https:///x", "https://[::1", "https://[zz]/", "https://host:port/", "https://host:99999/",
     "https://localhos%74/", "https://%31%32%37.0.0.1/", "https://cdn.example\\@127.0.0.1/", "https://a b.example/",
     "https://a\tb.example/", "https://[/", "https://[::1]evil.example/", "https://cdn,example.net/",
     "javascript:alert(1)", "https://a\u2100b.example/", "https://\u2488.example/"],
)  # fmt: skip
def test_what_is_no_web_address_is_forbidden(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        require_allowed(url, HOME)


@pytest.mark.parametrize(
    "url", ["https://cdn.example.com/clip.mp4", "https://cdn.example.com:8443/clip.mp4", "https://1.1.1.1/clip.mp4",
            "https://[2606:4700::1111]/clip.mp4", "https://bücher.example/clip.mp4", "https://3.example.com/a@b:c"],
)  # fmt: skip
def test_public_https_addresses_are_allowed(url: str) -> None:
    assert require_allowed(url, HOME) is False


@pytest.mark.parametrize("host", [
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::]", "0.0.0.0", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]",
    "[fe80::1%eth0]", "127.0.0.1.", "[64:ff9b::7f00:1]",
    # The same addresses in ways that some part of a system still understands.
    "2130706433", "2130706433.", "0", "127.1", "127.0.1", "0177.0.0.1", "017700000001", "0x7f000001", "0x7f.1",
    "0X7F.0.0.1", "0x7f.0x0.0x0.0x1", "127.0.0.0x1", "169.254.43518", "1.1.1.1.1", "127.0.0.01", "256.1.1.1", "0x",
])  # fmt: skip
@pytest.mark.parametrize("shape", ["https://{}/x", "https://{}:8443/x"])
def test_no_private_address_is_allowed_however_it_is_written(host: str, shape: str) -> None:
    with pytest.raises(ForbiddenAddress, match="public internet"):
        require_allowed(shape.format(host), HOME)


@pytest.mark.parametrize(
    "url", ["https://user@cdn.example.com/", "https://user:secret@cdn.example.com/", "https://:secret@cdn.example.com/",
            "https://api.example.net@cdn.example.com/", "https://cdn.example.com:443@127.0.0.1/"],
)  # fmt: skip
def test_addresses_with_a_user_name_are_forbidden_and_not_repeated(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as raised:
        require_allowed(url, HOME)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://cdn.example.com/clip.mp4", "http://127.0.0.1/", "ws://cdn.example.com/"])
def test_nothing_but_https_is_allowed_elsewhere(url: str) -> None:
    with pytest.raises(ForbiddenAddress, match="https"):
        require_allowed(url, HOME)


@pytest.mark.parametrize(
    ("home", "url"),
    [
        ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/files/clip.mp4"),
        ("http://127.0.0.1:9000", "https://127.0.0.1:9000/"),
        ("http://LOCALHOST:9000", "http://localhost.:9000/x"),
        ("https://wavespeed.corp", "https://wavespeed.corp:443/x"),
        ("http://[::1]:9000", "http://[::1]:9000/x"),
        ("http://bücher.lan", "http://xn--bcher-kva.lan/x"),
    ],
)
def test_the_home_address_may_be_plain_and_private(home: str, url: str) -> None:
    assert require_allowed(url, home) is True


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9001/x", "http://127.0.0.1/x", "https://127.0.0.1/x", "http://127.0.0.2:9000/x",
     "http://localhost:9000/x", "http://127.0.0.1:9000@10.0.0.1/x", "http://127.0.0.1:9000.evil.example/x",
     "http://[::ffff:127.0.0.1]:9000/x", "http://2130706433:9000/x"],
)  # fmt: skip
def test_only_the_exact_host_and_port_are_home(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        require_allowed(url, "http://127.0.0.1:9000")


HOSTS = st.one_of(
    st.sampled_from(
        ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "localhost", "api.example.net", "a.example", "10.1"]
    ),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
    st.text("abc.0127xX-_%@:\\/?#[]!\t ü。", max_size=16),
)


@given(st.sampled_from(["https://", "https:", "HTTPS://", "https:\\\\", "https://user@"]), HOSTS,
       st.sampled_from(["", "/", ":443/", ":8443", "#x", "?x=@127.0.0.1", "@127.0.0.1/", "\\@127.0.0.1/", ".", "%2e"]))  # fmt: skip
@example("https://", "cdn.example", "\\@127.0.0.1/")
@example("https://", "127.0.0.1", "%2e")
def test_what_is_judged_is_what_would_be_connected_to(begin: str, host: str, end: str) -> None:
    """The guard and the library that connects read an address in the same way, or the request is not made."""
    try:
        asked = str(httpx.URL(begin + host + end))
        require_allowed(asked, HOME)
    except (ForbiddenAddress, httpx.InvalidURL):
        return
    connects_to = URL(asked, encoded=True).raw_host
    assert connects_to is not None
    assert connects_to.rstrip(".").lower() == origin(asked)[0]
    assert not _leads_inside(connects_to)


def _leads_inside(host: str) -> bool:
    """Whether the system reads this as the number of a machine that is not on the internet, without asking DNS."""
    try:
        found = socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return any(not is_public(str(each[4][0])) for each in found)


# --- names -----------------------------------------------------------------------------------------------------------


async def test_a_name_keeps_only_its_public_addresses() -> None:
    inner = Names(cdn_example_com=["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"])

    found = await GuardedResolver(inner).resolve("cdn.example.com", 443)

    assert [each["host"] for each in found] == ["1.1.1.1", "2606:4700::1111"]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%2", "::ffff:10.0.0.1"])
async def test_a_name_that_leads_to_a_private_address_leads_nowhere(address: str) -> None:
    with pytest.raises(OSError, match="public internet"):
        await GuardedResolver(Names(rebind_example_com=address)).resolve("rebind.example.com", 443)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = Names()
    monkeypatch.setattr(guard.resolver, "ThreadedResolver", lambda: known)
    return known


@pytest.fixture
async def http(names: Names):
    client = HttpClient()
    yield client
    await client.aclose()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0"])
async def test_a_name_is_judged_when_it_is_connected_to(http: HttpClient, names: Names, address: str) -> None:
    """A name that looks harmless and leads here never gets a connection."""
    async with a_server(lambda _: said()) as server:
        names.known["rebind.example.com"] = address
        with pytest.raises(NoAnswer):
            await http.ask("GET", f"https://rebind.example.com:{server.port}/", home=HOME)

    assert names.asked == ["rebind.example.com"]
    assert server.connections == 0


async def test_a_name_that_changes_its_address_gains_nothing(
    http: HttpClient, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged is what is connected to: the second answer of DNS is judged again, or not asked for."""
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.77")

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """That it was spoken to is enough."""

    async with a_talker(hang_up) as here, a_talker(hang_up, host="127.0.0.77") as there:
        names.known["rebind.example.com"] = "127.0.0.77"
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await http.ask("GET", f"https://rebind.example.com:{there.port}/", home=HOME)
            names.known["rebind.example.com"] = "127.0.0.1"
        with pytest.raises(NoAnswer):
            await http.ask("GET", f"https://rebind.example.com:{here.port}/", home=HOME)

    assert there.connections >= 1
    assert here.connections == 0


async def test_the_home_may_be_a_name_of_a_private_address(http: HttpClient, names: Names) -> None:
    """The operator's own configuration is not somebody else's word, and another port of it is."""
    async with a_server(lambda _: said(b'{"here":1}')) as server:
        home = f"http://localhost:{server.port}"
        assert (await http.ask("GET", f"{home}/x", home=home)).object() == {"here": 1}

        names.known["localhost"] = "127.0.0.1"
        with pytest.raises(NoAnswer):
            await http.ask("GET", f"https://localhost:{server.port}/x", home="https://localhost")

    assert names.asked == ["localhost"]
    assert server.connections == 1


@pytest.mark.parametrize("variable", ["NO_PROXY", "HTTP_PROXY", "FTP_PROXY"])
async def test_a_name_in_the_environment_is_not_thereby_trusted(
    http: HttpClient, names: Names, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with a_server(lambda _: said()) as server:
        names.known["intranet.example.com"] = "127.0.0.1"
        monkeypatch.setenv(variable, "intranet.example.com")
        with pytest.raises(NoAnswer):
            await http.ask("GET", f"https://intranet.example.com:{server.port}/x", home=HOME)

    assert server.connections == 0
