"""A CT log's promise is over this certificate, by this issuer, within the log's window, or it is none."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from proxy.verify import trustedroot
from proxy.verify.certificates import chain, sct
from proxy.verify.certificates.certificate import load_chain
from proxy.verify.evidence import NotProved
from proxy.verify.material import Log, Window
from tests.fakes import pki
from tests.fakes.layouts import LAB, needs_vectors
from tests.fakes.pki import DAY, NOW

ROOT = pki.root()
CA = ROOT.issue("CN=ca", is_ca=True)
CT = pki.CtLog()
OTHER = pki.CtLog(pki.key(which="other ct"))
REAL = [each for each in pki.REAL if each != "lab-tsa-only"]


def require(leaf, *logs, issuer=CA):
    return sct.require(leaf.certificate, issuer=issuer.certificate, logs=logs)


def refusal(leaf, *logs, issuer=CA):
    with pytest.raises(NotProved) as caught:
        require(leaf, *logs, issuer=issuer)
    return str(caught.value)


def real(name):
    ders, raw = pki.real_leaf(name)
    root = trustedroot.parse(name, raw)
    leaf = load_chain(ders)[0]
    at = leaf.not_valid_before_utc + timedelta(minutes=1)
    return leaf, chain.find(leaf, intermediates=(), authorities=root.authorities, at=at)[0][1], root


@needs_vectors
@pytest.mark.parametrize("name", REAL)
def test_real_leaves_carry_a_promise_of_a_log_of_their_root(name):
    leaf, issuer, root = real(name)
    items = sct.require(leaf, issuer=issuer, logs=root.ct_logs)
    assert len(items) == 1
    assert set(items) <= {log.item for log in root.ct_logs}


@needs_vectors
@pytest.mark.parametrize("name", REAL)
def test_real_promises_are_by_no_other_log_and_over_no_other_issuer(name):
    leaf, issuer, root = real(name)
    with pytest.raises(NotProved, match="no CT log that the trust root lists"):
        sct.require(leaf, issuer=issuer, logs=[CT.log()])
    with pytest.raises(NotProved, match="is not over this certificate"):
        sct.require(leaf, issuer=CA.certificate, logs=root.ct_logs)


@needs_vectors
@pytest.mark.parametrize(
    ("file", "why"), [("ct_b", "no CT log|not over this"), ("ct_closed", "was not trusted at the time")]
)
def test_t31_the_lab_s_leaves_are_refused_under_another_or_a_closed_log(file, why):
    leaf, issuer, _ = real("lab-email")
    logs = trustedroot.parse(file, (LAB / f"trust/roots/{file}.json").read_bytes()).ct_logs
    with pytest.raises(NotProved, match=why):
        sct.require(leaf, issuer=issuer, logs=logs)


@needs_vectors
def test_a_real_leaf_without_a_promise_is_refused_where_one_is_required():
    leaf = load_chain(pki.real_leaf("lab-tsa-only")[0])[0]
    with pytest.raises(NotProved, match="carries no promise of a CT log"):
        sct.require(leaf, issuer=CA.certificate, logs=[CT.log()])


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_a_promise_is_proved_by_logs_of_each_kind(kind):
    log = pki.CtLog(pki.key(kind, "ct"))
    assert require(pki.leaf(CA, ct_logs=(log,)), log.log()) == (log.log().item,)


def test_every_log_that_promised_is_named_once():
    leaf = pki.leaf(CA, ct_logs=(CT, OTHER, CT))
    assert require(leaf, CT.log(), OTHER.log()) == (CT.log().item, OTHER.log().item)


def test_a_promise_of_an_unknown_log_counts_for_nothing():
    leaf = pki.leaf(CA, ct_logs=(OTHER, CT))
    assert require(leaf, CT.log()) == (CT.log().item,)
    assert "no CT log that the trust root lists" in refusal(pki.leaf(CA, ct_logs=(OTHER,)), CT.log())
    assert "no CT log that the trust root lists" in refusal(leaf)


def test_a_wrong_promise_of_a_known_log_is_refused_even_beside_a_right_one():
    broken = pki.CtLog(OTHER.private, is_broken=True)
    assert "the CT log ct.test is not over this certificate" in refusal(
        pki.leaf(CA, ct_logs=(CT, broken)), CT.log(), OTHER.log()
    )


def test_a_promise_to_another_issuer_is_none():
    leaf = pki.leaf(CA, ct_logs=(pki.CtLog(issuer=ROOT),))
    assert "is not over this certificate" in refusal(leaf, CT.log())
    assert "is not over this certificate" in refusal(pki.leaf(CA, ct_logs=(CT,)), CT.log(), issuer=ROOT)


def test_a_promise_of_another_certificate_is_none():
    """The list of one leaf in another leaf of the same authority."""
    one = pki.leaf(CA, ct_logs=(CT,))
    listed = next(each for each in one.certificate.extensions if each.oid == pki.SCTS).value.public_bytes()
    other = pki.leaf(CA, extra=[pki.x509.UnrecognizedExtension(pki.SCTS, listed)])
    assert "is not over this certificate" in refusal(other, CT.log())


def test_t31_the_log_s_window_must_cover_the_promise():
    leaf = pki.leaf(CA, ct_logs=(CT,))
    assert require(leaf, CT.log(NOW, NOW)) == (CT.log(NOW, NOW).item,)
    assert "was not trusted at the time" in refusal(leaf, CT.log(NOW - DAY, NOW - timedelta(milliseconds=1)))
    assert "was not trusted at the time" in refusal(leaf, CT.log(NOW + timedelta(milliseconds=1)))
    assert require(leaf, CT.log(NOW - DAY, NOW - DAY / 2), CT.log(NOW)) == (CT.log(NOW).item,)


def test_the_milliseconds_of_a_promise_are_signed():
    late = pki.CtLog(at=NOW + timedelta(milliseconds=7))
    assert require(pki.leaf(CA, ct_logs=(late,)), CT.log()) == (CT.log().item,)


def test_a_log_of_a_kind_that_rfc_6962_has_not_proves_nothing():
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    odd = Log(id=CT.id, key=key, window=Window(NOW - DAY))
    assert "is not over this certificate" in refusal(pki.leaf(CA, ct_logs=(CT,)), odd)


def test_t23_no_promise_and_no_log_prove_nothing():
    assert "carries no promise" in refusal(pki.leaf(CA), CT.log())
    empty = pki.leaf(CA, extra=[pki.x509.UnrecognizedExtension(pki.SCTS, b"\x04\x02\0\0")])
    assert "no CT log that the trust root lists" in refusal(empty, CT.log())


def test_t51_eleven_promises_are_not_read():
    assert require(pki.leaf(CA, ct_logs=(CT,) * 10), CT.log())
    assert "carries 11 promises" in refusal(pki.leaf(CA, ct_logs=(CT,) * 11), CT.log())


def _listed(leaf) -> bytes:
    """The extension's value: an OCTET STRING around the list."""
    return next(each for each in leaf.certificate.extensions if each.oid == pki.SCTS).value.public_bytes()


