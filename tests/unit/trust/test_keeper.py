"""The material is whole or it is not there: one wrong key keeps the old one in force."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.errors import ConfigError
from proxy.trust.keeper import build
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer


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
