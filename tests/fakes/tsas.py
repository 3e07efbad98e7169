"""A timestamp authority in memory (RFC 3161), with a knob for each thing that a token or a chain may get wrong."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.verify.material import Authority, Window

START = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = datetime(2026, 6, 1, tzinfo=UTC)
OPEN = Window(START)
_STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)
_HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}  # noqa: S303 what must be refused


def issue(
    name: str,
    key: Any,
    *,
    by: "tuple[x509.Certificate, Any] | None" = None,
    is_authority: bool = False,
    eku: Sequence[x509.ObjectIdentifier] | None = _STAMPING,
    is_eku_critical: bool = True,
    days: int = 365,
) -> x509.Certificate:
    """A certificate by `by` (certificate and key), or by itself."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (by[0].subject, by[1]) if by else (subject, key)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(START)
    builder = builder.not_valid_after(START + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage |= {"digital_signature": not is_authority, "key_cert_sign": is_authority, "crl_sign": is_authority}
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=is_eku_critical)
    return builder.sign(signer, hashes.SHA256())


@dataclass
class FakeAuthority:
    """`chain` is leaf, intermediate, root. Fields replace what would be right for its leaf."""

    key: Any
    chain: tuple[x509.Certificate, ...]
    window: Window = OPEN

    @classmethod
    def make(
        cls, *, key: Any = None, root: "tuple[x509.Certificate, Any] | None" = None, **leaf: Any
    ) -> "FakeAuthority":
        key = key or ec.generate_private_key(ec.SECP256R1())
        root_certificate, root_key = root or make_root()
        between_key = ec.generate_private_key(ec.SECP256R1())
        between = issue("tsa between", between_key, by=(root_certificate, root_key), is_authority=True, eku=None)
        signer = issue("tsa", key, by=(between, between_key), **leaf)
        return cls(key, (signer, between, root_certificate))

    @property
    def authority(self) -> Authority:
        """As a trust root lists it, with the very leaf."""
        return Authority(chain=self.chain, window=self.window)

    @property
    def authority_of_roots(self) -> Authority:
        """As a trust root lists it that leaves the leaf to the token."""
        return Authority(chain=self.chain[1:], window=self.window)

    def stamp(self, message: bytes, **knobs: Any) -> bytes:
        """A DER TimeStampResp over `message`. Knobs: see `_Wishes`."""
        wishes = _Wishes(**knobs)
        content = wishes.content or self._content(message, wishes)
        attributes = self._attributes(content, wishes)
        signed = b"\x31" + attributes.dump()[1:]
        info = {
            "version": "v1",
            "sid": cms.SignerIdentifier("issuer_and_serial_number", self._sid(wishes)),
            "digest_algorithm": {"algorithm": wishes.digest},
            "signed_attrs": attributes,
            "signature_algorithm": self._algorithm(wishes),
            "signature": self._sign(signed, wishes),
        }
        sd = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": wishes.digest}],
            "encap_content_info": {"content_type": wishes.kind, "content": core.ParsableOctetString(content)},
            "signer_infos": [info] * wishes.signers,
        }
        listed = self.chain if wishes.certificates is None else wishes.certificates
        if listed:
            sd["certificates"] = [asn1.Certificate.load(each.public_bytes(Encoding.DER)) for each in listed]
        token = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(sd)})
        if wishes.is_bare:
            return token.dump()
        return tsp.TimeStampResp({"status": {"status": wishes.status}, "time_stamp_token": token}).dump()

    def _content(self, message: bytes, wishes: "_Wishes") -> bytes:
        info: dict[str, Any] = {
            "version": "v1",
            "policy": wishes.policy,
            "message_imprint": {
                "hash_algorithm": {"algorithm": wishes.imprint},
                "hashed_message": hashlib.new(wishes.imprint, message).digest(),
            },
            "serial_number": 7,
            "gen_time": core.GeneralizedTime(wishes.at) if isinstance(wishes.at, str) else wishes.at,
        }
        if wishes.accuracy is not None:
            info["accuracy"] = wishes.accuracy
        return tsp.TSTInfo(info).dump()

    def _attributes(self, content: bytes, wishes: "_Wishes") -> cms.CMSAttributes:
        digest = wishes.content_digest or hashlib.new(wishes.digest, content).digest()
        found: list[dict[str, Any]] = [
            {"type": "content_type", "values": [wishes.claimed or wishes.kind]},
            {"type": "message_digest", "values": [digest] * wishes.values},
        ]
        named = (wishes.named or self.chain[0]).public_bytes(Encoding.DER)
        if wishes.names == "v2":
            algorithm = {"algorithm": wishes.named_by}
            listed = [{"hash_algorithm": algorithm, "cert_hash": hashlib.new(wishes.named_by, named).digest()}]
            found.append({"type": "signing_certificate_v2", "values": [{"certs": listed}]})
        if wishes.names == "v1":
            listed = [{"cert_hash": hashlib.sha1(named).digest()}]  # noqa: S324 what RFC 2634 has
            found.append({"type": "signing_certificate", "values": [{"certs": listed}]})
        return cms.CMSAttributes([each for each in found if each["type"] not in wishes.without] + wishes.more)

    def _sid(self, wishes: "_Wishes") -> dict[str, Any]:
        leaf = wishes.sid or self.chain[0]
        return {"issuer": asn1.Name.load(leaf.issuer.public_bytes()), "serial_number": leaf.serial_number}

    def _algorithm(self, wishes: "_Wishes") -> algos.SignedDigestAlgorithm:
        if wishes.is_pss:
            digest = {"algorithm": wishes.signature}
            parameters = {
                "hash_algorithm": digest,
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": digest},
                "salt_length": 32,
                "trailer_field": 1,
            }
            return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})
        if isinstance(self.key, rsa.RSAPrivateKey):
            return algos.SignedDigestAlgorithm({"algorithm": wishes.algorithm or "rsassa_pkcs1v15"})
        return algos.SignedDigestAlgorithm({"algorithm": wishes.algorithm or f"{wishes.signature}_ecdsa"})

    def _sign(self, signed: bytes, wishes: "_Wishes") -> bytes:
        key, algorithm = wishes.key or self.key, _HASHES[wishes.signature]
        if wishes.is_pss:
            return key.sign(signed, padding.PSS(padding.MGF1(algorithm), salt_length=32), algorithm)
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(signed, padding.PKCS1v15(), algorithm)
        return key.sign(signed, ec.ECDSA(algorithm))


@dataclass
class _Wishes:
    """Each default is what an honest authority does."""

    at: datetime | str = WITHIN
    accuracy: dict[str, int] | None = None
    policy: str = "1.3.6.1.4.1.57264.2"
    imprint: str = "sha256"
    digest: str = "sha256"
    signature: str = "sha256"
    algorithm: str | None = None
    is_pss: bool = False
    is_bare: bool = False
    status: str = "granted"
    kind: str = "tst_info"
    claimed: str | None = None  # the signed attribute's content type
    content: bytes | None = None
    content_digest: bytes | None = None
    values: int = 1  # of the digest's attribute
    signers: int = 1
    names: str = "v2"  # how the signer's certificate is named: v2 | v1 | none
    named: x509.Certificate | None = None
    named_by: str = "sha256"
    sid: x509.Certificate | None = None
    key: Any = None
    certificates: Sequence[x509.Certificate] | None = None
    without: Sequence[str] = ()
    more: Sequence[dict[str, Any]] = ()

    def __post_init__(self) -> None:
        self.more = list(self.more)


def make_root() -> tuple[x509.Certificate, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    return issue("tsa root", key, is_authority=True, eku=None), key
