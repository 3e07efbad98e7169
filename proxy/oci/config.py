"""What an image config says of its platform (image-spec config.md). Nothing else of it is read here."""

from proxy.errors import ManifestInvalid
from proxy.oci.descriptor import Platform
from proxy.oci.document import read_platform
from proxy.oci.strictjson import as_object, parse

MAX_CONFIG = 4 * 1024 * 1024  # as a manifest; real ones are a few kilobytes
MAX_PARTS = 250_000


def platform_of(raw: bytes) -> Platform | None:
    """Return the platform of an image config; None where it names none, as artifacts' configs do.

    What starts as a JSON object must be a strict one: else ManifestInvalid, since a client might read a platform
    where we read none. Anything else cannot be read as an image config by any client.
    """
    if not raw.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return None
    if len(raw) > MAX_CONFIG:
        raise ManifestInvalid(f"the image config is larger than {MAX_CONFIG} bytes")
    document = parse(raw, what="image config", limit_parts=MAX_PARTS)
    return read_platform(as_object(document, what="image config"), what="image config")
