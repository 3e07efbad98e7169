"""Large blobs that threads carry, under the rules of every exchange: where they go, whom they trust, what they show (T09, T58)."""

import socket

import pytest

from proxy.errors import UpstreamRefused, UpstreamThrottled, UpstreamUnavailable
from proxy.events import UpstreamAsked
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.upstream.registry import LARGE, Registry
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.registry import FakeRegistry
from tests.integration.test_upstream_tls import Authority

NAME = "acme/app"
HERE = Repository("up.example", NAME)
RAW = bytes(range(256)) * (LARGE // 256 + 1)


@pytest.fixture
async def fake():
    async with FakeRegistry() as registry:
        registry.put_blob(NAME, RAW)
        registry.put_blob(NAME, b"small")
        yield registry


@pytest.fixture
async def storage():
    async with FakeRegistry() as registry:
        registry.put_blob(NAME, RAW)
        registry.put_blob(NAME, b"small")
        yield registry


@pytest.fixture
async def ask(fake):
    """Make a Registry for the fake; `ask.events` is what it emitted."""
    opened = []

    def make(*, lookup=None, url=None, **settings):
        more = {"lookup": lookup} if lookup else {}
        made = UpstreamSettings.model_validate({"url": url or fake.url, **settings})
        opened.append(Registry("up.example", made, emit=make.events.append, **more))
        return opened[-1]

    make.events = []
    yield make
    for each in opened:
        await each.close()


async def fetch(registry, raw=RAW):
    """(the bytes, whether threads carried them)."""
    received = bytearray()
    async with registry.blob(HERE, Digest.of(raw), size=len(raw)) as stream:
        if stream.pour is not None:
            await stream.pour(received.extend)
        else:
            async for chunk in stream.chunks:
                received += chunk
    return bytes(received), stream.pour is not None


async def test_a_registry_that_sends_blobs_itself_is_known_from_its_first_blob(ask):
    registry = ask()
    assert await fetch(registry, b"small") == (b"small", False)
    assert await fetch(registry) == (RAW, True)
    assert [(event.what, event.status, event.received) for event in ask.events] == [
        ("blob", 200, 5),
        ("blob", 200, len(RAW)),
    ]


async def test_where_a_registry_leads_threads_carry_and_its_own_connections_are_kept(fake, storage, ask):
    fake.knobs.redirect, fake.knobs.redirect_to = 307, storage.url
    registry = ask(redirects=[storage.host])
    for _ in range(2):
        assert await fetch(registry) == (RAW, True)
    assert {seen.headers.get("Connection") for seen in fake.seen("blob")} == {None}
    assert [seen.headers["Connection"] for seen in storage.seen("storage")] == ["close", "close"]


async def test_a_registry_that_begins_to_lead_elsewhere_is_followed(fake, storage, ask):
    registry = ask(redirects=[storage.host])
    await fetch(registry, b"small")
    assert await fetch(registry) == (RAW, True)
    fake.knobs.redirect, fake.knobs.redirect_to = 307, storage.url
    assert await fetch(registry) == (RAW, True)
    assert storage.sent("storage") == len(RAW)


async def test_a_body_without_a_length_is_left_to_the_client_library_from_then_on(fake, ask):
    registry = ask()
    await fetch(registry, b"small")
    fake.knobs.has_length = False
    fake.forget()
    assert await fetch(registry) == (RAW, False)
    assert fake.count("blob") == 2
    assert await fetch(registry) == (RAW, False)
    assert fake.count("blob") == 3


async def test_t09_credentials_stay_with_the_upstream(fake, storage, ask, tmp_path):
    (tmp_path / "pw").write_text("secret")
    fake.knobs.auth, fake.knobs.users = "basic", {"u": "secret"}
    fake.knobs.redirect, fake.knobs.redirect_to = 307, storage.url
    registry = ask(credentials={"username": "u", "passwordFile": str(tmp_path / "pw")}, redirects=[storage.host])
    assert await fetch(registry) == (RAW, True)
    assert not any(seen.authorization for seen in storage.requests)


async def test_a_challenge_is_met_and_a_429_is_kept(fake, ask):
    registry = ask()
    await fetch(registry, b"small")
    fake.knobs.auth = "bearer"
    assert await fetch(registry) == (RAW, True)
    fake.knobs.fail(429, retry_after="9")
    with pytest.raises(UpstreamThrottled) as error:
        await fetch(registry)
    assert error.value.retry_after == 9


@pytest.mark.parametrize("raw", [b"small", RAW], ids=["library", "threads"])
async def test_t58_the_address_that_was_checked_is_the_one_connected_to(fake, storage, ask, raw):
    """A name that has a good address when it is checked, and one of ours when it is asked for again."""
    asked = []

    async def lookup(host, port, family):
        asked.append(host)
        return [(socket.AF_INET, "127.0.0.1" if len(asked) == 1 else "127.0.0.66")]

    fake.knobs.redirect, fake.knobs.redirect_to = 307, f"http://cdn.example:{storage.host.partition(':')[2]}"
    assert await fetch(ask(lookup=lookup, redirects=["cdn.example"]), raw) == (raw, raw == RAW)
    assert asked == ["cdn.example"]


@pytest.mark.parametrize("raw", [b"small", RAW], ids=["library", "threads"])
async def test_t58_of_several_addresses_none_that_is_private_is_connected_to(fake, storage, ask, raw):
    async def lookup(host, port, family):
        return [(socket.AF_INET, address) for address in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:7f00:1")]

    fake.knobs.redirect, fake.knobs.redirect_to = 307, f"http://cdn.example:{storage.host.partition(':')[2]}"
    with pytest.raises(UpstreamRefused, match=r"cdn\.example"):
        await fetch(ask(lookup=lookup), raw)
    assert not storage.requests


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "[::1]", "localhost"])
async def test_t58_a_redirect_home_is_refused(fake, storage, ask, host):
    fake.knobs.redirect, fake.knobs.redirect_to = 307, storage.url.replace("127.0.0.1", host)
    with pytest.raises(UpstreamRefused):
        await fetch(ask())
    assert not storage.requests


