"""Certificate authorities made in memory, with a knob for everything that a hostile one could do.

`real_leaf` reads what real authorities issued, from the vectors.
"""

import base64
import functools
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from proxy.verify.material import Authority, Log, Window
from tests.fakes.layouts import LAB, VECTORS

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CODE, STAMP = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING
FULCIO = "1.3.6.1.4.1.57264.1"
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "k256": ec.SECP256K1()}


@functools.cache
def key(kind: str = "p256", which: str = "") -> Any:
    """A private key of a kind, one for each `which`; RSA's are slow to make."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, int(kind[3:]))


def usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each in names for each in _USAGES})


def distinguished(text: str) -> x509.Name:
    """`O=Acme,CN=ca` in the order written."""
    oids = {"C": NameOID.COUNTRY_NAME, "ST": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME}
    oids |= {"O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}
    oids |= {"DC": NameOID.DOMAIN_COMPONENT}
    parts = [each.partition("=") for each in text.split(",") if each]
    return x509.Name([x509.NameAttribute(oids[name], value) for name, _, value in parts])


def utf8(text: str) -> bytes:
    """A DER UTF8String, as Fulcio writes extensions .8 and later."""
    raw = text.encode()
    return b"\x0c" + _length(len(raw)) + raw


def _length(size: int) -> bytes:
    """X.690 10.1, up to 64 KiB."""
    return bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2)


def fulcio(number: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ObjectIdentifier(f"{FULCIO}.{number}"), value)


def issued_by(issuer: str = "https://issuer.example") -> list[x509.UnrecognizedExtension]:
    return [fulcio(1, issuer.encode()), fulcio(8, utf8(issuer))]


@dataclass
class Holder:
    """A certificate, its private key, and who issued it; `chain` is the certificates from it up to its root."""

    certificate: x509.Certificate
    private: Any
    issuer: "Holder | None" = None

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return (self.certificate, *(self.issuer.chain if self.issuer else ()))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def authority(self) -> Authority:
        return Authority(self.chain, Window(NOW - 1000 * DAY))

    def issue(self, subject: str = "", **knobs: Any) -> "Holder":
        return issue(subject, issuer=self, **knobs)


def root(subject: str = "O=Acme,CN=root", **knobs: Any) -> Holder:
    return issue(subject, is_ca=True, **knobs)


def leaf(issuer: Holder, *sans: x509.GeneralName, subject: str = "", **knobs: Any) -> Holder:
    """As Fulcio writes them: ten minutes, codeSigning, one critical SAN, two issuer extensions."""
    extra = [*issued_by(), *knobs.pop("extra", [])] if knobs.pop("is_fulcio", True) else knobs.pop("extra", [])
    more = {"not_before": NOW, "not_after": NOW + timedelta(minutes=10), "purposes": [CODE], "extra": extra}
    return issue(subject, issuer=issuer, sans=sans or (x509.RFC822Name("dev@acme.test"),), **(more | knobs))


def issue(
    subject: str,
    *,
    issuer: Holder | None = None,
    private: Any = None,
    is_ca: bool = False,
    ca_flag: bool | None = None,
    path_length: int | None = None,
    usages: tuple[str, ...] | None = None,
    purposes: list[ObjectIdentifier] | None = None,
    are_purposes_critical: bool = False,
    sans: tuple[x509.GeneralName, ...] = (),
    not_before: datetime = NOW - 100 * DAY,
    not_after: datetime = NOW + 100 * DAY,
    serial: int | None = None,
    crl: tuple[str, ...] = (),
    ocsp_at: tuple[str, ...] = (),
    extra: list[x509.ExtensionType | tuple[x509.ExtensionType, bool]] = (),
    hash_with: hashes.HashAlgorithm | None = None,
    ct_logs: tuple["CtLog", ...] = (),
    names_issuer: str | None = None,
) -> Holder:
    private = private or key(which=f"{subject} {is_ca}")
    signer = issuer.private if issuer else private
    issuer_name = issuer.certificate.subject if issuer else distinguished(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(distinguished(subject))
        .issuer_name(distinguished(names_issuer) if names_issuer else issuer_name)
        .public_key(private.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    flag = (True if is_ca else None) if ca_flag is None else ca_flag
    if flag is not None:
        builder = builder.add_extension(x509.BasicConstraints(flag, path_length), critical=True)
    names = (("key_cert_sign", "crl_sign") if is_ca else ("digital_signature",)) if usages is None else usages
    if names:
        builder = builder.add_extension(usage(*names), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=are_purposes_critical)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=not subject)
    if crl:
        points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in crl]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    if ocsp_at:
        described = [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
            for url in ocsp_at
        ]
        builder = builder.add_extension(x509.AuthorityInformationAccess(described), critical=False)
    for each in extra:
        extension, is_critical = each if isinstance(each, tuple) else (each, False)
        builder = builder.add_extension(extension, critical=is_critical)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hash_with or hashes.SHA256()
    made = builder.sign(signer, algorithm)
    if ct_logs:
        listed = b"".join(each.sct(made, issuer) for each in ct_logs)
        value = len(listed).to_bytes(2) + listed
        octets = b"\x04" + _length(len(value)) + value
        made = builder.add_extension(x509.UnrecognizedExtension(SCTS, octets), critical=False).sign(signer, algorithm)
    return Holder(made, private, issuer)


@dataclass
class CtLog:
    """A CT log that promises what it is told to (RFC 6962 3.2)."""

    private: Any = field(default_factory=lambda: key(which="ct"))
    at: datetime = NOW
    is_broken: bool = False
    issuer: Holder | None = None  # another than the true one

    @property
    def id(self) -> bytes:
        return hashlib.sha256(spki(self.private)).digest()

    def log(self, start: datetime = NOW - 100 * DAY, end: datetime | None = None) -> Log:
        return Log(id=self.id, key=self.private.public_key(), window=Window(start, end), host="ct.test")

    def sct(self, certificate: x509.Certificate, issuer: Holder) -> bytes:
        time = (int(self.at.timestamp() * 1000)).to_bytes(8)
        body = certificate.tbs_certificate_bytes
        signer = (self.issuer or issuer).private
        signed = (
            b"\0\0" + time + b"\0\1" + hashlib.sha256(spki(signer)).digest() + len(body).to_bytes(3) + body + b"\0\0"
        )
        if isinstance(self.private, rsa.RSAPrivateKey):
            kind, signature = 1, self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            kind, signature = 3, self.private.sign(signed + b"x" * self.is_broken, ec.ECDSA(hashes.SHA256()))
        made = b"\0" + self.id + time + b"\0\0" + bytes([4, kind]) + len(signature).to_bytes(2) + signature
        return len(made).to_bytes(2) + made


def spki(private: Any) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def crl(
    issuer: Holder,
    *serials: int,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    entry: list[x509.ExtensionType] = (),
    extra: list[tuple[x509.ExtensionType, bool]] = (),
    hash_with: hashes.HashAlgorithm | None = None,
) -> bytes:
    """A revocation list in DER."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(begins).next_update(ends)
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
        for each in entry:
            revoked = revoked.add_extension(each, critical=False)
        builder = builder.add_revoked_certificate(revoked.build())
    for extension, is_critical in extra:
        builder = builder.add_extension(extension, critical=is_critical)
    algorithm = None if isinstance(issuer.private, ed25519.Ed25519PrivateKey) else hash_with or hashes.SHA256()
    return builder.sign(issuer.private, algorithm).public_bytes(Encoding.DER)


