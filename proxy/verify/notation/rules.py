"""What a Notation signature must hold to, whoever made it: its payload, its algorithm, its certificates.

Notary Project signature specification: "Payload", "Algorithm Selection", "Certificate Requirements".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.oci.strictjson import as_object, parse
from proxy.verify.certificates.certificate import key_of
from proxy.verify.encoding import shown
from proxy.verify.evidence import NotProved, Target
from proxy.verify.notation.envelope import Envelope

_RSA = {2048: "PS256", 3072: "PS384", 4096: "PS512"}  # bits
_EC = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_DESCRIPTOR = frozenset({"mediaType", "digest", "size", "annotations", "artifactType", "urls", "data"})
_RESERVED = "io.cncf.notary"
_NO_USAGES = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
_NO_PURPOSES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
}


def require_signature(envelope: Envelope, leaf: x509.Certificate) -> None:
    """Raise NotProved unless the leaf's key made the signature, by the one algorithm that its kind and size allow."""
    key = key_of(leaf)
    algorithm = _algorithm(key)
    if algorithm is None:
        raise NotProved(
            "the certificate's key is not one that Notation signs with: RSA 2048, 3072, 4096, EC P-256 to P-521"
        )
    if envelope.algorithm != algorithm:
        raise NotProved(f"the signature says {shown(envelope.algorithm)}, but its certificate's key makes {algorithm}")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            _require_pss(key, envelope, _HASHES[algorithm[2:]])
        elif isinstance(key, ec.EllipticCurvePublicKey):
            _require_ecdsa(key, envelope, _HASHES[algorithm[2:]])
    except InvalidSignature:
        raise NotProved("it was not made by the key of its certificate, or it was changed since") from None


def require_target(payload: bytes, target: Target) -> dict[str, str]:
    """Return the signed claims (user metadata); raise NotProved unless the payload is about `target`, in all of it (T04).

    Digest, media type and size must all be the target's: a digest alone let a registry answer with another descriptor.
    """
    document = as_object(parse(payload, what="Notation payload"), what="Notation payload", names={"targetArtifact"})
    if document.keys() != {"targetArtifact"}:
        raise NotProved("the Notation payload does not hold exactly its targetArtifact")
    signed = as_object(document["targetArtifact"], what="signed targetArtifact", names=_DESCRIPTOR)
    if signed.get("digest") != str(target.digest):
        raise NotProved(f"it is a signature of {shown(signed.get('digest'))}, not of {target.digest}")
    if signed.get("mediaType") != target.media_type:
        raise NotProved(
            f"it signs the media type {shown(signed.get('mediaType'))}, and the image is {target.media_type}"
        )
    size = signed.get("size")
    if type(size) is not int or size != target.size:
        raise NotProved(f"it signs another size than the image's, which is {target.size} bytes")
    return _claims(signed.get("annotations"))


def require_usage(leaf: x509.Certificate) -> None:
    """Raise NotProved unless the leaf is for signing alone. That it is no authority is `chain`'s to see."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        raise NotProved("the signing certificate has no key usage, which Notation requires") from None
    if not usage.critical or not usage.value.digital_signature:
        raise NotProved("the signing certificate's key usage is not critical, or does not permit digital signatures")
    if any(getattr(usage.value, name) for name in _NO_USAGES):
        raise NotProved("the signing certificate's key usage permits more than digital signatures")
    for purpose in _purposes(leaf):
        if purpose in _NO_PURPOSES:
            raise NotProved(f"the signing certificate's extended key usage permits {_NO_PURPOSES[purpose]} too")


def require_order(path: Sequence[x509.Certificate], carried: Sequence[x509.Certificate]) -> None:
    """Raise NotProved unless the envelope carries the whole chain that was found, leaf first, in order, and nothing else.

    Above an anchor that is not a root, what is carried up to the root is not looked at: the operator believes the anchor.
    """
    is_root = path[-1].subject == path[-1].issuer
    if tuple(path) != tuple(carried[: len(path)]) or (is_root and len(carried) > len(path)):
        raise NotProved("the certificates beside it are not its whole chain in order, from the signer's to the root's")


def _algorithm(key: object) -> str | None:
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA.get(key.key_size)
    return _EC.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None


def _require_pss(key: rsa.RSAPublicKey, envelope: Envelope, algorithm: hashes.HashAlgorithm) -> None:
    # RFC 7518 3.5, RFC 8230 2: the salt is as long as the hash.
    pss = padding.PSS(padding.MGF1(algorithm), salt_length=algorithm.digest_size)
    key.verify(envelope.signature, envelope.message, pss, algorithm)


def _require_ecdsa(key: ec.EllipticCurvePublicKey, envelope: Envelope, algorithm: hashes.HashAlgorithm) -> None:
    # RFC 7518 3.4, RFC 9053 2.1: r and s, each as long as the curve's order.
    width = (key.curve.key_size + 7) // 8
    if len(envelope.signature) != 2 * width:
        raise InvalidSignature
    r, s = envelope.signature[:width], envelope.signature[width:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    key.verify(der, envelope.message, ec.ECDSA(algorithm))


def _claims(annotations: Any) -> dict[str, str]:
    if annotations is None:
        return {}
    said = as_object(annotations, what="signed annotations")
    if not all(isinstance(value, str) for value in said.values()):
        raise NotProved("a signed annotation is not text")
    return {name: value for name, value in said.items() if not name.startswith(_RESERVED)}


def _purposes(leaf: x509.Certificate) -> Sequence[x509.ObjectIdentifier]:
    try:
        return tuple(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return ()
