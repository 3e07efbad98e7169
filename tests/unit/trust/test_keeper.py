"""The material is whole or it is not there: one wrong key keeps the old one in force."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.errors import ConfigError
from proxy.policy.match import TextPattern
from proxy.trust.keeper import build, load_root, staleness
from proxy.trust.settings import HeldRoot, KeylessSource, KeySource, StoreSource, X509Source
from proxy.trust.sources import load_signer
from proxy.verify.material import KeylessSigner, KeySigner, RevokedIdentity, X509Signer
from tests.fakes import pki
from tests.fakes.clock import START
from tests.fakes.signing import Sigstore

ANCHOR = pki.root("O=Acme,CN=root")
STORE = StoreSource("vendors", ANCHOR.certificate.public_bytes(Encoding.PEM))
DAYS = timedelta(days=30)


def source(name: str) -> KeySource:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return KeySource(name, pem=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_every_source_becomes_a_signer_under_its_name():
    material = build([source("one"), source("two")], revoked={})
    assert {name: signer.name for name, signer in material.signers.items()} == {"one": "one", "two": "two"}


def test_a_revoked_key_is_left_out_under_every_name_and_changes_the_fingerprint():
    one = source("one")
    same = KeySource("same", pem=one.pem)
    spki = load_signer(one).spki
    before = build([one, same, source("two")], revoked={})
    after = build([one, same, source("two")], revoked={spki: "INC-1"})
    assert set(after.signers) == {"two"}
    assert after.revoked == {spki: "INC-1"}
    assert before.fingerprint(frozenset({"one"})) != after.fingerprint(frozenset({"one"}))


def test_every_problem_is_told_at_once():
    twice = source("twice")
    with pytest.raises(ConfigError) as caught:
        build([KeySource("a"), KeySource("b", pem=b""), twice, twice], revoked={})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "signer a",
        "signer b",
        "signer twice stands twice; keep one of them",
    ]


def test_each_kind_of_source_becomes_its_signer_whole():
    exactly = TextPattern.exact
    team = source("team")
    keyed = KeySource("logged", pem=team.pem, hash="sha512", needs_log=True, needs_timestamp=True, root="corp")
    identity = KeylessSource("ci", "corp", "https://i.test", exactly("s"), {"runner": exactly("r")}, ("x.test/**",))
    company = X509Source("company", "vendors", (("O", "Acme"),), exactly("dev@acme.test"))
    signers = build([keyed, identity, company], revoked={}).signers
    assert isinstance(signers["logged"], KeySigner)
    assert (signers["logged"].hash, signers["logged"].root) == ("sha512", "corp")
    assert signers["logged"].needs_log
    assert signers["logged"].needs_timestamp
    said = ("ci", "corp", "https://i.test", exactly("s"), {"runner": exactly("r")}, ("x.test/**",))
    assert signers["ci"] == KeylessSigner(*said)
    assert isinstance(signers["company"], X509Signer)
    assert (signers["company"].store, signers["company"].subject) == ("vendors", (("O", "Acme"),))
    assert signers["company"].san == exactly("dev@acme.test")


def test_roots_stores_revoked_identities_and_what_is_stale_stand_in_the_material():
    root = load_root("corp", HeldRoot(Sigstore("one").logged, "file"))
    revoked = RevokedIdentity("https://i.test", TextPattern.exact("s"), "INC-2")
    made = build(
        [], revoked={}, roots={"corp": root}, stores=[STORE], revoked_identities=[revoked], stale={"old": "too old"}
    )
    assert made.roots == {"corp": root}
    assert made.stores["vendors"].roots == (ANCHOR.certificate,)
    assert made.revoked_identities == (revoked,)
    assert made.stale == {"old": "too old"}
    assert made.items == {*root.resting_on(root.items), *made.stores["vendors"].items}


def test_what_a_stale_root_lists_is_nothing_to_rest_on():
    root = load_root("corp", HeldRoot(Sigstore("one").logged, "file"))
    assert build([], revoked={}, roots={"corp": root}, stale={"corp": "too old"}).items == frozenset()


def test_a_store_that_cannot_be_read_is_told_with_the_keys():
    with pytest.raises(ConfigError) as caught:
        build([KeySource("a")], revoked={}, stores=[StoreSource("b", b""), StoreSource("c", b"")])
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "signer a",
        "trustRoots.b.certificates",
        "trustRoots.c.certificates",
    ]


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [
        ("shipped", "install the program again"),
        ("file", "copy it from its source again"),
        ("tuf", "tell the operator of its TUF repository"),
    ],
)
def test_a_root_that_cannot_be_read_says_what_to_do(origin: str, remedy: str):
    with pytest.raises(ConfigError, match=f"the trust root corp cannot be used: .*; {remedy}$"):
        load_root("corp", HeldRoot(b"{}", origin))


def test_a_root_is_stale_once_it_is_older_than_its_max_age_and_not_before():
    held = HeldRoot(b"", "tuf", START)
    assert staleness("corp", held, max_age=DAYS, now=START + DAYS) is None
    why = staleness("corp", held, max_age=DAYS, now=START + DAYS + timedelta(seconds=1))
    assert why == (
        "trust root corp was refreshed 30 days ago, longer than its maxAge; run `pratique trust refresh corp`"
    )


def test_without_max_age_an_old_root_stays_good():
    assert staleness("corp", HeldRoot(b"", "tuf", START), max_age=None, now=START + 1000 * DAYS) is None


def test_a_root_that_was_never_fetched_is_no_root():
    why = staleness("corp", None, max_age=None, now=START)
    assert why == "trust root corp was never fetched; run `pratique trust refresh corp`"