def crl_without_end(issuer: Holder, *serials: int) -> bytes:
    """A list that names no nextUpdate, as RFC 5280 forbids and some write; signed anew by its authority."""
    listed = asn1_crl.CertificateList.load(crl(issuer, *serials))
    body = listed["tbs_cert_list"]
    del body["next_update"]
    listed["signature"] = issuer.private.sign(body.dump(force=True), ec.ECDSA(hashes.SHA256()))
    return listed.dump(force=True)


def ocsp_answer(
    about: Holder,
    *,
    responder: Holder | None = None,
    issuer: Holder | None = None,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    begins: datetime = NOW - DAY,
    ends: datetime | None = NOW + DAY,
    hash_with: hashes.HashAlgorithm | None = None,
) -> bytes:
    """An OCSP answer in DER, by the issuer unless another responder is named."""
    issuer = issuer or about.issuer
    by = responder or issuer
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about.certificate,
        issuer=issuer.certificate,
        algorithm=hashes.SHA1(),  # noqa: S303 what responders write
        cert_status=status,
        this_update=begins,
        next_update=ends,
        revocation_time=NOW - DAY if is_revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    if responder is not None:
        builder = builder.certificates([responder.certificate])
    return builder.sign(by.private, hash_with or hashes.SHA256()).public_bytes(Encoding.DER)


