"""What an upstream's status means here. Pure: truthful, never 404 for a failure, and never a yes that was not said."""

from urllib.parse import urlsplit

from proxy.errors import UpstreamError, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable

PATIENCE = 5  # seconds until a client may ask again, where the upstream does not say
# Absent: 410 is what some registries say of a deleted tag.
ABSENT = frozenset({404, 410})
THROTTLED = 429


def failure(
    *, upstream: str, host: str, status: int, is_elsewhere: bool, has_credentials: bool, wait: int, said: str
) -> UpstreamError:
    """Return the error for an answer that is neither the thing nor its absence.

    `host` answered, which is another than the upstream's where `is_elsewhere`; `wait` is in seconds; `said` is the
    upstream's own message, for the log.
    """
    who = f"{host}, to which {upstream} leads," if is_elsewhere else upstream
    detail = f"{host} answered {status}" + (f": {said}" if said else "")
    if status >= 500:
        return UpstreamUnavailable(f"{who} answered {status}; ask again later", detail=detail, retry_after=wait)
    if status in (401, 403) and not is_elsewhere:
        return credentials_refused(upstream, has_credentials=has_credentials, detail=detail)
    if status == 408:
        return UpstreamTimeout(f"{who} answered {status}; ask again later", detail=detail, retry_after=wait)
    return UpstreamRefused(f"{who} answered {status}, which is no answer to a pull", detail=detail)


def credentials_refused(upstream: str, *, has_credentials: bool, detail: str | None = None) -> UpstreamRefused:
    if has_credentials:
        sentence = f"{upstream} refuses our credentials for this repository; correct upstreams.{upstream}.credentials"
    else:
        sentence = f"{upstream} wants credentials for this repository, or has none of this name; "
        sentence += f"see upstreams.{upstream}.credentials"
    return UpstreamRefused(sentence, detail=detail)


def realm_refused(upstream: str, realm: str) -> UpstreamRefused:
    """T09: the upstream wants our credentials to go where the operator did not say."""
    parts = urlsplit(realm)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:150]
    return UpstreamRefused(
        f"{upstream} wants us to log in at {shown}, which is not configured; if that is its token server, "
        f'write upstreams.{upstream}.realms: ["{shown}"]'
    )
