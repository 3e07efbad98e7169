"""What is kept for which image: from the state's records to sets of content. No await, no clock: records in, images out.

To an image belong its manifest, the children that its Index names, their configs and layers, the evidence of each of them,
and whatever a Decision about it rests on, also where that lies with a base image of another repository.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from proxy.content.keeping.eviction import Image
from proxy.oci.digest import Digest
from proxy.pipeline.keeping.records import Row, Ruling

Name = tuple[str, Digest]  # (repository, digest)


@dataclass(frozen=True, slots=True)
class Kept:
    """An image with the records that stand for it; each may stand for others too."""

    image: Image
    repository: str
    digest: Digest
    rows: tuple[Row, ...]
    rulings: tuple[Ruling, ...]


@dataclass(slots=True)
class _Books:
    """The records by what they speak of."""

    rows: dict[Name, Row] = field(default_factory=dict)
    evidence: dict[Name, list[Row]] = field(default_factory=dict)
    rulings: dict[Name, list[Ruling]] = field(default_factory=dict)


def kept(rows: Sequence[Row], rulings: Iterable[Ruling], pinned: AbstractSet[Name]) -> list[Kept]:
    """Every image that stands in the records. What stands under none, such as a lost image's evidence, is one by itself."""
    books = _books(rows, rulings)
    found = [_kept(books, row, pinned) for row in rows if row.kind == "root"]
    reached = {(row.repository, row.digest) for each in found for row in each.rows}
    for row in sorted(rows, key=lambda each: each.kind):  # children before evidence: it goes with them
        if (row.repository, row.digest) not in reached:
            found.append(_kept(books, row, pinned))
            reached |= {(each.repository, each.digest) for each in found[-1].rows}
    return found


def unfounded(rulings: Iterable[Ruling], found: Iterable[Kept]) -> list[Ruling]:
    """Decisions about what is not recorded as admitted; a denial ends by itself."""
    known = {ruling.entry.key for each in found for ruling in each.rulings}
    return [each for each in rulings if each.entry.key not in known and each.entry.expires_at is None]


def _books(rows: Iterable[Row], rulings: Iterable[Ruling]) -> _Books:
    books = _Books()
    for row in rows:
        books.rows[row.repository, row.digest] = row
        for subject in row.subjects:
            books.evidence.setdefault((row.repository, subject), []).append(row)
    for ruling in rulings:
        books.rulings.setdefault((ruling.repository, ruling.digest), []).append(ruling)
    return books


def _kept(books: _Books, root: Row, pinned: AbstractSet[Name]) -> Kept:
    walked = _Walk(books, root)
    name = f"{root.repository}@{root.digest}"
    own = tuple(row.digest for row in walked.rows if row.kind != "evidence" and row.repository == root.repository)
    is_pinned = any((root.repository, digest) in pinned for digest in (root.digest, *own))
    image = Image(name, own or (root.digest,), tuple(walked.layers), tuple(walked.evidence), is_pinned=is_pinned)
    return Kept(image, root.repository, root.digest, tuple(walked.rows), tuple(walked.rulings))


class _Walk:
    """Everything below one manifest. Cycles end: each name is looked at once."""

    def __init__(self, books: _Books, root: Row) -> None:
        self._books = books
        self.rows: list[Row] = []
        self.rulings: list[Ruling] = []
        self.layers: dict[Digest, None] = {}
        self.evidence: dict[Digest, None] = {}
        seen: set[Name] = set()
        waiting = [(root.repository, root.digest)]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self._look(name)

    def _look(self, name: Name) -> Iterator[Name]:
        repository, digest = name
        row = self._books.rows.get(name)
        if row is not None:
            self.rows.append(row)
            if row.kind == "evidence":
                self.evidence[digest] = None
            if row.is_index:
                yield from ((repository, child) for child in row.names)
            else:
                of = self.evidence if row.kind == "evidence" else self.layers
                of.update(dict.fromkeys(row.names))
        yield from ((repository, each.digest) for each in self._books.evidence.get(name, ()))
        for ruling in self._books.rulings.get(name, ()):
            self.rulings.append(ruling)
            self.evidence.update(dict.fromkeys(ruling.evidence))
            yield from ((repository, each) for each in ruling.evidence)
            yield from ruling.bases
