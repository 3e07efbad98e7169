"""A distinguished name has one meaning or cannot be compared; whatever it holds, reading it is bounded (T52).

Not by `certificate.subject`: cryptography warns on standard error about each country of three letters.
"""

from typing import Any

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.verify.evidence import NotProved

MAX_TEXT = 2048  # characters of one value; real ones are under 200
_MAX_ATTRIBUTES = 64
_MAX_ISSUER = 200  # characters of an issuer in a sentence
# RFC 4514 3 and what Notation's trust policies write.
_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.17": "POSTALCODE",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}


def subject_attributes(leaf: x509.Certificate) -> tuple[tuple[str, str], ...]:
    """Its subject in the certificate's order as (`C`, `US`), …, with dotted OIDs for types without a short name.

    As notation does, a name that could be read in two ways is NotProved: several attributes in one RDN, or a type
    (DC excepted) that occurs twice; so are values that are empty or not printable.
    """
    rdns = _rdns(leaf, "subject")
    if any(len(rdn) != 1 for rdn in rdns):
        raise NotProved("the certificate's subject joins several attributes by '+'; it cannot be compared")
    attributes = tuple(rdn[0] for rdn in rdns)
    once = [name for name, _ in attributes if name != "DC"]
    if len(set(once)) != len(once):
        raise NotProved("the certificate's subject says one attribute twice; it cannot be compared")
    if not all(is_fit(value) for _, value in attributes):
        raise NotProved("the certificate's subject holds text that is empty or not printable")
    return attributes


def subject_text(leaf: x509.Certificate) -> str:
    """Its subject as RFC 4514 writes it, for a person; "" where it is empty, as in Fulcio's."""
    return _text(leaf, "subject")


def issuer_text(certificate: x509.Certificate) -> str:
    """The same of its issuer, short enough for a sentence."""
    text = _text(certificate, "issuer")
    return text if len(text) <= _MAX_ISSUER else f"{text[:_MAX_ISSUER]}…"


def is_fit(text: str) -> bool:
    """Whether a person sees all of it: not empty, bounded, no control, format or bidirectional characters."""
    return 0 < len(text) <= MAX_TEXT and text.isprintable()


def _text(certificate: x509.Certificate, of: str) -> str:
    rdns = _rdns(certificate, of)
    return ",".join("+".join(f"{name}={_escaped(value)}" for name, value in rdn) for rdn in reversed(rdns))


def _rdns(certificate: x509.Certificate, of: str) -> list[list[tuple[str, str]]]:
    try:
        found = asn1.Certificate.load(certificate.public_bytes(Encoding.DER))["tbs_certificate"][of].chosen
        count = sum(len(rdn) for rdn in found)
        rdns = [[_attribute(each) for each in rdn] for rdn in found] if count <= _MAX_ATTRIBUTES else None
    except (ValueError, TypeError, KeyError):
        raise NotProved(
            "a certificate's distinguished name cannot be read, or has an attribute of over 2048 characters"
        ) from None
    if rdns is None:
        raise NotProved(
            f"a certificate's distinguished name has {count} attributes; at most {_MAX_ATTRIBUTES} are read"
        )
    return rdns


def _attribute(attribute: Any) -> tuple[str, str]:
    oid, value = attribute["type"].dotted, attribute["value"].native
    if not isinstance(value, str):
        value = f"#{attribute['value'].dump().hex()}"  # RFC 4514 2.4: of a type that is no text
    if len(value) > MAX_TEXT:
        raise ValueError("too long")
    return _SHORT.get(oid, oid), value


def _escaped(value: str) -> str:
    shown = value if value.isprintable() else ascii(value)[1:-1]
    escaped = "".join(f"\\{each}" if each in ',+"\\<>;=' else each for each in shown)
    return f"\\{escaped}" if escaped[:1] in ("#", " ") else escaped
