"""Who is at fault, and which OCI code says so. Pure; every room raises from this tree and from nothing else.

PratiqueError                code, status, message, detail, retry_after
├─ RequestError              the client asked for something wrong, unknown or not theirs
│    NameInvalid 400 · DigestInvalid 400 · Unauthorized 401 · NameUnknown, ManifestUnknown, BlobUnknown 404
│    ManifestInvalid 400 · Unsupported 405 · RangeInvalid 416
├─ PolicyError               it was judged, and the answer is no: all DENIED 403
│    NotAllowed · Unverified · PinMismatch · ConditionFailed · Revoked
├─ Inconclusive              it could not be judged: 503 UNAVAILABLE; never remembered
├─ UpstreamError             the other registry failed us; never 404
│    UpstreamRefused 502 · UpstreamThrottled, UpstreamUnavailable 503 · UpstreamTimeout 504
├─ ContentMismatch           bytes are not what their digest says: 502 before the first byte; after it the connection is cut
├─ StorageError              our disk, bucket or database failed us: 503
└─ ConfigError               the operator must change a file; never reaches a client

A leaf is named after its OCI code, so one search finds both. A message is one sentence, without secrets, that says what to do.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class PratiqueError(Exception):
    """The root. `retry_after` is in seconds; `detail` is for the log and the JSON body, never needed to act."""

    code: ClassVar[str] = "UNKNOWN"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, detail: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.retry_after = retry_after


class RequestError(PratiqueError):
    """The client asked for something wrong, unknown or not theirs."""

    code = "UNSUPPORTED"
    status = 400


class NameInvalid(RequestError):
    code = "NAME_INVALID"


class DigestInvalid(RequestError):
    code = "DIGEST_INVALID"


class ManifestInvalid(RequestError):
    """A document is not a manifest that may be served (OCI image-spec; CVE-2021-41190)."""

    code = "MANIFEST_INVALID"


class Unauthorized(RequestError):
    """Only the admin port says this: on data routes containerd would hand over the pod's pull secret."""

    code = "UNAUTHORIZED"
    status = 401


class NameUnknown(RequestError):
    code = "NAME_UNKNOWN"
    status = 404


class ManifestUnknown(RequestError):
    code = "MANIFEST_UNKNOWN"
    status = 404


class BlobUnknown(RequestError):
    code = "BLOB_UNKNOWN"
    status = 404


class Unsupported(RequestError):
    code = "UNSUPPORTED"
    status = 405


class RangeInvalid(RequestError):
    """A range that no byte of the blob answers (RFC 9110 15.5.17). `size` goes into `Content-Range: bytes */size`."""

    code = "SIZE_INVALID"
    status = 416

    def __init__(self, message: str, *, size: int, detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.size = size


class PolicyError(PratiqueError):
    """It was judged, and the answer is no.

    `reason` is a bounded word; `refusal` is its id once it is recorded; `record` is the Decision as plain values.
    """

    code = "DENIED"
    status = 403
    reason: ClassVar[str] = "denied"

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        refusal: str | None = None,
        record: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.refusal = refusal
        self.record = record


class NotAllowed(PolicyError):
    """No rule, tag, platform, upstream or client entry permits it."""

    reason = "not-allowed"


class Unverified(PolicyError):
    """The proof that the rule requires was looked for completely, and is not there or does not hold."""

    reason = "unverified"


class PinMismatch(PolicyError):
    reason = "pin"


class ConditionFailed(PolicyError):
    reason = "condition"


class VerifiersDisagree(PolicyError):
    reason = "verifiers-disagree"


class Revoked(PolicyError):
    reason = "revoked"


class Inconclusive(PratiqueError):
    """It could not be judged. Never remembered, never an answer of no."""

    code = "UNAVAILABLE"
    status = 503

    reason: ClassVar[str] = "inconclusive"

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        retry_after: int | None = 5,
        refusal: str | None = None,
        record: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, detail=detail, retry_after=retry_after)
        self.refusal = refusal
        self.record = record


class UpstreamError(PratiqueError):
    """The other registry failed us; never 404, since containerd would ask the next host."""

    code = "UNAVAILABLE"
    status = 503


class UpstreamRefused(UpstreamError):
    """It refused our credentials, led somewhere forbidden, or answered what no registry answers."""

    status = 502


class UpstreamThrottled(UpstreamError):
    status = 503


class UpstreamUnavailable(UpstreamError):
    status = 503


class UpstreamTimeout(UpstreamError):
    status = 504


class ContentMismatch(PratiqueError):
    """Bytes are not what their digest says."""

    code = "UNAVAILABLE"
    status = 502


class StorageError(PratiqueError):
    """Our disk, bucket or database failed us. `trouble`: full | read-only | failing where the disk is why; else None."""

    code = "UNAVAILABLE"
    status = 503

    def __init__(
        self, message: str, *, detail: str | None = None, retry_after: int | None = None, trouble: str | None = None
    ) -> None:
        super().__init__(message, detail=detail, retry_after=retry_after)
        self.trouble = trouble


class ConfigError(PratiqueError):
    """The operator must change a file. `problems` are whole sentences, each with its file and line."""

    code = "UNKNOWN"
    status = 500

    def __init__(self, message: str, *, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message,)
