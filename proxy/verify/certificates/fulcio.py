"""What Fulcio writes into a certificate beside its name: one issuer, and facts about the build, each with one meaning.

sigstore/fulcio docs/oid-info.md. Deprecated extensions (.1 to .6) hold bare text, later ones a DER UTF8String.
"""

from collections.abc import Mapping

from cryptography import x509

from proxy.verify.certificates.distinguished import is_fit
from proxy.verify.evidence import NotProved

_FULCIO = "1.3.6.1.4.1.57264.1"
_ISSUER, _ISSUER_V2, OTHER_NAME = f"{_FULCIO}.1", f"{_FULCIO}.8", f"{_FULCIO}.7"
EXTENSIONS: Mapping[str, str] = {
    "githubWorkflowTrigger": f"{_FULCIO}.2",
    "githubWorkflowSha": f"{_FULCIO}.3",
    "githubWorkflowName": f"{_FULCIO}.4",
    "githubWorkflowRepository": f"{_FULCIO}.5",
    "githubWorkflowRef": f"{_FULCIO}.6",
    "buildSignerUri": f"{_FULCIO}.9",
    "buildSignerDigest": f"{_FULCIO}.10",
    "runnerEnvironment": f"{_FULCIO}.11",
    "sourceRepositoryUri": f"{_FULCIO}.12",
    "sourceRepositoryDigest": f"{_FULCIO}.13",
    "sourceRepositoryRef": f"{_FULCIO}.14",
    "sourceRepositoryIdentifier": f"{_FULCIO}.15",
    "sourceRepositoryOwnerUri": f"{_FULCIO}.16",
    "sourceRepositoryOwnerIdentifier": f"{_FULCIO}.17",
    "buildConfigUri": f"{_FULCIO}.18",
    "buildConfigDigest": f"{_FULCIO}.19",
    "buildTrigger": f"{_FULCIO}.20",
    "runInvocationUri": f"{_FULCIO}.21",
    "sourceRepositoryVisibilityAtSigning": f"{_FULCIO}.22",
    "deploymentEnvironment": f"{_FULCIO}.23",
    "tokenSubject": f"{_FULCIO}.24",
}
_BARE_TEXT = frozenset(f"{_FULCIO}.{number}" for number in range(1, 7))


def extensions_of(leaf: x509.Certificate) -> dict[str, str]:
    """Fulcio's own extensions by OID."""
    found = {}
    for extension in leaf.extensions:
        oid = extension.oid.dotted_string
        if oid.startswith(f"{_FULCIO}.") and isinstance(extension.value, x509.UnrecognizedExtension):
            found[oid] = text_in(extension.value.value, is_bare=oid in _BARE_TEXT)
    return found


def issuer_of(found: Mapping[str, str]) -> str:
    said = {found[oid] for oid in (_ISSUER_V2, _ISSUER) if oid in found}
    if len(said) > 1:
        raise NotProved("the certificate names two different issuers (OIDs .1.8 and .1.1)")
    issuer = next(iter(said), "")
    if said and not is_fit(issuer):
        raise NotProved("the certificate's issuer (OID .1.8 or .1.1) is empty, very long or not printable")
    return issuer


def named(found: Mapping[str, str]) -> dict[str, str]:
    """By name. A workflow may be called anything: text that is not printable is no fact, and left out."""
    return {name: found[oid] for name, oid in EXTENSIONS.items() if oid in found and is_fit(found[oid])}


def text_in(raw: bytes, *, is_bare: bool) -> str:
    try:
        return raw.decode() if is_bare else utf8_string(raw)
    except ValueError:
        raise NotProved("an extension of the certificate is not the text that Fulcio writes") from None


def utf8_string(raw: bytes) -> str:
    """The text of exactly one DER UTF8String (X.690 10.1: shortest length, nothing after it); else ValueError."""
    if raw[:1] != b"\x0c" or len(raw) < 2:
        raise ValueError("not a UTF8String")
    size, head = raw[1], 2
    if size > 0x82 or size == 0x80:
        raise ValueError("a length that no text here has")
    if size > 0x80:
        head += size - 0x80
        size = int.from_bytes(raw[2:head])
    if size < (0, 0, 0x80, 0x100)[head - 1] or head + size != len(raw):
        raise ValueError("not DER")
    return raw[head:].decode()
