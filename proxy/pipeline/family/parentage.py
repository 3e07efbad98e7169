"""Which admitted manifest names which digest, by (upstream, repository). What is not named here stands under nothing.

A record is written when a manifest was admitted: as a root, by a Decision of its own; as a child, because an admitted
Index names it; as evidence, because it proves something of an admitted subject. It says what the manifest names, and
never that it is admitted still: that is looked up at its root at each request.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from proxy.errors import RequestError, StorageError
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.pipeline.books import Book
from proxy.state.store import StateStore

_KINDS = ("evidence", "child", "root")  # each says more than the one before
_TRIES = 16  # of one write against other processes'
_REPOSITORIES = 1_000  # repositories whose families are in memory at once


@dataclass(frozen=True, slots=True)
class Known:
    """`kind`: root | child | evidence. `names` are children of an Index, else config and layers.

    `proves` are (subject, place) of which it is evidence: one manifest may lie in two places, and speak of two images.
    """

    digest: Digest
    media_type: str
    size: int
    kind: str
    is_index: bool
    names: tuple[Descriptor, ...]
    proves: tuple[tuple[Digest, str], ...] = ()
    artifact_type: str | None = None

    def beside(self, before: "Known") -> "Known":
        """The same, saying also what `before` said of it: a root stays one, and evidence stays evidence of what it was."""
        kind = max(self.kind, before.kind, key=_KINDS.index)
        return replace(self, kind=kind, proves=tuple(dict.fromkeys((*before.proves, *self.proves))))

    def places(self, subject: Digest) -> tuple[str, ...]:
        return tuple(place for each, place in self.proves if each == subject)

    @property
    def is_inert(self) -> bool:
        """Whether no client can run it: it has layers, and all that it names is of a type on the list of evidence (T60)."""
        if self.is_index or len(self.names) < 2:
            return False
        config, *layers = self.names
        return mediatype.is_evidence_config(config.media_type) and all(
            mediatype.is_evidence(each.media_type) for each in layers
        )

    def to_record(self) -> dict[str, Any]:
        return {
            "digest": str(self.digest),
            "mediaType": self.media_type,
            "size": self.size,
            "kind": self.kind,
            "isIndex": self.is_index,
            "names": [[d.media_type, str(d.digest), d.size, str(d.platform or "")] for d in self.names],
            "proves": [[str(subject), place] for subject, place in self.proves],
            "artifactType": self.artifact_type,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Known":
        return cls(
            digest=Digest.parse(record["digest"]),
            media_type=record["mediaType"],
            size=int(record["size"]),
            kind=record["kind"],
            is_index=bool(record["isIndex"]),
            names=tuple(
                Descriptor(media_type, Digest.parse(digest), size, Platform.parse(platform) if platform else None)
                for media_type, digest, size, platform in record["names"]
            ),
            proves=tuple((Digest.parse(subject), str(place)) for subject, place in record["proves"]),
            artifact_type=record["artifactType"],
        )


class Family:
    """One repository's admitted manifests, and who names whom."""

    def __init__(self) -> None:
        self.known: dict[Digest, Known] = {}
        self.parents_of_manifest: dict[Digest, dict[Digest, Descriptor]] = {}
        self.parents_of_blob: dict[Digest, dict[Digest, Descriptor]] = {}
        self.evidence_of: dict[Digest, dict[Digest, Known]] = {}

    def add(self, known: Known) -> None:
        self.known[known.digest] = known
        parents = self.parents_of_manifest if known.is_index else self.parents_of_blob
        for descriptor in known.names:
            parents.setdefault(descriptor.digest, {})[known.digest] = descriptor
        for subject, _ in known.proves:
            self.evidence_of.setdefault(subject, {})[known.digest] = known

    def parents_of(self, blob: Digest) -> list[tuple[Digest, Descriptor]]:
        """Who names this blob, evidence last: what an image says of its layers counts before what is said beside it."""
        parents = self.parents_of_blob.get(blob, {})
        return sorted(parents.items(), key=lambda parent: self.known[parent[0]].kind == "evidence")

    def unfetched(self) -> list[tuple[Digest, Descriptor]]:
        """Children that an admitted Index names and that were not asked for yet: (parent, child)."""
        return [
            (parent, child)
            for digest, parents in self.parents_of_manifest.items()
            if digest not in self.known
            for parent, child in parents.items()
        ]


