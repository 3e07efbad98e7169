"""Who goes, given what is there. Pure: what it is told in, a plan out.

The image that was not used for longest goes first, whole: its manifests, layers and evidence together, but for what another
image needs too. What no image names goes by its own last use. Never: what is pinned, what was used within the last hour,
and what somebody has open; an image of which somebody has anything open counts as used for a day.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from proxy.oci.digest import Digest

LEASE = 3600.0  # seconds: a pull of 30 GB takes long, and its client asks for the next layer when one is done
LONG_LEASE = 24 * 3600.0  # while somebody reads any of it


@dataclass(frozen=True, slots=True)
class Stored:
    """`size` in bytes, `used_at` in epoch seconds."""

    digest: Digest
    size: int
    used_at: float


@dataclass(frozen=True, slots=True)
class Image:
    """`manifests` are those whose answering is its use; to read a layer leases it. Evidence is read for reasons of our own."""

    name: str
    manifests: tuple[Digest, ...]
    layers: tuple[Digest, ...] = ()
    evidence: tuple[Digest, ...] = ()
    is_pinned: bool = False

    @property
    def contents(self) -> tuple[Digest, ...]:
        """All that is kept for it, each once: what is largest first, what a Decision rests on last."""
        return tuple(dict.fromkeys((*self.layers, *self.manifests, *self.evidence)))


@dataclass(frozen=True, slots=True)
class Plan:
    """`contents`: what to remove, in this order. `freed` of the bytes that were wanted; the others are kept back, and why."""

    images: tuple[Image, ...] = ()
    contents: tuple[Stored, ...] = ()
    freed: int = 0
    pinned: int = 0
    leased: int = 0


@dataclass(slots=True)
class _Group:
    """What goes together: an image, or something that no image names."""

    used_at: float
    contents: tuple[Digest, ...]
    evidence: frozenset[Digest] = frozenset()
    image: Image | None = None


@dataclass(slots=True)
class _Count:
    """How many images still need each content, and what was chosen so far."""

    needed: Counter[Digest]
    images: list[Image] = field(default_factory=list)
    contents: list[Stored] = field(default_factory=list)
    freed: int = 0


def plan(
    stored: Mapping[Digest, Stored],
    images: Iterable[Image],
    *,
    wanted: int,
    now: float,
    is_open: Callable[[Digest], bool],
    lease: float = LEASE,
) -> Plan:
    """Choose until `wanted` bytes go, or nothing more may. `is_open` is asked only of what might go."""
    known = list(images)
    count = _Count(Counter(digest for image in known for digest in image.contents))
    leased = 0
    for group in sorted(_groups(stored, known, count.needed), key=lambda each: each.used_at):
        if count.freed >= wanted:
            break
        alone = [stored[each] for each in group.contents if each in stored and count.needed[each] <= 1]
        if _is_leased(group, alone, stored, now=now, lease=lease, is_open=is_open):
            leased += sum(each.size for each in alone)
        else:
            _choose(group, alone, count)
    pinned = {digest for image in known if image.is_pinned for digest in image.contents if digest in stored}
    return Plan(
        tuple(count.images),
        tuple(count.contents),
        count.freed,
        pinned=sum(stored[digest].size for digest in pinned),
        leased=leased,
    )


def _groups(stored: Mapping[Digest, Stored], images: Iterable[Image], needed: Counter[Digest]) -> Iterable[_Group]:
    for image in images:
        if not image.is_pinned:
            yield _Group(used_at(image, stored), image.contents, frozenset(image.evidence), image)
    for each in stored.values():
        if not needed[each.digest]:
            yield _Group(each.used_at, (each.digest,))


def used_at(image: Image, stored: Mapping[Digest, Stored]) -> float:
    """When any of its manifests was last answered; 0 where none of them stands here."""
    return max((stored[digest].used_at for digest in image.manifests if digest in stored), default=0.0)


def _is_leased(
    group: _Group,
    alone: Iterable[Stored],
    stored: Mapping[Digest, Stored],
    *,
    now: float,
    lease: float,
    is_open: Callable[[Digest], bool],
) -> bool:
    """What it shares with another image stays anyhow, and is no reason for this one to stay."""
    if now - max([group.used_at, *(each.used_at for each in alone if each.digest not in group.evidence)]) < lease:
        return True
    if now - group.used_at < max(LONG_LEASE, lease):
        return any(is_open(digest) for digest in group.contents if digest in stored)
    return any(is_open(each.digest) for each in alone)


def _choose(group: _Group, alone: Iterable[Stored], count: _Count) -> None:
    if group.image is not None:
        count.images.append(group.image)
    for digest in group.contents:
        count.needed[digest] -= 1
    for each in alone:
        count.contents.append(each)
        count.freed += each.size
