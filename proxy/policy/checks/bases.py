"""Base images. Law: a base counts when its layers are the first of the image's own and it is admitted; names only suggest it.

Whoever names a base may name any; so it is proved by `diff_ids`, the hashes of unpacked layers that a config lists
(image-spec config.md), which the image's own proved config repeats. The longest such prefix is the base.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from proxy import facts
from proxy.errors import ManifestInvalid, RequestError
from proxy.oci.digest import Digest
from proxy.oci.reference import ImageName
from proxy.oci.strictjson import as_object, parse
from proxy.policy.checks.children import with_children
from proxy.policy.checks.details import shown
from proxy.policy.checks.proofs import Answer, Footing, Proofs, Wanted
from proxy.policy.decision import Check, Decision

NAME = "base"  # what `waive` calls it
_CANDIDATES = 8
# image-spec annotations.md: unsigned themselves, but part of the manifest that is proved.
_NAME, _DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A candidate, as `name@digest`: the `diff_ids` of its config and its Decision, or the `fault` why they are not known.

    `is_out_of_reach`: it may be known later, so that nothing is inferred from it.
    """

    reference: str
    digest: Digest | None
    diff_ids: tuple[str, ...]
    decision: Decision | None
    fault: str | None = None
    is_out_of_reach: bool = False


@dataclass(frozen=True, slots=True)
class BaseAnswer:
    """The Answer, and the bases that were proved and admitted."""

    answer: Answer
    proved: tuple[str, ...] = ()


def base_answer(proofs: Proofs, bases: tuple[BaseImage, ...] | None) -> BaseAnswer:
    """Whether the image stands on an admitted base; of an Index, whether a child does."""
    if proofs.manifest.is_index:
        return BaseAnswer(with_children(None, proofs, name=NAME, word="base"))
    if proofs.wants_config:
        return BaseAnswer(_open("the image's config was not read yet", Wanted("config")))
    own = diff_ids_of(proofs.config_raw or b"")
    if not own:
        return BaseAnswer(_failed("the image's config lists no layers, so that no base can be proved"))
    if bases is None:
        return BaseAnswer(_asked(proofs))
    checks = tuple(_check(each, own) for each in bases)
    proved = [each for each in bases if _is_prefix(each.diff_ids, own)]
    longest = max((len(each.diff_ids) for each in proved), default=0)
    standing = [each for each in proved if len(each.diff_ids) == longest and _is_admitted(each)]
    if not standing:
        return BaseAnswer(_refused(bases, checks, longest))
    base = min(standing, key=lambda each: each.reference)
    assert base.decision is not None, "it is admitted"
    # Its evidence and signers are the base's own affair; what it rests on ends this Decision too.
    footing = Footing(until=base.decision.expires_at, rests_on=base.decision.rests_on, warnings=base.decision.warnings)
    check = Check(NAME, "base", passed=True, summary=f"base {shown(base.reference)}", checks=checks)
    return BaseAnswer(Answer(check, footing), (base.reference,))


def candidates(proofs: Proofs) -> tuple[str, ...]:
    """What may be its base, as `name@digest`: by its annotations and the materials of its proved provenance."""
    told = (*_annotated(proofs.manifest.annotations), *_materials(proofs))
    return tuple(dict.fromkeys(told))[:_CANDIDATES]


def _asked(proofs: Proofs) -> Answer:
    if not proofs.gathered:
        return _open("signatures were not looked for yet; proved provenance may name the base", Wanted("signatures"))
    names = candidates(proofs)
    if names:
        return _open("the base image was not looked at yet", Wanted("bases", names))
    summary = "neither proved provenance nor annotations name a base image by its digest"
    return proofs.unproved(name=NAME, word="base", summary=summary)


def _refused(bases: Sequence[BaseImage], checks: tuple[Check, ...], longest: int) -> Answer:
    told = [check for check, each in zip(checks, bases, strict=True) if not longest or len(each.diff_ids) == longest]
    summary = min((check.summary for check in told if not check.passed), default="no base image is named")
    is_open = any(check.is_open for check in checks)
    return Answer(Check(NAME, "base", passed=False, summary=summary, is_open=is_open, checks=checks))


