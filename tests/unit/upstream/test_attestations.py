"""GitHub's attestation API over real sockets: what it holds is a hint, and nothing that it names is fetched."""

import pytest

from proxy.errors import NotAllowed, UpstreamRefused, UpstreamThrottled, UpstreamUnavailable
from proxy.oci.digest import Digest
from proxy.oci.mediatype import SIGSTORE_BUNDLE
from proxy.oci.reference import Repository
from proxy.upstream.attestations import MAX_BUNDLES, Attestations, Bundles, is_attestation_api
from proxy.upstream.registry import Upstreams
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.registry import FakeRegistry

HOST = "api.github.com"
SOURCE = Repository(HOST, "repos/acme/app")
SUBJECT = Digest.of(b"image")


async def no_wait(_seconds):
    return


@pytest.fixture
async def fake():
    async with FakeRegistry() as registry:
        yield registry


@pytest.fixture
async def ask(fake):
    opened = []

    def make(**settings):
        read = UpstreamSettings.model_validate({"url": fake.url, **settings})
        api = Attestations(HOST, read, emit=lambda _event: None, wait=no_wait)
        opened.append(api)
        return api

    yield make
    for api in opened:
        await api.close()


def put(fake, number=0, **more):
    fake.put_attestation(SOURCE.name, SUBJECT, {"mediaType": SIGSTORE_BUNDLE, "number": number, **more})


@pytest.fixture
def token(tmp_path):
    (tmp_path / "token").write_text("t0ken\n")
    return {"credentials": {"username": "any", "passwordFile": str(tmp_path / "token")}}


@pytest.mark.parametrize("host", ["api.github.com", "api.octo-corp.ghe.com"])
def test_the_api_of_github_and_of_its_tenants_is_known_by_name(host):
    assert is_attestation_api(host)


@pytest.mark.parametrize(
    "host", ["github.com", "api.github.com.evil.test", "ghcr.io", "xapi.github.com", "api.ghe.com"]
)
def test_no_other_name_is(host):
    assert not is_attestation_api(host)


async def test_every_page_is_read_and_each_bundle_has_the_same_bytes_each_time(fake, ask):
    for number in range(5):
        put(fake, number)
    fake.knobs.page = 2
    held = await ask().bundles(SOURCE, SUBJECT)
    assert len(held.bundles) == 5
    assert (held.foreign, held.absent, held.is_cut) == (0, 0, False)
    assert list(held.bundles) == list((await ask().bundles(SOURCE, SUBJECT)).bundles)
    assert fake.seen("attestations")[0].path == f"/repos/acme/app/attestations/{SUBJECT}"


async def test_it_is_asked_as_its_version_wants_and_with_the_operators_token(fake, ask, token):
    fake.knobs.api_token = "t0ken"
    put(fake)
    assert len((await ask(**token).bundles(SOURCE, SUBJECT)).bundles) == 1
    (seen,) = fake.requests
    assert seen.headers["Accept"] == "application/vnd.github+json"
    assert seen.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert seen.authorization == "Bearer t0ken"


async def test_without_credentials_nothing_is_sent(fake, ask):
    put(fake)
    await ask().bundles(SOURCE, SUBJECT)
    assert fake.requests[0].authorization == ""


async def test_a_token_that_was_replaced_is_read_again_and_a_wrong_one_is_said(fake, ask, token, tmp_path):
    put(fake)
    api = ask(**token)
    await api.bundles(SOURCE, SUBJECT)
    fake.knobs.api_token = "new"
    (tmp_path / "token").write_text("new")
    assert len((await api.bundles(SOURCE, SUBJECT)).bundles) == 1
    fake.knobs.api_token = "other"
    with pytest.raises(UpstreamRefused, match="credentials"):
        await api.bundles(SOURCE, SUBJECT)
    with pytest.raises(UpstreamRefused, match="wants credentials"):
        await ask().bundles(SOURCE, SUBJECT)


