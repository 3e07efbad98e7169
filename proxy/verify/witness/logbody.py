"""What the body of a log entry records, kind by kind: a signature, who made it and the hash of what it is over (T20).

Each check compares with bytes that were proved elsewhere; nothing of a body is believed for its own sake. Kinds and
their fields: evidence.md 2, sigstore/rekor `pkg/types`, sigstore/rekor-tiles `rekor/v2`.
"""

import re
from collections.abc import Mapping
from typing import Any

from proxy.errors import PratiqueError
from proxy.oci.strictjson import as_object, parse
from proxy.verify.evidence import NotProved
from proxy.verify.witness.recorded import (
    Check,
    Signing,
    inner,
    require_digest,
    require_hex,
    require_one,
    require_pem,
    require_signature,
    require_verifier,
)

MAX_BODY = 1024 * 1024  # bytes; real ones are under 20 KiB, and each is scanned in full
_KIND = re.compile(r"[a-z0-9_-]{1,40} [0-9.]{1,20}")


def read(body: bytes) -> tuple[str, str, dict[str, Any]]:
    """Return kind, version and spec of a canonicalized body; raise NotProved."""
    if len(body) > MAX_BODY:
        raise NotProved("the log entry's body is over 1 MiB, which no log writes")
    document = read_object(body, what="log entry's body")
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or not _KIND.fullmatch(f"{kind} {version}"):
        raise NotProved("the log entry's body does not say of which kind and version it is")
    return kind, version, inner(document, "spec")


def require(body: bytes, signing: Signing) -> str:
    """Return the kind ("hashedrekord 0.0.1") if `body` records this signing, else raise NotProved."""
    kind, version, spec = read(body)
    check = _KINDS.get((kind, version))
    if check is None:
        raise NotProved(f"its log entry is of kind {kind} {version}, which is not known to record such signatures")
    check(spec, signing)
    return f"{kind} {version}"


def read_object(raw: bytes, *, what: str) -> dict[str, Any]:
    """The object in strict JSON (T06); NotProved with a sentence that begins with `what`."""
    try:
        return as_object(parse(raw, what=what), what=what)
    except PratiqueError as error:
        raise NotProved(error.message) from None


def _hashedrekord_1(spec: Any, signing: Signing) -> None:
    signature = inner(spec, "signature")
    require_hex(inner(spec, "data", "hash"), signing.message)
    require_signature(signature.get("content"), signing)
    require_pem(inner(signature, "publicKey").get("content"), signing)


def _hashedrekord_2(spec: Any, signing: Signing) -> None:
    record = inner(spec, "hashedRekordV002")
    signature = inner(record, "signature")
    require_digest(inner(record, "data"), signing.message)
    require_signature(signature.get("content"), signing)
    require_verifier(signature.get("verifier"), signing)


def _rekord_1(spec: Any, signing: Signing) -> None:
    if inner(spec, "signature").get("format") != "x509":
        raise NotProved("its log entry records a signature of another format than x509")
    _hashedrekord_1(spec, signing)


def _dsse_1(spec: Any, signing: Signing) -> None:
    # `envelopeHash` is over the envelope as it was uploaded; a bundle writes it anew, so it binds nothing here.
    require_hex(inner(spec, "payloadHash"), signing.payload)
    require_one(spec.get("signatures"), signing, signature="signature", signer="verifier", check=require_pem)


def _dsse_2(spec: Any, signing: Signing) -> None:
    record = inner(spec, "dsseV002")
    require_digest(inner(record, "payloadHash"), signing.payload)
    require_one(record.get("signatures"), signing, signature="content", signer="verifier", check=require_verifier)


def _intoto_1(spec: Any, signing: Signing) -> None:
    """No signature stands in it: the hash of the whole envelope binds it, so the envelope must be as it was logged."""
    content = inner(spec, "content")
    if signing.envelope is None:
        raise NotProved("its log entry of kind intoto 0.0.1 records an envelope, but the signature is in none")
    require_hex(inner(content, "hash"), signing.envelope)
    if "payloadHash" in content:  # entries of 2021 have none
        require_hex(inner(content, "payloadHash"), signing.payload)
    require_pem(spec.get("publicKey"), signing)


def _intoto_2(spec: Any, signing: Signing) -> None:
    content = inner(spec, "content")
    require_hex(inner(content, "payloadHash"), signing.payload)
    listed = inner(content, "envelope").get("signatures")
    require_one(listed, signing, signature="sig", signer="publicKey", check=require_pem)


_KINDS: Mapping[tuple[str, str], Check] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.1"): _dsse_1,
    ("dsse", "0.0.2"): _dsse_2,
    ("intoto", "0.0.1"): _intoto_1,
    ("intoto", "0.0.2"): _intoto_2,
    ("rekord", "0.0.1"): _rekord_1,
}