class Parentage:
    def __init__(self, store: StateStore) -> None:
        self._book = Book(store, "manifests", limit=0)  # families are the memory
        self._families: OrderedDict[Repository, Family] = OrderedDict()
        self._reading: Counter[Repository] = Counter()
        self._forgotten = 0
        self._turn = asyncio.Lock()

    async def family(self, repository: Repository) -> Family:
        family = self._families.get(repository)
        if family is None:
            self._reading[repository] += 1
            try:
                records = await self._read(repository)
            finally:
                self._reading[repository] -= 1
                self._reading += Counter()  # without those that nobody reads
            family = self._families.setdefault(repository, Family())
            for _, record in records:
                known = _parse(record)
                if known is not None and known.digest not in family.known:
                    family.add(known)
            while len(self._families) > _REPOSITORIES:
                self._families.popitem(last=False)
        self._families.move_to_end(repository)
        return family

    async def _read(self, repository: Repository) -> Sequence[tuple[str, Any]]:
        while True:
            forgotten = self._forgotten
            records = await self._book.scan(f"{repository}@")
            if forgotten == self._forgotten:  # else somebody else wrote while we read
                return records

    async def remember(
        self,
        repository: Repository,
        manifest: Manifest | Index,
        *,
        kind: str,
        place: str | None = None,
        parent: Digest | None = None,
    ) -> Known:
        """Write what an admitted manifest names. A root stays a root; a child that gets a Decision of its own becomes one.

        `place` and `parent` come together, with evidence.
        """
        wanted = _known(manifest, kind, ((parent, place),) if parent is not None and place is not None else ())
        async with self._turn:
            before = (await self.family(repository)).known.get(manifest.digest)
            if before is not None and wanted.beside(before) == before:
                return before
            known = await self._written(f"{repository}@{manifest.digest}", wanted)
            (await self.family(repository)).add(known)  # the one that is in memory now
        return known

    async def _written(self, key: str, wanted: Known) -> Known:
        """What is recorded now. Another process may have said something of it a moment ago: both stay said."""
        for _ in range(_TRIES):
            found = await self._book.get(key)
            before = _parse(found[0]) if found else None
            known = wanted.beside(before) if before is not None else wanted
            if known == before or await self._book.compare_and_set(
                key, known.to_record(), expected=found[1] if found else None
            ):
                return known
        raise StorageError("a record of the state changes faster than it can be written; ask again", retry_after=1)

    async def learn(self, key: str) -> None:
        """Another process wrote this record: add it to its family, where that is in memory. Raise StorageError."""
        upstream, _, name = key.rpartition("@")[0].partition("/")
        repository = Repository(upstream, name)
        if repository not in self._families and self._reading[repository]:
            await self.family(repository)  # read anew: who reads it now may have begun before the record was written
        family = self._families.get(repository)
        if family is None:
            return
        found = await self._book.get(key)
        known = _parse(found[0]) if found else None
        if known is not None:
            family.add(known)

    def forget(self) -> None:
        self._forgotten += 1
        self._families.clear()


def _known(manifest: Manifest | Index, kind: str, proves: tuple[tuple[Digest, str], ...]) -> Known:
    return Known(
        digest=manifest.digest,
        media_type=manifest.media_type,
        size=len(manifest.raw),
        kind=kind,
        is_index=manifest.is_index,
        names=manifest.children if manifest.is_index else manifest.blobs,
        proves=proves,
        artifact_type=manifest.artifact_type or _config_type(manifest),
    )


def _config_type(manifest: Manifest | Index) -> str | None:
    return manifest.config.media_type if isinstance(manifest, Manifest) else None


def _parse(record: Any) -> Known | None:
    try:
        return Known.from_record(record)
    except (KeyError, TypeError, ValueError, RequestError):
        return None