def _check(base: BaseImage, own: Sequence[str]) -> Check:
    """What is to be said of one candidate."""
    name, passed, is_open = shown(base.reference), False, False
    if base.fault is not None or base.decision is None:
        is_open = base.is_out_of_reach
        summary = f"base {name} could not be looked at: {shown(base.fault or 'it was not judged')}"
    elif not _is_prefix(base.diff_ids, own):
        summary = f"base {name} is none: its layers are not the first of the image's own"
    else:
        passed, is_open = _is_admitted(base), not base.decision.is_conclusive
        summary = f"base {name}: {base.decision.summary}"
    return Check(name, "base", passed=passed, summary=summary, is_open=is_open)


def _is_prefix(base: Sequence[str], own: Sequence[str]) -> bool:
    """A proper one: an image is not its own base, and nothing is the base of everything."""
    return 0 < len(base) < len(own) and tuple(own[: len(base)]) == tuple(base)


def _is_admitted(base: BaseImage) -> bool:
    """What `warn` serves was not proved."""
    return base.fault is None and base.decision is not None and base.decision.is_allow and not base.decision.is_warned


def diff_ids_of(config_raw: bytes) -> tuple[str, ...]:
    """What an image config lists; nothing where it is none, or could be read in two ways."""
    try:
        document = as_object(parse(config_raw, what="image config"), what="image config", names={"rootfs"})
        # Clients that read `Diff_IDs` as well would unpack other layers than those that are compared here.
        listed = as_object(document["rootfs"], what="rootfs of the image config", names={"diff_ids"})["diff_ids"]
        return tuple(str(Digest.parse(each)) for each in listed)
    except (ManifestInvalid, RequestError, KeyError, TypeError, AttributeError):
        return ()


def _annotated(annotations: Mapping[str, str]) -> Iterator[str]:
    yield from _named(annotations.get(_NAME, ""), annotations.get(_DIGEST, ""))


def _materials(proofs: Proofs) -> Iterator[str]:
    for each in proofs.heard("any"):
        if each.kind == "attestation" and each.predicate_type in facts.ALIASES["slsa-provenance"]:
            yield from _materials_of(each.predicate_type, each.predicate)


def _materials_of(predicate_type: str, predicate: Any) -> Iterator[str]:
    try:
        materials = facts.read(predicate_type, predicate).values["materials"]
    except facts.Unreadable:
        return
    for material in materials:
        yield from _named(*_image_of(material["uri"], material["digest"].get("sha256", "")))


def _image_of(uri: str, sha256: str) -> tuple[str, str]:
    """The name and digest of a material: `pkg:docker/…`, as BuildKit writes it, `pkg:oci/…`, `docker://` or `oci://`."""
    whole, _, query = uri.partition("#")[0].partition("?")
    given = {name: values[0] for name, values in parse_qs(query).items()}
    digest = f"sha256:{sha256}" if sha256 else given.get("digest", "")
    if whole.startswith("pkg:docker/"):
        # The version is a tag, which proves nothing and may stand as `@sha256:…` too.
        return unquote(whole.removeprefix("pkg:docker/").partition("@")[0]), digest
    if whole.startswith("pkg:oci/"):
        version = unquote(whole.rpartition("@")[2])
        return given.get("repository_url", ""), digest or version
    for scheme in ("docker://", "oci://"):
        if whole.startswith(scheme):
            return whole.removeprefix(scheme).partition("@")[0], digest
    return "", ""


def _named(name: str, digest: str) -> Iterator[str]:
    if not name or not digest:
        return
    try:
        repository = ImageName.parse(name.partition("@")[0]).repository
        yield f"{repository}@{Digest.parse(digest)}"
    except RequestError:
        return


def _open(summary: str, wants: Wanted) -> Answer:
    return Answer(Check(NAME, "base", passed=False, summary=summary, is_open=True), wants=wants)


def _failed(summary: str) -> Answer:
    return Answer(Check(NAME, "base", passed=False, summary=summary))
