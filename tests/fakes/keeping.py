"""What the tests of making room share: a house whose leases end at once, its files by age, and pulls of whole images."""

import json
import os
import time
from pathlib import Path

from proxy.content import proofs
from proxy.demo.images import Image
from proxy.oci.digest import Digest
from proxy.pipeline.keeping.evict import Removed
from tests.fakes.house import House

KIB = 1024


class Tight:
    """A running House with a hand in its keeping: `lease` and `settle` are 0 unless a test says otherwise."""

    def __init__(self, house: House, *, lease: float = 0.0, settle: float = 0.0) -> None:
        self.house = house
        self.lease = lease
        self.settle = settle
        self.hasten()

    def hasten(self) -> None:
        """Again after each restart."""
        self.keeping = self.house.proxy.keeping
        self.keeping.evictor.lease, self.keeping.evictor.settle = self.lease, self.settle

    @property
    def content(self) -> Path:
        return self.house.proxy.config.content_folder

    def path(self, digest: Digest) -> Path:
        return self.keeping.stock.path(digest)

    def holds(self, digest: Digest) -> bool:
        return self.path(digest).exists()

    async def pull(self, name: str, image: Image, *, tag: str | None = None) -> None:
        """As a node does: the manifest, then whatever it names. By digest, so that nothing is pinned, unless told."""
        answer = await self.house.manifest(name, tag or image.digest)
        assert answer.status == 200, answer
        for child in image.children:
            await self.pull(name, child)
        for digest in image.blobs:
            blob = await self.house.blob(name, digest)
            assert (blob.status, Digest.of(blob.body)) == (200, digest)
        await self.house.settle()

    def put(self, name: str, label: str, *, size: int = 100 * KIB, layers: int = 1, **how: object) -> Image:
        return self.house.put(name, label, layers=layers, layer_size=size, **how)

    async def age(self, *images: Image, hours: float = 2.0) -> None:
        """As if nobody had used these since then; what proves them is as old."""
        await self.keeping.usage.flush()
        self.keeping.usage._marked.clear()  # what was marked lately was so long ago too
        moment = time.time() - 3600 * hours
        for image in images:
            for digest in (
                *(each.digest for each in image.tree),
                *(blob for each in image.tree for blob in each.blobs),
            ):
                for path in sorted(self.path(digest).parent.glob(f"{digest.hex}*"), reverse=True):
                    age_file(path, moment)  # the blob last: its proof with it

    async def make_room(self, wanted: int) -> Removed:
        return await self.keeping.evictor.make_room(wanted)


def age_file(path: Path, moment: float) -> None:
    """Set its mtime; the proof of a blob is written anew, since nobody can set the ctime in it."""
    os.utime(path, (moment, moment))
    proof = path.with_name(f"{path.name}.proof")
    if proof.exists():
        descriptor = os.open(path, os.O_RDONLY)
        proofs.record(proof, proofs.settled(descriptor))
        os.close(descriptor)
        os.utime(proof, (moment, moment))


def layer_of(image: Image) -> Digest:
    return Digest.parse(json.loads(image.manifest)["layers"][0]["digest"])
