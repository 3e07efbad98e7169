"""A bare bundle meets one signer and one root: what the root lists it requires, and both verifiers must agree."""

import base64
import json
from datetime import UTC, datetime

import pytest

from proxy.config import bare as room
from proxy.config.bare import Speaker, material_for, prove
from proxy.errors import ConfigError
from proxy.oci.digest import Digest
from proxy.policy.match import TextPattern
from proxy.verify.crosscheck import Opinion
from proxy.verify.material import KeylessSigner, KeySigner
from tests.fakes.layouts import LAB, VECTORS, needs_vectors

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KUBEWARDEN = VECTORS / "bundle-cosign3-sign-kubewarden" / "bundle.json"
WORKFLOW = "https://github.com/kubewarden/kubewarden-controller/.github/workflows/release.yml@refs/tags/v1.34.0"
ISSUER = "https://token.actions.githubusercontent.com"


def root(name: str) -> bytes:
    return (LAB / "trust" / "roots" / f"{name}.json").read_bytes()


def key() -> bytes:
    return (LAB / "trust" / "keys" / "p256.pub").read_bytes()


def who(**changes) -> Speaker:
    return Speaker(**{"name": "publisher", "subject": TextPattern.exact(WORKFLOW), "issuer": ISSUER} | changes)


@needs_vectors
def test_a_key_alone_rests_on_no_root():
    material = material_for(Speaker("team", key=key()))
    (signer,) = material.signers.values()
    assert isinstance(signer, KeySigner)
    assert (signer.needs_log, signer.needs_timestamp, dict(material.roots)) == (False, False, {})


@needs_vectors
@pytest.mark.parametrize(
    ("name", "needs"), [("rekor2", (True, False)), ("tsaonly", (False, True)), ("full", (True, False))]
)
def test_a_key_with_a_root_needs_what_the_root_lists(name, needs):
    material = material_for(Speaker("team", key=key(), root=root(name), root_shown="corp.json"))
    (signer,) = material.signers.values()
    assert isinstance(signer, KeySigner)
    assert (signer.needs_log, signer.needs_timestamp) == needs
    assert list(material.roots) == ["corp.json"]


def test_an_identity_stands_under_the_root_that_is_shipped():
    material = material_for(who())
    (signer,) = material.signers.values()
    assert isinstance(signer, KeylessSigner)
    assert (signer.root, signer.issuer) == ("sigstore", ISSUER)
    assert list(material.roots) == ["sigstore"]


@pytest.mark.parametrize("speaker", [Speaker("x"), who(issuer=""), who(subject=None)])
def test_t29_nobody_and_an_identity_that_nobody_vouches_for_are_refused(speaker):
    with pytest.raises(ConfigError, match="nobody is named"):
        material_for(speaker)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"mediaType":"x"}', b"\xff"])
def test_a_root_that_is_none_is_said_with_its_file(raw):
    with pytest.raises(ConfigError, match=r"corp\.json"):
        material_for(who(root=raw, root_shown="corp.json"))


@needs_vectors
def test_both_verifiers_are_asked_and_their_word_is_told():
    raw = KUBEWARDEN.read_bytes()
    proved = prove(raw, artifact=None, digest=digest_of(raw), material=material_for(who()), now=NOW)
    assert [each.opinions for each in proved.evidence] == [("pratique", "sigstore-python")]


def digest_of(raw: bytes) -> Digest:
    statement = json.loads(base64.b64decode(json.loads(raw)["dsseEnvelope"]["payload"]))
    return Digest.parse("sha256:" + statement["subject"][0]["digest"]["sha256"])


@needs_vectors
@pytest.mark.parametrize(
    ("word", "opinions"), [("agrees", ("pratique", "sigstore-python")), ("unsupported", ("pratique",)), ("wrong", None)]
)
def test_no_opinion_is_told_from_a_no_and_a_no_takes_everything(monkeypatch, word, opinions):
    monkeypatch.setattr(room, "second_opinion", lambda *_, **__: Opinion(word, "it says so"))
    raw = KUBEWARDEN.read_bytes()
    proved = prove(raw, artifact=None, digest=digest_of(raw), material=material_for(who()), now=NOW)
    if opinions is not None:
        assert [each.opinions for each in proved.evidence] == [opinions]
        return
    assert proved.evidence == ()
    (rejection,) = proved.rejections
    assert rejection.is_alarm
    assert "verifiers disagree: pratique proved it, sigstore-python says it says so" in rejection.reason


@needs_vectors
def test_a_key_asks_for_no_second_opinion_since_the_library_has_none_on_keys(monkeypatch):
    def asked(*_, **__):
        raise AssertionError("the library verifies certificates alone")

    monkeypatch.setattr(room, "second_opinion", asked)
    folder = LAB / "layouts" / "v3-key-nolog-ref" / "blobs" / "sha256"
    (raw,) = [each.read_bytes() for each in folder.iterdir() if b'"verificationMaterial"' in each.read_bytes()[:4096]]
    proved = prove(
        raw, artifact=None, digest=digest_of(raw), material=material_for(Speaker("team", key=key())), now=NOW
    )
    assert [each.opinions for each in proved.evidence] == [("pratique",)]
