"""How a JSON object becomes a Descriptor. What a client could read otherwise than we do is refused.

Every place where a digest may stand is read here (T07), and `urls` is refused here: clients would fetch those past
the registry. Nothing but ManifestInvalid leaves this file.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from proxy.errors import ContentMismatch, DigestInvalid, ManifestInvalid
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest, require_digest
from proxy.oci.strictjson import as_object

_FIELDS = frozenset({"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"})
_PLATFORM_FIELDS = frozenset({"os", "architecture", "variant"})
_MEDIA_TYPE = re.compile(r"[\x21-\x7e]{1,127}/[\x20-\x7e]{1,127}")  # RFC 6838 4.2, generously: what a header may carry
_PLATFORM_PART = re.compile(r"[A-Za-z0-9_.-]{0,64}")
_SIZE_LIMIT = 2**63 - 1  # int64 in the clients


def read_descriptor(value: Any, *, what: str) -> Descriptor:
    """Return the Descriptor in `value` (image-spec descriptor.md), or raise ManifestInvalid naming `what`."""
    document = as_object(value, what=what, names=_FIELDS)
    _refuse_urls(document.get("urls"), what=what)
    media_type = read_media_type(document.get("mediaType"), what=what)
    if mediatype.is_nondistributable(media_type):
        raise ManifestInvalid(
            f"the {what} is non-distributable: clients would fetch it past this registry; push it as an ordinary layer"
        )
    descriptor = Descriptor(
        media_type=media_type,
        digest=_read_digest(document.get("digest"), what=what),
        size=_read_size(document.get("size"), what=what),
        platform=read_platform(document.get("platform"), what=what),
        artifact_type=read_text(document.get("artifactType"), what=f"artifactType of the {what}"),
        annotations=read_annotations(document.get("annotations"), what=what),
    )
    _require_embedded(document.get("data"), descriptor, what=what)
    return descriptor


def read_media_type(value: Any, *, what: str) -> str:
    if not isinstance(value, str) or not _MEDIA_TYPE.fullmatch(value):
        raise ManifestInvalid(f"the {what} has no proper mediaType")
    return value


def read_text(value: Any, *, what: str) -> str | None:
    """Return a string, or None where there is none or an empty one (Go leaves both out)."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ManifestInvalid(f"the {what} is not a string")
    return value


def read_annotations(value: Any, *, what: str) -> Mapping[str, str]:
    if value is None:
        return {}
    document = as_object(value, what=f"annotations of the {what}")
    if not all(isinstance(text, str) for text in document.values()):
        raise ManifestInvalid(f"the annotations of the {what} are not all strings")
    return document


def read_platform(value: Any, *, what: str) -> Platform | None:
    """Return the Platform in `value`; None where it names neither os nor architecture, as artifacts do."""
    if value is None:
        return None
    document = as_object(value, what=f"platform of the {what}", names=_PLATFORM_FIELDS)
    parts = [_read_part(document.get(name), what=what) for name in ("os", "architecture", "variant")]
    return Platform(*parts) if parts[0] or parts[1] else None


def _read_part(value: Any, *, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not _PLATFORM_PART.fullmatch(value):
        raise ManifestInvalid(f"the platform of the {what} is not made of plain words")
    return value


def _read_digest(value: Any, *, what: str) -> Digest:
    if not isinstance(value, str):
        raise ManifestInvalid(f"the {what} has no digest")
    try:
        return Digest.parse(value)
    except DigestInvalid:
        raise ManifestInvalid(
            f"the digest of the {what} is not sha256 or sha512 in lower-case hex", detail=value[:200]
        ) from None


def _read_size(value: Any, *, what: str) -> int:
    # `True` is an int to Python and an error to the clients; so is 3.0.
    if type(value) is not int or not 0 <= value <= _SIZE_LIMIT:
        raise ManifestInvalid(f"the size of the {what} is not a count of bytes")
    return value


def _refuse_urls(value: Any, *, what: str) -> None:
    # clients.md 1.4: containerd and podman fetch these first, with no registry and no credentials in between.
    if value is not None and value != []:
        raise ManifestInvalid(
            f"the {what} has urls: clients would bypass this registry by them; push the content to the registry instead"
        )


def _require_embedded(value: Any, descriptor: Descriptor, *, what: str) -> None:
    # descriptor.md, "Embedded Content": it must be what the digest names, else it is another way in.
    if value is None:
        return
    try:
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        require_digest(raw, descriptor.digest)
    except (binascii.Error, ValueError, ContentMismatch):
        raise ManifestInvalid(f"the data embedded in the {what} is not what its digest names") from None
    if len(raw) != descriptor.size:
        raise ManifestInvalid(f"the data embedded in the {what} is not of its size")
