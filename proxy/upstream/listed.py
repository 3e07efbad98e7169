"""The referrers that an upstream lists: by its API, and by the fallback tag where that lists nothing (evidence.md 1.6).

Nothing listed is believed, and none is only what complete answers say: a page that is missing, broken or repeats itself
is an error, never the end of the list (promise 4, T50).
"""

from contextlib import aclosing
from dataclasses import dataclass, replace

from proxy.errors import ManifestInvalid, UpstreamRefused
from proxy.oci import mediatype, referrers
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_MANIFEST
from proxy.oci.reference import EvidenceTag, Repository, Tag
from proxy.upstream.asking import Asking
from proxy.upstream.exchange.answer import Answer
from proxy.upstream.exchange.answers import ABSENT
from proxy.upstream.exchange.wire import REDIRECTS
from proxy.upstream.link import next_page

MAX_LISTED = 20_000  # twice the flood that must not matter (T50)
# These say that there is no referrers API; any other failure says nothing.
_SEE_OTHER = 303  # GHCR leads to a page for people when it is busy (demand.md 3)
_NO_API = ABSENT | {_SEE_OTHER, 400, 405, 406, 501}


@dataclass(frozen=True, slots=True)
class Listed:
    """What the API lists; `has_api`: it is there at all. Where it lists nothing the fallback tag is asked."""

    descriptors: tuple[Descriptor, ...] = ()
    has_api: bool = True


async def by_api(asking: Asking, repository: Repository, digest: Digest) -> Listed:
    """Ask the referrers API, page by page; raise an UpstreamError where it fails, or ends before its end."""
    found: dict[Digest, Descriptor] = {}
    question = asking.question("referrers", repository, f"referrers/{digest}", Accept=mediatype.OCI_INDEX)
    question = replace(question, follow=REDIRECTS - {_SEE_OTHER})
    async with aclosing(asking.pages(question)) as pages:
        async for answer in pages:
            if _is_no_listing(answer):
                if found:
                    raise _incomplete(repository, "a page of it is missing")
                return Listed(has_api=False)
            before = len(found)
            try:
                page = referrers.parse_listing(await asking.whole(answer, question, MAX_MANIFEST))
            except ManifestInvalid as error:
                raise _incomplete(repository, error.message) from error
            found |= {each.digest: each for each in page if each.digest not in found}
            if len(found) > MAX_LISTED:
                raise _incomplete(repository, f"it is longer than {MAX_LISTED} entries")
            if len(found) == before and next_page(answer.headers.getall("Link", [])):
                raise _incomplete(repository, "its pages bring nothing new")
    return Listed(referrers.merge(found.values()))


def by_tag(raw: bytes, *, tagged: Digest, subject: Digest) -> tuple[Descriptor, ...]:
    """Return what the fallback tag's document lists; () for what is no listing (attacks, collisions)."""
    if tagged == subject:
        return ()  # GHCR and GitLab answer the image itself where the tag is missing
    try:
        return referrers.merge(referrers.parse_listing(raw))
    except ManifestInvalid:
        return ()


def fallback_tag(subject: Digest) -> Tag:
    return EvidenceTag(subject, "").tag


def _is_no_listing(answer: Answer) -> bool:
    is_index = mediatype.bare(answer.headers.get("Content-Type", "")) == mediatype.OCI_INDEX
    return answer.status in _NO_API or (answer.status == 200 and not is_index)


def _incomplete(repository: Repository, why: str) -> UpstreamRefused:
    return UpstreamRefused(f"the listing of referrers in {repository} is not complete: {why}")