_REAL = {
    "connaisseur": (
        "cosign-connaisseur/testimage/manifests",
        "sha256-31dc72a13a0c34b40eb95419d2b2fd67320c856baf3b72da518023ee8d370aee.sig.json",
        "roots/sigstore-prod.json",
    ),
    "capi": ("cosign-registry-k8s-io-capi/sig0", "layer.json", "roots/sigstore-prod.json"),
    "kubewarden": ("bundle-cosign3-sign-kubewarden", "bundle.json", "roots/sigstore-prod.json"),
    "slsa-1.4.0": (
        "oci-slsa-att/v1.4.0/blobs/sha256",
        "738d456c898daf28d211c2e0b8ecf5dc67b9a1d631c99ef2c4b4669bcb7a0354",
        "roots/sigstore-prod.json",
    ),
    "slsa-2.1.0": (
        "oci-slsa-att/v2.1.0/blobs/sha256",
        "21454caf3a160dfbe6359f0501aa8401c6c0f2c7a8b71380ea21f8c4b48b64fe",
        "roots/sigstore-prod.json",
    ),
    "private": (
        "oci-private-sigstore/layout/blobs/sha256",
        "8bd6efa7b156bb334427c63b32d6a484288a205e8cdc468c882275d046f059df",
        "oci-private-sigstore/trusted_root.json",
    ),
    "lab-email": (
        "lab/layouts/v3-keyless-rekor1-ref/blobs/sha256",
        "5a4448fdb28351d6d02a2328fc9e876c5cf92010c7ba0898624292efb32f2caf",
        "lab/trust/roots/full.json",
    ),
    "lab-ci": (
        "lab/layouts/v3-keyless-ci-index-ref/blobs/sha256",
        "489d64bf1a4967884630132937185b5b09c36242d866ac01fe697f6dca18a647",
        "lab/trust/roots/full.json",
    ),
    "lab-tsa-only": (
        "lab/layouts/v3-keyless-tsaonly-ref/blobs/sha256",
        "34487121bd604e04f8ced0244d1b7b62e403a9073ce0a84373b7946cf29e70b1",
        "lab/trust/roots/tsaonly.json",
    ),
}
REAL = tuple(_REAL)


def real_leaf(name: str) -> tuple[list[bytes], bytes]:
    """The certificates (DER, leaf first) that came with a real keyless signature, and the trusted root they are under."""
    folder, file, root_file = _REAL[name]
    return certificates_in(VECTORS / folder / file), (VECTORS / root_file).read_bytes()


def own_pki_chain() -> list[bytes]:
    """The chain that cosign put beside a signature of the lab's own PKI: leaf, intermediate, root."""
    return certificates_in(
        LAB / "layouts/v2-own-pki/blobs/sha256/244e56945c63d09450c79b87caf480dab400dfff637a68f56412e175ba6cc520"
    )


def certificates_in(path: Path) -> list[bytes]:
    text = path.read_text().replace("\\n", "\n")
    found = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    ders = [x509.load_pem_x509_certificate(each.encode()).public_bytes(Encoding.DER) for each in found]
    ders += [base64.b64decode(each) for each in re.findall(r'"rawBytes": ?"(MII[^"]+)"', text)]
    return list(dict.fromkeys(ders))
