"""What cosign writes beside a layer, in both spellings that its specification and its code use (evidence.md 1.1).

Every annotation is attacker-writable: it is read only after the signature was proved by it or without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from proxy.oci.strictjson import as_object, parse
from proxy.verify.certificates.certificate import MAX_CERTIFICATES
from proxy.verify.encoding import read_base64, read_certificates
from proxy.verify.evidence import NotProved
from proxy.verify.signers.voices import Signed, Stamp
from proxy.verify.witness import logentry

SIGNATURE = "dev.cosignproject.cosign/signature"
_PREFIXES = ("dev.sigstore.cosign/", "dev.cosignproject.cosign/")
_NAMES = ("certificate", "chain", "bundle", "rfc3161timestamp")
_MAX_TEXT = 1024 * 1024  # characters of one annotation; a manifest is at most 4 MiB
SPELLINGS = (SIGNATURE, *(prefix + name for name in _NAMES for prefix in _PREFIXES))


def has_certificate(annotations: Mapping[str, str]) -> bool:
    return any(annotations.get(f"{prefix}certificate") for prefix in _PREFIXES)


def said_beside(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """All of them that can matter, the signature first and without white space: two layers that differ here differ."""
    signature, *others = (annotations.get(name, "") for name in SPELLINGS)
    return "".join(signature.split()), *others


def attaching(annotations: Mapping[str, str], *imprints: bytes) -> Callable[[Signed], Signed]:
    """Return what adds certificates, log entry and stamp to a Signed; `imprints` are what the stamp may be over.

    What is returned raises NotProved or PratiqueError where an annotation is malformed.
    """

    def attach(signed: Signed) -> Signed:
        bundle = _read(annotations, "bundle")
        token = _read(annotations, "rfc3161timestamp")
        return replace(
            signed,
            certificates=_certificates(annotations),
            entries=(logentry.from_annotation(bundle),) if bundle else (),
            stamps=(Stamp(_token(token), imprints),) if token else (),
        )

    return attach


def _read(annotations: Mapping[str, str], name: str) -> str:
    """The annotation in either spelling, "" where there is none. Two that differ would have two meanings (T06)."""
    found = {annotations[prefix + name] for prefix in _PREFIXES if annotations.get(prefix + name)}
    if len(found) > 1:
        raise NotProved(f"the layer has two different annotations for its {name}; sign the image again")
    text = found.pop() if found else ""
    if len(text) > _MAX_TEXT:
        raise NotProved(f"the layer's annotation {name} is over 1 MiB, which no signing tool writes")
    return text


def _certificates(annotations: Mapping[str, str]) -> tuple[bytes, ...]:
    leaf, chain = _read(annotations, "certificate"), _read(annotations, "chain")
    if not leaf:
        return ()
    first = read_certificates(leaf, what="annotation certificate", limit=1)
    return first + (read_certificates(chain, what="annotation chain", limit=MAX_CERTIFICATES - 1) if chain else ())


def _token(text: str) -> bytes:
    what = "annotation rfc3161timestamp"
    document = as_object(parse(text.encode(errors="replace"), what=what), what=what)
    return read_base64(document.get("SignedRFC3161Timestamp"), what=what)
