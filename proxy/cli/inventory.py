"""What `pratique cache ls` says: each image with its bytes, its last use, and whether anything makes it stay."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from proxy.bootstrap import keeping_of
from proxy.content.keeping.eviction import LEASE, Image, Stored, used_at
from proxy.oci.digest import Digest

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.content.keeping.budget import Standing
    from proxy.pipeline.keeping.holdings import Kept, Name

Tags = Mapping["Name", Sequence[str]]


async def inventory(config: "Config", loaded: "LoadedPolicy") -> dict[str, Any]:
    """Everything that is kept, the longest unused last. Raise StorageError."""
    async with keeping_of(config, loaded, changes=False) as (keeping, tags_of):
        standing = await keeping.room.look()
        stored, kept, _ = await keeping.evictor.survey()
        tags = await tags_of()
    return described(stored, kept, tags, standing, now=time.time())


def described(
    stored: Mapping[Digest, Stored], kept: Sequence["Kept"], tags: Tags, standing: "Standing", *, now: float
) -> dict[str, Any]:
    """The document that is printed."""
    needed = Counter(digest for each in kept for digest in each.image.contents)
    images = sorted(kept, key=lambda each: used_at(each.image, stored), reverse=True)
    unnamed = [each for each in stored.values() if not needed[each.digest]]
    staying = {digest for each in kept if _stays(each.image, stored, now) for digest in each.image.contents}
    pinned = {digest for each in kept if each.image.is_pinned for digest in each.image.contents}
    return {
        "images": [_image(each, stored, needed, tags, now) for each in images],
        "unnamed": {"blobs": len(unnamed), "bytes": sum(each.size for each in unnamed)},
        "bytes": {
            "held": standing.holding.present,
            "blobs": standing.holding.stored,
            "growing": standing.holding.growing,
            "promised": standing.holding.promised,
            "aside": standing.holding.aside,
            "pinned": sum(stored[digest].size for digest in pinned if digest in stored),
            "evictable": sum(each.size for each in stored.values() if each.digest not in staying),
        },
        "limit": {"bytes": standing.capacity, "high": standing.high, "low": standing.low},
    }


def _image(
    each: "Kept", stored: Mapping[Digest, Stored], needed: Mapping[Digest, int], tags: Tags, now: float
) -> dict[str, Any]:
    here = [stored[digest] for digest in each.image.contents if digest in stored]
    moment = used_at(each.image, stored)
    return {
        "image": each.image.name,
        "repository": each.repository,
        "digest": str(each.digest),
        "tags": sorted(tags.get((each.repository, each.digest), ())),
        "bytes": sum(one.size for one in here),
        "sharedBytes": sum(one.size for one in here if needed[one.digest] > 1),
        "blobs": len(here),
        "missing": len(each.image.contents) - len(here),
        "usedAt": datetime.fromtimestamp(moment, UTC).isoformat() if moment else None,
        "stays": _stays(each.image, stored, now),
    }


def _stays(image: Image, stored: Mapping[Digest, Stored], now: float) -> str | None:
    """What keeps it here; None where it may go. Who has something of it open is known only when room is made."""
    if image.is_pinned:
        return "pinned"
    told = [digest for digest in (*image.manifests, *image.layers) if digest in stored]
    return "in use" if any(now - stored[digest].used_at < LEASE for digest in told) else None