ONE = _listed(pki.leaf(CA, ct_logs=(CT,)))
TWO = _listed(pki.leaf(CA, ct_logs=(CT, OTHER)))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x04\x00",
        b"\x04\x01\x00",
        b"\x04\x03\x00\x05\x01",
        ONE[:-1],
        ONE + b"\0",
        b"\x05\x00",
        ONE[:2] + b"\xff\xff" + ONE[4:],
        ONE[:4] + b"\x00\x01" + ONE[6:],
        TWO[:4] + b"\xff\xff" + TWO[6:],
        ONE[:6] + b"\x01" + ONE[7:],  # a version that is not v1
        ONE.replace(b"\x04\x03\x00", b"\x09\x09\x00", 1),  # a hash and a signature algorithm that nobody has
    ],
)
def test_t55_a_list_of_promises_that_is_malformed_proves_nothing(value):
    leaf = pki.leaf(CA, extra=[pki.x509.UnrecognizedExtension(pki.SCTS, value)])
    with pytest.raises(NotProved):
        sct.require(load_chain([leaf.der])[0], issuer=CA.certificate, logs=[CT.log()])


def test_t55_no_changed_bit_of_a_promise_is_accepted():
    """Each bit of the list is either the length of something or signed; a changed signature is none."""
    leaf = pki.leaf(CA, ct_logs=(CT,))
    raw, listed = leaf.der, _listed(leaf)
    start = raw.index(listed)
    for bit in range(0, 8 * len(listed), 3):
        changed = bytearray(raw)
        changed[start + bit // 8] ^= 1 << bit % 8
        with pytest.raises(NotProved):
            sct.require(load_chain([bytes(changed)])[0], issuer=CA.certificate, logs=[CT.log()])
