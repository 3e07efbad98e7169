"""A signed timestamp (RFC 3161) proves when a signature existed, if a trusted authority's own key signed it (T33).

The certificates in a token are not signed; they are only candidates. Which of them signed is in `signingCertificate`,
which is signed, by hash. No reading rests on another's: the TSTInfo that is hashed is the one whose time is returned.
Why not a library's verifier: it refuses real tokens (sets that are not DER) and verifies the same chain each time, and
the second opinion (`crosscheck`) asks it anyway, so that two independent ones must agree.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.verify.certificates import chain
from proxy.verify.certificates.certificate import key_of, load_chain
from proxy.verify.evidence import NotProved
from proxy.verify.keys import HASHES
from proxy.verify.material import Authority
from proxy.verify.witness.timestamptoken import Token, read


class Stamped(NamedTuple):
    """A proved time (aware UTC), the authority's chain, leaf first and anchor last, and how far the time may be off."""

    time: datetime
    path: tuple[x509.Certificate, ...]
    accuracy: timedelta


def prove(token: bytes, *, imprints: Sequence[bytes], authorities: Sequence[Authority]) -> tuple[datetime, str, int]:
    """Return the time (aware UTC), the authority's item of the trust material, and which of `imprints` it stamps.

    `token` is a DER TimeStampResp, or a bare TimeStampToken as Notation keeps it; `imprints` are the messages any of
    which it may stamp. The chain and the authority's window must cover the stamped time. Raises NotProved.
    """
    said = read(token)
    own = load_chain(said.certificates)
    leaf = _signer(said, (*own, *(authority.chain[0] for authority in authorities)))
    _, authority = chain.find(leaf, intermediates=own, authorities=authorities, at=said.time, eku="timeStamping")
    _require_signed(said, leaf)
    return said.time, authority.item, _imprint(said, imprints)


def prove_under(token: bytes, *, imprints: Sequence[bytes], anchors: Sequence[x509.Certificate]) -> Stamped:
    """`prove` for the anchors of an X.509 store."""
    said = read(token)
    own = load_chain(said.certificates)
    leaf = _signer(said, (*own, *anchors))
    path = chain.find_anchor(leaf, intermediates=own, anchors=anchors, at=said.time, eku="timeStamping")
    _require_signed(said, leaf)
    _imprint(said, imprints)
    return Stamped(said.time, path, said.accuracy)


def _signer(token: Token, candidates: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that the signed attribute names by hash (RFC 5035); whatever else came along does not matter."""
    named = (each for each in candidates if _hash(token, each) == token.certificate_digest)
    leaf = next(named, None)
    if leaf is None:
        raise NotProved("the timestamp was signed under a certificate that neither it nor the trust root holds")
    if token.serial_number not in {None, leaf.serial_number}:
        raise NotProved("the timestamp names two certificates as its signer's")
    return leaf


def _hash(token: Token, certificate: x509.Certificate) -> bytes:
    return hashlib.new(token.certificate_hash, certificate.public_bytes(Encoding.DER)).digest()


def _require_signed(token: Token, leaf: x509.Certificate) -> None:
    """RFC 5652 5.4: the signature is over the attributes, and one of them is the content's digest."""
    if hashlib.new(token.content_hash, token.content).digest() != token.content_digest:
        raise NotProved("the timestamp's content was changed after it was signed")
    key, algorithm = key_of(leaf), HASHES[token.signature_hash]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and token.signature_kind == "ecdsa":
            key.verify(token.signature, token.signed, ec.ECDSA(algorithm))
            return
        if isinstance(key, rsa.RSAPublicKey) and token.signature_kind == "rsassa_pkcs1v15":
            key.verify(token.signature, token.signed, padding.PKCS1v15(), algorithm)
            return
        if isinstance(key, rsa.RSAPublicKey) and token.signature_kind == "rsassa_pss":
            pss = padding.PSS(padding.MGF1(algorithm), salt_length=padding.PSS.AUTO)
            key.verify(token.signature, token.signed, pss, algorithm)
            return
    except InvalidSignature:
        raise NotProved("the timestamp was not signed by the certificate that it names, or was changed since") from None
    raise NotProved("the timestamp's kind of signature is not verified here; ECDSA and RSA are")


def _imprint(token: Token, imprints: Sequence[bytes]) -> int:
    for index, message in enumerate(imprints):
        if hashlib.new(token.imprint_hash, message).digest() == token.imprint:
            return index
    raise NotProved("the timestamp stamps something else than this signature")
