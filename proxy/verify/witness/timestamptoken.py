"""A timestamp token is read whole into plain values, or NotProved is raised: nothing is parsed later, or twice.

RFC 3161 2.4.2 over CMS (RFC 5652). What is not signed (certificates, their order, the response around the token) is
read leniently, since real tokens are not DER there; what is signed must be there exactly once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import cms, parser, tsp

from proxy.verify.certificates.certificate import MAX_CERTIFICATES
from proxy.verify.evidence import NotProved

MAX_TOKEN = 64 * 1024  # bytes; with a chain of three RSA-4096 certificates it is under 8 KiB
_MAX_ACCURACY = timedelta(minutes=1)  # a time that is known no better decides nothing; RFC 3628 asks for a second
_BASELINE, _BASELINE_ACCURACY = "0.4.0.2023.1.1", timedelta(seconds=1)  # RFC 3628 5.1: what its policy promises
_OBJECT_IDENTIFIER = 0x06  # the tag that a ContentInfo begins with, and a TimeStampResp does not
_CONTENT_TYPE, _MESSAGE_DIGEST = "content_type", "message_digest"
_SIGNING_CERTIFICATES = ("signing_certificate_v2", "signing_certificate")  # the second is SHA-1's (RFC 2634)
_HASHES = frozenset({"sha256", "sha384", "sha512"})


@dataclass(frozen=True, slots=True)
class Token:
    """What a token claims. Names of hashes are hashlib's; `signed` are the attributes' bytes under the signature."""

    time: datetime
    accuracy: timedelta
    imprint_hash: str
    imprint: bytes
    content: bytes = field(repr=False)
    content_hash: str
    content_digest: bytes
    certificate_hash: str
    certificate_digest: bytes
    serial_number: int | None  # of the certificate that the signer info names; None where it names a key
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signature_kind: str
    signature_hash: str
    certificates: tuple[bytes, ...] = field(repr=False)


def read(raw: bytes) -> Token:
    """Read a TimeStampResp or a bare TimeStampToken; raise NotProved."""
    if len(raw) > MAX_TOKEN:
        raise NotProved("the timestamp is over 64 KiB, which no authority writes")
    try:
        return _read(_signed_data(raw))
    except NotProved:
        raise
    except Exception:  # noqa: BLE001 the parser bounds neither when nor what it raises over bytes that are not ASN.1
        raise NotProved("the timestamp cannot be read; it is not an RFC 3161 token") from None


def _signed_data(raw: bytes) -> Any:
    contents = parser.parse(raw, strict=True)[4]
    if contents[0] == _OBJECT_IDENTIFIER:
        token = cms.ContentInfo.load(raw, strict=True)
    else:
        response = tsp.TimeStampResp.load(raw, strict=True)
        if response["status"]["status"].native != "granted":
            raise NotProved("the timestamp authority did not grant this timestamp")
        token = response["time_stamp_token"]
    if token["content_type"].native != "signed_data":
        raise NotProved("the timestamp is not signed")
    return token["content"]


def _read(signed: Any) -> Token:
    if len(signed["signer_infos"]) != 1:
        raise NotProved("the timestamp does not have exactly one signer")
    encapsulated, signer = signed["encap_content_info"], signed["signer_infos"][0]
    # RFC 5652 5.4: the attributes are signed as a SET OF, and stand in the token under a tag of their own. They are
    # taken before anything in them is looked at, since this parser writes anew what it has filled in; and read anew.
    attributes_signed = b"\x31" + signer["signed_attrs"].dump()[1:]
    attributes = _attributes(attributes_signed)
    if not encapsulated["content_type"].native == attributes[_CONTENT_TYPE].native == "tst_info":
        raise NotProved("what is signed is no timestamp, but something else")
    content = bytes(encapsulated["content"])
    stamped = tsp.TSTInfo.load(content, strict=True)
    certificate_hash, certificate_digest = _signing_certificate(attributes)
    return Token(
        time=_time(stamped),
        accuracy=_accuracy(stamped),
        imprint_hash=_known(stamped["message_imprint"]["hash_algorithm"]["algorithm"].native),
        imprint=stamped["message_imprint"]["hashed_message"].native,
        content=content,
        content_hash=_known(signer["digest_algorithm"]["algorithm"].native),
        content_digest=attributes[_MESSAGE_DIGEST].native,
        certificate_hash=certificate_hash,
        certificate_digest=certificate_digest,
        serial_number=_serial_number(signer["sid"]),
        signed=attributes_signed,
        signature=signer["signature"].native,
        signature_kind=signer["signature_algorithm"].signature_algo,
        signature_hash=_signature_hash(signer),
        certificates=_certificates(signed),
    )


def _attributes(signed: bytes) -> Mapping[str, Any]:
    """The signed attributes by name; each once and of one value, else two readers could differ."""
    found: dict[str, Any] = {}
    for attribute in cms.CMSAttributes.load(signed, strict=True):
        name, values = attribute["type"].native, attribute["values"]
        if name in found or len(values) != 1:
            raise NotProved("the timestamp says something twice in what is signed")
        found[name] = values[0]
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= found.keys():
        raise NotProved("the timestamp lacks what must be signed: its content's type and digest")
    return found


def _signing_certificate(attributes: Mapping[str, Any]) -> tuple[str, bytes]:
    """RFC 3161 2.4.2 demands it: the hash of the signer's certificate, the first that is listed (RFC 5035 3)."""
    for name in _SIGNING_CERTIFICATES:
        if name in attributes:
            first = attributes[name]["certs"][0]
            # SHA-1 only picks among certificates, and each must still chain to a root and fit the signature.
            algorithm = _known(first["hash_algorithm"]["algorithm"].native) if name.endswith("v2") else "sha1"
            return algorithm, first["cert_hash"].native
    raise NotProved("the timestamp does not sign which certificate signed it")


def _serial_number(identifier: Any) -> int | None:
    named = identifier.name == "issuer_and_serial_number"
    return identifier.chosen["serial_number"].native if named else None


def _time(stamped: Any) -> datetime:
    time = stamped["gen_time"].native
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise NotProved("the timestamp holds no time")
    return time


def _accuracy(stamped: Any) -> timedelta:
    """As the token says it, else as its policy does, else exact (Notation, "Validate Trusted Timestamp")."""
    said = stamped["accuracy"].native
    if said is None:
        return _BASELINE_ACCURACY if stamped["policy"].native == _BASELINE else timedelta(0)
    found = timedelta(seconds=said["seconds"] or 0, milliseconds=said["millis"] or 0, microseconds=said["micros"] or 0)
    if found > _MAX_ACCURACY:
        raise NotProved("the timestamp's authority vouches for its time only to more than a minute")
    return found


def _signature_hash(signer: Any) -> str:
    """RSA may leave it to the digest's (RFC 3370 3.2); ECDSA and PSS name their own."""
    algorithm = signer["signature_algorithm"]
    if algorithm["algorithm"].native == "rsassa_pkcs1v15":
        return _known(signer["digest_algorithm"]["algorithm"].native)
    return _known(algorithm.hash_algo)


def _certificates(signed: Any) -> tuple[bytes, ...]:
    listed = signed["certificates"]
    if len(listed) > MAX_CERTIFICATES:
        raise NotProved(f"the timestamp brings {len(listed)} certificates; at most {MAX_CERTIFICATES} are read")
    return tuple(each.chosen.dump() for each in listed if each.name == "certificate")


def _known(algorithm: str) -> str:
    if algorithm not in _HASHES:
        raise NotProved("the timestamp hashes with an algorithm other than SHA-256, SHA-384 and SHA-512")
    return algorithm
