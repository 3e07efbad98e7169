"""What real trusted roots say, and what of them cannot be lost on the way."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.verify import trustedroot
from tests.fakes import pki
from tests.fakes.layouts import LAB, VECTORS, needs_vectors

SHIPPED = ["roots/sigstore-prod.json", "roots/sigstore-staging.json", "roots/github.json"]


def window(start="2026-01-01T00:00:00Z", end=None):
    return {"start": start} | ({"end": end} if end else {})


def log(private, **changes):
    public = {"rawBytes": base64.b64encode(pki.spki(private)).decode(), "validFor": window()}
    return {"baseUrl": "https://log.test/path", "hashAlgorithm": "SHA2_256", "publicKey": public} | changes


def authority(holder, **changes):
    listed = [{"rawBytes": base64.b64encode(each.public_bytes(pki.Encoding.DER)).decode()} for each in holder.chain]
    return {"certChain": {"certificates": listed}, "validFor": window()} | changes


def parse(**lists):
    return trustedroot.parse("corp", json.dumps(lists).encode())


def refusal(**lists):
    with pytest.raises(ConfigError, match="the trust root corp cannot be used: ") as caught:
        parse(**lists)
    return caught.value.message


@needs_vectors
@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("roots/sigstore-prod.json", (2, 2, 2, 1)),
        ("roots/sigstore-staging.json", (1, 4, 4, 1)),
        ("roots/github.json", (6, 0, 0, 6)),
        ("oci-private-sigstore/trusted_root.json", (1, 1, 1, 1)),
        ("lab/trust/roots/full.json", (1, 3, 1, 1)),
        ("lab/trust/roots/logs_only.json", (0, 2, 0, 1)),
        ("lab/trust/roots/tsaonly.json", (1, 0, 0, 1)),
    ],
)
def test_real_roots_are_read_with_all_that_they_list(file, counts):
    raw = (VECTORS / file).read_bytes()
    root = trustedroot.parse("a", raw)
    lists = (root.authorities, root.logs, root.ct_logs, root.timestamp_authorities)
    assert tuple(len(each) for each in lists) == counts
    assert len(root.items) == sum(counts)
    assert root.raw == raw


@needs_vectors
def test_every_root_of_the_lab_is_read():
    files = sorted((LAB / "trust" / "roots").glob("*.json"))
    assert len(files) >= 15
    assert all(trustedroot.parse(each.stem, each.read_bytes()).items for each in files)


@needs_vectors
def test_the_public_root_says_hosts_windows_and_ids():
    root = trustedroot.parse("sigstore", (VECTORS / SHIPPED[0]).read_bytes())
    assert [each.host for each in root.logs] == ["rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"]
    assert root.logs[0].id == base64.b64decode("wNI9atQGlz+VWfO6LRygH4QUfY/8W4RFwiT5i5WRgB0=")
    assert root.authorities[0].window.end == datetime(2022, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    assert root.authorities[1].uri == "https://fulcio.sigstore.dev"
    assert root.authorities[1].window.end is None


@needs_vectors
@pytest.mark.parametrize("file", [*SHIPPED[:2], "lab/trust/roots/full.json"])
def test_a_log_id_that_is_left_out_is_derived_as_the_one_that_was_given(file):
    document = json.loads((VECTORS / file).read_bytes())
    given = trustedroot.parse("a", json.dumps(document).encode())
    for each in document["tlogs"]:
        del each["logId"]
    derived = trustedroot.parse("a", json.dumps(document).encode())
    assert [each.id for each in derived.logs] == [each.id for each in given.logs]


def test_what_is_left_out_or_null_is_empty():
    root = parse(tlogs=[log(pki.key(), baseUrl=None)], ctlogs=[], timestampAuthorities=None)
    assert root.logs[0].host == ""
    assert root.logs[0].id == hashlib.sha256(pki.spki(pki.key())).digest()
    assert root.authorities == root.ct_logs == root.timestamp_authorities == ()


def test_a_checkpoint_key_id_names_a_log_too():
    root = parse(tlogs=[log(pki.key("ed25519"), checkpointKeyId={"keyId": base64.b64encode(b"k" * 32).decode()})])
    assert root.logs[0].id == b"k" * 32


def test_nanoseconds_and_offsets_are_read():
    root = parse(certificateAuthorities=[authority(pki.root(), validFor=window("2026-05-06T15:34:09.106575535+02:00"))])
    assert root.authorities[0].window.start == datetime(2026, 5, 6, 13, 34, 9, 106575, tzinfo=UTC)


@pytest.mark.parametrize(
    "valid_for", [None, {}, {"end": "2027-01-01T00:00:00Z"}, {"start": None}, {"start": 1}, {"start": "2026-01-01"}]
)
def test_t31_a_window_without_a_start_is_refused(valid_for):
    assert "validFor" in refusal(certificateAuthorities=[authority(pki.root(), validFor=valid_for)])
    entry = log(pki.key())
    entry["publicKey"]["validFor"] = valid_for
    assert "validFor" in refusal(tlogs=[entry])


def test_t23_a_root_that_lists_nothing_is_none():
    assert "neither a certificate authority nor a log" in refusal()
    assert "neither a certificate authority nor a log" in refusal(certificateAuthorities=[], tlogs=[])


def test_a_key_of_an_unknown_kind_is_passed_over_and_the_rest_holds():
    root = parse(tlogs=[log(pki.key("k256")), log(pki.key())])
    assert [each.id for each in root.logs] == [hashlib.sha256(pki.spki(pki.key())).digest()]


@pytest.mark.parametrize("member", ["tlogs", "ctlogs"])
def test_t23_a_list_of_logs_never_becomes_empty_by_what_is_not_verified_here(member):
    others = {"certificateAuthorities": [authority(pki.root())]}
    assert "kinds that are not verified here" in refusal(**others, **{member: [log(pki.key("k256"))]})


@pytest.mark.parametrize(
    ("lists", "why"),
    [
        ({"CertificateAuthorities": []}, "spells"),
        ({"tlogs": {}}, "is not a list"),
        ({"tlogs": ["x"]}, "is not a JSON object"),
        ({"tlogs": [log(pki.key(), hashAlgorithm="SHA2_512")]}, "hashAlgorithm"),
        ({"tlogs": [log(pki.key(), baseUrl="https://[")]}, "not a URL"),
        ({"tlogs": [log(pki.key(), baseUrl=1)]}, "is not text"),
        ({"tlogs": [log(pki.key(), publicKey={"rawBytes": "AAAA", "validFor": window()})]}, "not a public key"),
        ({"tlogs": [log(pki.key(), publicKey={"rawBytes": "A", "validFor": window()})]}, "not base64"),
        ({"tlogs": [log(pki.key(), publicKey={"validFor": window()})]}, "lacks its bytes"),
        ({"tlogs": [log(pki.key(), logId={})]}, None),
        ({"certificateAuthorities": [{"validFor": window()}]}, "certChain"),
        ({"certificateAuthorities": [authority(pki.root(), certChain={"certificates": []})]}, "lists no certificate"),
        (
            {"certificateAuthorities": [authority(pki.root(), certChain={"certificates": [{"rawBytes": "AAAA"}]})]},
            "cannot be read",
        ),
        ({"tlogs": [log(pki.key())] * 257}, "at most 256"),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_place(lists, why):
    if why is None:
        assert parse(**lists).logs[0].id == hashlib.sha256(pki.spki(pki.key())).digest()
    else:
        assert why in refusal(**lists)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b'{"tlogs":[],"tlogs":[]}', b"\xef\xbb\xbf{}", b'{"tlogs":' + b"[" * 99 + b"]" * 99 + b"}"],
)
def test_t06_a_root_with_two_meanings_is_refused(raw):
    with pytest.raises(ConfigError, match="the trust root corp cannot be used"):
        trustedroot.parse("corp", raw)


def test_t08_a_root_over_its_cap_is_not_read():
    with pytest.raises(ConfigError, match="it is over 4 MiB"):
        trustedroot.parse("corp", b" " * (4 * 1024 * 1024 + 1))


def test_t53_a_chain_of_a_thousand_certificates_is_refused():
    entry = authority(pki.root())
    entry["certChain"]["certificates"] *= 1000
    assert "at most 10" in refusal(certificateAuthorities=[entry])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "tlogs",
                        "publicKey",
                        "validFor",
                        "start",
                        "rawBytes",
                        "certChain",
                        "certificates",
                        "logId",
                        "keyId",
                        "certificateAuthorities",
                        "baseUrl",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_t55_no_document_raises_anything_else(document):
    try:
        assert trustedroot.parse("corp", json.dumps(document).encode()).items
    except ConfigError as error:
        assert error.message.startswith("the trust root corp cannot be used: ")  # noqa: PT017 either is right
