"""A key file that cannot be used is an error that names the signer and the file, before anything is served."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.trust.reading import Reader
from proxy.trust.settings import KeySource, StoreSource
from proxy.trust.sources import load_signer, load_store, revoked_keys, revoked_spki
from tests.fakes import pki

PUBLIC = ec.generate_private_key(ec.SECP256R1()).public_key()
PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SPKI = hashlib.sha256(PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
ED25519 = (
    ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


def test_a_key_file_becomes_a_signer_with_all_that_the_source_says(tmp_path: Path):
    file = tmp_path / "team.pub"
    file.write_bytes(PEM)
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    signer = load_signer(
        KeySource("team", file=file, hash="sha512", valid_from=start, valid_until=end, signed_as=("x.example/**",))
    )
    assert (signer.name, signer.spki, signer.hash) == ("team", SPKI, "sha512")
    assert (signer.valid_from, signer.valid_until, signer.signed_as) == (start, end, ("x.example/**",))


def test_a_pem_in_hand_needs_no_file():
    assert load_signer(KeySource("team", pem=PEM)).spki == SPKI


@pytest.mark.parametrize("source", [KeySource("team"), KeySource("team", pem=PEM, file=Path("team.pub"))])
def test_a_source_names_exactly_one_key(source: KeySource):
    with pytest.raises(ConfigError, match=r"signer team.*name one key"):
        load_signer(source)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"signer team.*absent\.pub cannot be read: No such file"):
        load_signer(KeySource("team", file=tmp_path / "absent.pub"))


def test_a_folder_is_no_key(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_signer(KeySource("team", file=tmp_path))


def test_a_name_that_is_no_path_is_no_key():
    with pytest.raises(ConfigError, match="not a path"):
        load_signer(KeySource("team", file=Path("a\0b")))


def test_an_endless_file_is_read_only_to_its_limit(tmp_path: Path):
    file = tmp_path / "large.pub"
    with file.open("wb") as opened:
        opened.truncate(2**40)
    with pytest.raises(ConfigError, match=r"the key file .*large\.pub is larger than 4 MiB"):
        load_signer(KeySource("team", file=file))


def test_t27_a_hash_that_does_not_fit_the_key_is_an_error():
    with pytest.raises(ConfigError, match="signer team: hash 'sha1' is not known"):
        load_signer(KeySource("team", pem=PEM, hash="sha1"))
    with pytest.raises(ConfigError, match="signer team: an Ed25519 key has its own hash"):
        load_signer(KeySource("team", pem=ED25519, hash="sha512"))


def test_a_window_that_holds_no_moment_is_an_error():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ConfigError, match="validUntil is not after validFrom"):
        load_signer(KeySource("team", pem=PEM, valid_from=moment, valid_until=moment))


def test_a_revoked_key_is_named_by_its_file_or_by_its_hash(tmp_path: Path):
    (tmp_path / "old.pub").write_bytes(PEM)
    assert revoked_spki("old.pub", reader=Reader(tmp_path)) == SPKI
    assert revoked_spki(str(tmp_path / "old.pub"), reader=Reader(Path("elsewhere"))) == SPKI
    assert revoked_spki(SPKI, reader=Reader(tmp_path)) == SPKI
    assert revoked_spki(f"sha256:{SPKI}", reader=Reader(tmp_path)) == SPKI


def test_revoked_keys_keep_their_reasons_and_tell_every_problem_at_once(tmp_path: Path):
    assert revoked_keys([(SPKI, "INC-1")], reader=Reader(tmp_path)) == {SPKI: "INC-1"}
    with pytest.raises(ConfigError) as caught:
        revoked_keys([("a.pub", ""), (SPKI, ""), (SPKI.upper(), "")], reader=Reader(tmp_path))
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("revoked key a.pub: ")


def pem(*holders: pki.Holder) -> bytes:
    return b"".join(each.certificate.public_bytes(Encoding.PEM) for each in holders)


ANCHOR, STAMPS = pki.root("O=Acme,CN=root"), pki.root("O=Acme,CN=stamps")
CRL = pki.crl(ANCHOR, 7)


def test_a_store_is_all_that_its_files_hold():
    crls = (CRL, x509.load_der_x509_crl(CRL).public_bytes(Encoding.PEM))
    source = StoreSource("corp", pem(ANCHOR, STAMPS), pem(STAMPS), "log", frozenset({"crl.corp"}), crls)
    store = load_store(source)
    assert store.roots == (ANCHOR.certificate, STAMPS.certificate)
    assert store.timestamp_roots == (STAMPS.certificate,)
    assert (store.name, store.revocation, store.hosts) == ("corp", "log", frozenset({"crl.corp"}))
    assert store.crls == (CRL, CRL), "PEM and DER are the same list"


def test_a_store_without_timestamps_has_none():
    assert load_store(StoreSource("corp", pem(ANCHOR))).timestamp_roots == ()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (StoreSource("corp", b"no pem"), r"trustRoots\.corp\.certificates: the file holds no PEM certificate"),
        (StoreSource("corp", b""), r"trustRoots\.corp\.certificates: the file holds no PEM certificate"),
        (StoreSource("corp", pem(ANCHOR), b"x"), r"trustRoots\.corp\.timestamps: the file holds no PEM certificate"),
        (
            StoreSource("corp", pem(ANCHOR), crls=(CRL, b"x")),
            r"trustRoots\.corp\.crls\[1\]: the file holds no revocation",
        ),
        (StoreSource("corp", pem(ANCHOR), crls=(b"-----BEGIN X509 CRL-----",)), r"crls\[0\]: the file holds no revoc"),
        (StoreSource("corp", pem(ANCHOR) * 257), "257 certificates; a trust store holds at most 256"),
    ],
)
def test_a_store_that_cannot_be_read_is_named_with_its_field(source: StoreSource, said: str):
    with pytest.raises(ConfigError, match=said):
        load_store(source)


@given(st.binary(max_size=200))
def test_t55_no_bytes_crash_the_loading_of_keys_stores_and_lists(raw: bytes):
    for load in (
        lambda: load_signer(KeySource("team", pem=raw)),
        lambda: load_store(StoreSource("corp", raw)),
        lambda: load_store(StoreSource("corp", pem(ANCHOR), crls=(raw,))),
    ):
        with pytest.raises(ConfigError):
            load()
