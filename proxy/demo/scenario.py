"""What the drill pulls, and what must come of it: one image for each way in which a node could get what it must not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.demo.images import Image, make_image, merge_signatures, new_key, sign, signature_tag, tampered
from proxy.demo.registry import DemoRegistry
from proxy.oci.digest import Digest

UPSTREAM = "registry.example"
SIGNER = "team"
_TAG = "1.0"
# Smaller than the block that is withheld until the digest is right, so that not one byte of a bad layer is released.
_LAYER = 16 * 1024

Answer = Literal["served", "refused"]


@dataclass(frozen=True, slots=True)
class Expected:
    """One pull. `digest` is what must be served; `because` are words of the reason why it must be refused, if any will do "".

    `before` changes the world first. `asks_upstream` False: not one request may reach the upstream.
    """

    title: str
    repository: str
    reference: str
    answer: Answer
    digest: Digest | None = None
    because: str = ""
    meaning: str = ""  # said before the client's own words, where those tell a person nothing
    before: Callable[[DemoRegistry], None] | None = None
    asks_upstream: bool = True

    @property
    def asked(self) -> str:
        mark = "@" if ":" in self.reference else ":"
        return f"{UPSTREAM}/{self.repository}{mark}{self.reference}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`untrusted`: repository and digest of everything that no client may get a byte of, manifests and blobs."""

    public_key: bytes
    pulls: tuple[Expected, ...]
    pulls_without_upstream: tuple[Expected, ...]
    untrusted: Mapping[tuple[str, Digest], str] = field(repr=False)  # → "manifests" or "blobs"
    untrusted_tags: tuple[tuple[str, str], ...] = ()

    @property
    def policy(self) -> dict[str, object]:
        """The policy as plain values: signed images of team/**, and nothing else."""
        return {
            "version": 1,
            "signers": {SIGNER: {"key": "team.pub", "log": "none"}},
            "images": [{"match": f"{UPSTREAM}/team/**", "require": [{"signature": SIGNER}]}],
        }


def prepare(registry: DemoRegistry) -> Scenario:
    """Fill the registry and say what must come of each pull, in this order."""
    private, public = new_key()
    names = ("signed", "unsigned", "tampered", "copied", "stable", "moved", "unlisted")
    images = {name: make_image(f"team/{name}", layer_size=_LAYER) for name in names}
    for name in ("signed", "tampered", "stable"):
        repository = f"team/{name}"
        signature = sign(images[name].digest, private=private, reference_name=f"{UPSTREAM}/{repository}")
        registry.put(repository, signature, tag=str(signature_tag(images[name].digest)))
    registry.put("team/signed", images["signed"], tag=_TAG)
    registry.put("team/unsigned", images["unsigned"], tag=_TAG)
    registry.put("team/tampered", tampered(images["tampered"]), tag=_TAG)
    registry.put("team/stable", images["stable"], tag=_TAG)
    registry.put("other/unlisted", images["unlisted"], tag=_TAG)
    # The good image's signature, laid beside an image that it was not made for.
    stolen = merge_signatures(sign(images["signed"].digest, private=private, reference_name=f"{UPSTREAM}/team/copied"))
    registry.put("team/copied", images["copied"], tag=_TAG)
    registry.put("team/copied", stolen, tag=str(signature_tag(images["copied"].digest)))
    tags = (("team/unsigned", _TAG), ("team/copied", _TAG), ("other/unlisted", _TAG))
    return Scenario(public, _pulls(images), _pulls_without_upstream(images), _untrusted(images), tags)


def _pulls(images: Mapping[str, Image]) -> tuple[Expected, ...]:
    signed, stable, moved = images["signed"].digest, images["stable"].digest, images["moved"].digest

    def move(registry: DemoRegistry) -> None:
        registry.put("team/stable", images["moved"], tag=_TAG)

    return (
        Expected("signed", "team/signed", _TAG, "served", signed),
        Expected("unsigned", "team/unsigned", _TAG, "refused", because=f"no signature by {SIGNER} (0 found)"),
        Expected(
            "layer tampered with", "team/tampered", _TAG, "refused", meaning="a layer is not what its digest says"
        ),
        Expected("signature copied", "team/copied", _TAG, "refused", because=f"no signature by {SIGNER} (1 found)"),
        Expected("not on the list", "other/unlisted", _TAG, "refused", because="no rule", asks_upstream=False),
        Expected("a tag, first pull", "team/stable", _TAG, "served", stable),
        Expected("the tag moved", "team/stable", _TAG, "served", stable, before=move),
        Expected("what it moved to", "team/stable", str(moved), "refused", because="no signature"),
        Expected("signed, warm", "team/signed", _TAG, "served", signed, asks_upstream=False),
    )


def _pulls_without_upstream(images: Mapping[str, Image]) -> tuple[Expected, ...]:
    signed, stable = images["signed"].digest, images["stable"].digest
    return (
        Expected("upstream off, signed", "team/signed", _TAG, "served", signed, asks_upstream=False),
        Expected("upstream off, tag moved", "team/stable", _TAG, "served", stable, asks_upstream=False),
        Expected("upstream off, unsigned", "team/unsigned", _TAG, "refused"),
    )


def _untrusted(images: Mapping[str, Image]) -> dict[tuple[str, Digest], str]:
    """Everything of the images that are refused; of the tampered one, the layer that is not what its digest says."""
    places = {
        "unsigned": "team/unsigned",
        "copied": "team/copied",
        "moved": "team/stable",
        "unlisted": "other/unlisted",
    }
    found = {}
    for name, repository in places.items():
        found[repository, images[name].digest] = "manifests"
        found |= dict.fromkeys(((repository, digest) for digest in images[name].blobs), "blobs")
    genuine, bad = images["tampered"].blobs, tampered(images["tampered"]).blobs
    found |= {("team/tampered", digest): "blobs" for digest in genuine if bad[digest] != genuine[digest]}
    return found