async def test_not_found_is_how_it_says_that_it_holds_none(fake, ask):
    assert await ask().bundles(SOURCE, SUBJECT) == Bundles()
    fake.attestations[(SOURCE.name, SUBJECT)] = []
    assert await ask().bundles(SOURCE, SUBJECT) == Bundles()


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, UpstreamRefused), (429, UpstreamThrottled), (500, UpstreamUnavailable), (503, UpstreamUnavailable)],
)
async def test_a_failure_is_never_none(fake, ask, status, error):
    put(fake)
    fake.knobs.fail(status, kinds={"attestations"})
    with pytest.raises(error):
        await ask().bundles(SOURCE, SUBJECT)


async def test_t58_a_bundle_that_lies_elsewhere_is_counted_and_its_url_is_not_asked(fake, ask):
    async with FakeRegistry() as elsewhere:
        fake.put_attestation(SOURCE.name, SUBJECT, None)
        fake.attestations[(SOURCE.name, SUBJECT)][0]["bundle_url"] = f"{elsewhere.url}/bundle"
        held = await ask().bundles(SOURCE, SUBJECT)
        assert (held.absent, held.bundles) == (1, {})
        assert not elsewhere.requests


@pytest.mark.parametrize("bundle", [{}, {"mediaType": 5}, {"mediaType": "text/html"}, [], "x", 5])
async def test_what_is_no_sigstore_bundle_is_counted(fake, ask, bundle):
    fake.put_attestation(SOURCE.name, SUBJECT, bundle)
    held = await ask().bundles(SOURCE, SUBJECT)
    assert (held.foreign, held.bundles) == (1, {})


@pytest.mark.parametrize(
    "document", [b"[]", b"{}", b'{"attestations":5}', b"junk", b'{"attestations":[],"attestations":[]}']
)
async def test_an_answer_that_is_none_of_its_own_is_an_error(fake, ask, document):
    from aiohttp import web

    fake._attested = lambda request, seen: web.Response(body=document, content_type="application/json")
    with pytest.raises(UpstreamRefused, match="holds no attestations"):
        await ask().bundles(SOURCE, SUBJECT)


async def test_t50_more_bundles_than_the_limit_are_cut_and_said_to_be(fake, ask):
    for number in range(3 * MAX_BUNDLES):
        put(fake, number)
    fake.knobs.page = 10
    held = await ask().bundles(SOURCE, SUBJECT)
    assert held.is_cut
    assert MAX_BUNDLES <= len(held.bundles) < MAX_BUNDLES + 10


async def test_t50_pages_that_never_end_are_an_error(fake, ask):
    put(fake)
    fake.knobs.link = f"/repos/acme/app/attestations/{SUBJECT}"
    with pytest.raises(UpstreamRefused):
        await ask().bundles(SOURCE, SUBJECT)


async def test_a_page_at_another_origin_is_not_asked(fake, ask):
    put(fake)
    async with FakeRegistry() as elsewhere:
        fake.knobs.link = f"{elsewhere.url}/repos/acme/app/attestations/{SUBJECT}"
        with pytest.raises(UpstreamRefused):
            await ask(redirects=[elsewhere.host]).bundles(SOURCE, SUBJECT)
        assert not elsewhere.requests


@pytest.mark.parametrize("name", ["acme/app", "repos/acme", "repos/a/b/c", "orgs", "orgs/a/b", "gists/x"])
async def test_a_source_of_another_kind_is_refused_and_not_asked(fake, ask, name):
    with pytest.raises(NotAllowed, match="repos/<owner>/<name>"):
        await ask().bundles(Repository(HOST, name), SUBJECT)
    assert not fake.requests


async def test_the_api_is_an_upstream_that_holds_no_images_and_a_registry_one_that_holds_no_attestations(fake):
    settings = {name: UpstreamSettings.model_validate({"url": fake.url}) for name in (HOST, "reg.test")}
    upstreams = Upstreams(settings, emit=lambda _event: None)
    assert upstreams.names == {HOST, "reg.test"}
    assert upstreams.attestations(HOST).name == HOST
    for ask_wrongly in (
        lambda: upstreams.registry(HOST),
        lambda: upstreams.attestations("reg.test"),
        lambda: upstreams.registry("nobody.test"),
        lambda: upstreams.attestations("api.nobody.ghe.com"),
    ):
        with pytest.raises(NotAllowed):
            ask_wrongly()
    await upstreams.close()
