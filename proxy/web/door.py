"""What this room asks of the pipeline: one coroutine for each thing that a registry can be asked. No HTTP in it."""

from typing import Protocol

from proxy.oci.route import GetBlob, GetManifest, ListReferrers, ListTags
from proxy.pipeline.answers import Asker, BlobAnswer, ListingAnswer, ManifestAnswer, TagsAnswer


class Door(Protocol):
    """Each answers with a value or raises a PratiqueError; whoever gets a body closes it.

    `generation` is another number once no answer that was given before may be repeated.
    """

    @property
    def generation(self) -> int: ...

    async def manifest(self, asker: Asker, request: GetManifest) -> ManifestAnswer: ...

    async def blob(self, asker: Asker, request: GetBlob) -> BlobAnswer: ...

    async def referrers(self, asker: Asker, request: ListReferrers) -> ListingAnswer: ...

    async def tags(self, asker: Asker, request: ListTags) -> TagsAnswer: ...