async def test_an_upstream_that_is_down_is_unavailable(fake, ask):
    registry = ask()
    await fetch(registry, b"small")
    await fake.stop()
    with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
        await fetch(registry)


async def test_behind_an_egress_proxy_the_client_library_carries(fake, ask):
    registry = ask(url="http://up.example", proxy=fake.url)
    await fetch(registry, b"small")
    assert await fetch(registry) == (RAW, False)


# TLS.


async def _local(host, port, family):
    return [(socket.AF_INET, "127.0.0.1")]


async def over_tls(fake, host="up.example", **settings):
    url = f"https://{host}:{fake.host.partition(':')[2]}"
    made = UpstreamSettings.model_validate({"url": url, **settings})
    events = []
    registry = Registry("up.example", made, emit=events.append, lookup=_local)
    try:
        registry._wire._carriage.learn(registry._wire.base, 200, has_length=True)  # as if a blob had come before
        return await fetch(registry)
    finally:
        await registry.close()
        assert all(isinstance(event, UpstreamAsked) for event in events)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def served(authority, name, **more):
    registry = FakeRegistry(tls=authority.server(name, **more))
    registry.put_blob(NAME, RAW)
    return registry


async def test_a_trusted_upstream_is_read_over_tls_and_shown_our_certificate(authority):
    authority.issue("server")
    authority.issue("proxy")
    ours = {"clientCertificate": authority.folder / "proxy.crt", "clientKey": authority.folder / "proxy.key"}
    async with served(authority, "server", wants_certificate=True) as fake:
        assert await over_tls(fake, ca=authority.folder / "ca.crt", **ours) == (RAW, True)
        with pytest.raises((UpstreamRefused, UpstreamUnavailable)):
            await over_tls(fake, ca=authority.folder / "ca.crt")


async def test_an_unknown_authority_another_host_and_an_expired_certificate_are_refused(authority):
    authority.issue("server")
    authority.issue("expired", ends_in=-1)
    async with served(authority, "server") as fake, served(authority, "expired") as expired:
        ca = authority.folder / "ca.crt"
        for asked in (over_tls(fake), over_tls(fake, host="evil.example", ca=ca), over_tls(expired, ca=ca)):
            with pytest.raises(UpstreamRefused, match=r"upstreams\.up\.example\.ca"):
                await asked
        assert not fake.requests
        assert not expired.requests


async def test_a_certificate_that_expires_is_refused_at_the_next_connection(authority):
    """What is open stays open; nothing new is begun."""
    authority.issue("server")
    authority.issue("expired", ends_in=-1)
    context = authority.server("server")
    fake = FakeRegistry(tls=context)
    fake.put_blob(NAME, RAW)
    async with fake:
        assert (await over_tls(fake, ca=authority.folder / "ca.crt"))[1]
        context.load_cert_chain(authority.folder / "expired.crt", authority.folder / "expired.key")
        with pytest.raises(UpstreamRefused, match=r"upstreams\.up\.example\.ca"):
            await over_tls(fake, ca=authority.folder / "ca.crt")
