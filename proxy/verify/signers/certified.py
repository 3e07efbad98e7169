"""A signature by a certificate's key: which certificate, and whether that key made it. Who it is comes after."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509

from proxy.verify.certificates import certificate
from proxy.verify.evidence import CertificateFacts, NotProved
from proxy.verify.keys import verify_signature
from proxy.verify.material import KeySigner, TrustMaterial
from proxy.verify.signers.voices import Signed


@dataclass(frozen=True, slots=True)
class Leaf:
    """The certificate whose key made the signature, and those that came with it. `key_der` is its SPKI."""

    certificate: x509.Certificate = field(repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(repr=False)
    der: bytes = field(repr=False)
    key_der: bytes = field(repr=False)


def require_leaf(signed: Signed) -> Leaf:
    """The leaf that came with the signature, if its key made it; else NotProved."""
    if not signed.certificates:
        raise NotProved("it carries no certificate; it is signed by a bare key")
    leaf, *intermediates = certificate.load_chain(signed.certificates)
    # EC is verified with the curve's own hash and with SHA-256, RSA as PKCS#1 with SHA-256: what cosign signs with.
    if not verify_signature(certificate.key_of(leaf), signature=signed.signature, message=signed.message, hash=None):
        raise NotProved("it was not made by the key of the certificate beside it, or its payload was changed")
    return Leaf(leaf, tuple(intermediates), signed.certificates[0], certificate.spki(leaf))


def require_not_revoked(chain: Iterable[x509.Certificate], facts: CertificateFacts, *, material: TrustMaterial) -> None:
    """Neither a key of the chain nor the identity is revoked by the operator; else NotProved with the reason."""
    for each in chain if material.revoked else ():
        reason = material.revoked.get(certificate.spki_sha256(each))
        if reason is not None:
            raise NotProved(f"revoked: {reason}")
    for identity in material.revoked_identities:
        if identity.issuer == facts.issuer and identity.subject.matches(facts.san):
            raise NotProved(f"revoked: {identity.reason}")


def company_identity(leaf: x509.Certificate, facts: CertificateFacts, *, material: TrustMaterial) -> str:
    """Who speaks by a company's certificate: the same whichever of its names a signer asks for, so that it counts once.

    A key that also speaks as a bare key is that key here too: whoever holds it is one voice (T30).
    """
    spki = certificate.spki_sha256(leaf)
    if any(isinstance(signer, KeySigner) and signer.spki == spki for signer in material.signers.values()):
        return f"key:{spki}"
    return " ".join((f"x509:{facts.authority}", *filter(None, (facts.subject, facts.san))))


def told(facts: CertificateFacts) -> str:
    """Who signed, for a sentence: the SAN with its issuer, else the subject."""
    if facts.san:
        return f"{facts.san[:200]} (issuer {facts.issuer[:200] or 'none'})"
    return f"{facts.subject[:200] or 'a certificate without a name'}"
