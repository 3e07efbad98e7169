"""Method, path and query become one of five requests, or are refused. There is no write route (promise 8).

distribution-spec, "Endpoints". A name may hold slashes and is everything before the last known word of the path, so
that each path has one reading. The path is percent-decoded once; what then is not the grammar's is refused.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

from proxy.errors import NameInvalid, NameUnknown, RequestError, Unsupported
from proxy.oci.digest import Digest
from proxy.oci.reference import Reference, Repository, Tag, parse_reference

_PATH = re.compile(r"(?:[\x21-\x24\x26-\x7e]|%[0-9a-fA-F]{2})*")  # printable ASCII, and no percent sign alone
_PATH_LIMIT = 1024  # a host, a name of 255, a word and a sha512 digest, twice over
_QUERY_FIELDS = 16
_PAGE = re.compile(r"[0-9]{1,9}")
_ARTIFACT_TYPE_LIMIT = 255  # RFC 6838 4.2: two names of 127 and a slash


@dataclass(frozen=True, slots=True)
class GetManifest:
    """`name` is as the path has it, a host's alias perhaps in front; `ns` is the query's (containerd)."""

    name: str
    ns: str | None
    reference: Reference
    is_head: bool


@dataclass(frozen=True, slots=True)
class GetBlob:
    name: str
    ns: str | None
    digest: Digest
    is_head: bool


@dataclass(frozen=True, slots=True)
class ListReferrers:
    name: str
    ns: str | None
    digest: Digest
    artifact_type: str | None = None


@dataclass(frozen=True, slots=True)
class ListTags:
    """`n` is how many names at most, `last` the name after which to go on."""

    name: str
    ns: str | None
    n: int | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """`/v2/`: whether this is a registry."""


Request: TypeAlias = GetManifest | GetBlob | ListReferrers | ListTags | Ping


def parse(method: str, path: str, query: str) -> Request:
    """Return what is asked. `path` and `query` are raw: still percent-encoded, without the question mark.

    Raises Unsupported (405) for all that would write or list the catalog, NameUnknown (404) for what is no route,
    NameInvalid, DigestInvalid and RequestError (400) for what is malformed.
    """
    if method not in ("GET", "HEAD"):
        raise Unsupported("this registry can only be read; push to the upstream instead")
    segments = _segments(path)
    if not segments:
        return Ping()
    fields = _fields(query)
    name, word, last = "/".join(segments[:-2]), *segments[-2:]
    ns = _once(fields, "ns")
    _require_name(name, ns)
    match word:
        case "manifests":
            return GetManifest(name, ns, parse_reference(last), is_head=method == "HEAD")
        case "blobs":
            return GetBlob(name, ns, Digest.parse(last), is_head=method == "HEAD")
        case "referrers":
            return ListReferrers(name, ns, Digest.parse(last), _artifact_type(fields))
        case _:
            return ListTags(name, ns, _page(fields), _last(fields))


def _segments(path: str) -> list[str]:
    """Return the parts after `/v2/`, the last two of them a route's; none at all for a ping."""
    if path in ("/v2", "/v2/"):
        return []
    if not path.startswith("/v2/"):
        raise NameUnknown("there is nothing here; a registry's paths begin with /v2/")
    segments = _decoded(path).split("/")[2:]
    if segments[0] == "_catalog":
        raise Unsupported("the catalog is not served; ask for a repository's tags")
    if segments[-2:] == ["blobs", "uploads"] or segments[-3:-1] == ["blobs", "uploads"]:
        raise Unsupported("this registry can only be read; push to the upstream instead")
    if not all(segments) or {".", ".."} & set(segments):
        raise NameInvalid("the path has an empty or a dotted part; ask for /v2/<name>/manifests/<reference>")
    is_route = segments[-2:-1] in (["manifests"], ["blobs"], ["referrers"]) or segments[-2:] == ["tags", "list"]
    if not is_route or len(segments) < 3:
        raise NameUnknown("there is no such route; ask for manifests, blobs, referrers or tags/list of a repository")
    return segments


def _decoded(path: str) -> str:
    if len(path) > _PATH_LIMIT or not _PATH.fullmatch(path):
        raise NameInvalid("the path is too long or not plain ASCII")
    # An encoded slash would let two readers see two names; an encoded NUL ends a C string.
    if re.search(r"%(?:2[fF]|5[cC]|[01][0-9a-fA-F]|7[fF]|[89a-fA-F])", path):
        raise NameInvalid("the path has an encoded slash or control character")
    return unquote(path, errors="strict")


def _require_name(name: str, ns: str | None) -> None:
    # reference.py owns both grammars. A name with a host's alias in front is one as well, and has the same limit.
    Repository("unnamed" if ns is None else ns, name)


def _fields(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_QUERY_FIELDS)
    except ValueError:
        raise RequestError("the query is malformed or has too many fields") from None


def _once(fields: list[tuple[str, str]], name: str) -> str | None:
    found = [value for key, value in fields if key == name]
    if len(found) > 1:
        raise NameInvalid(f"the query says {name} more than once")
    return found[0] if found else None


def _artifact_type(fields: list[tuple[str, str]]) -> str | None:
    found = _once(fields, "artifactType")
    if not found:
        return None
    if len(found) > _ARTIFACT_TYPE_LIMIT or not (found.isascii() and found.isprintable()):
        raise RequestError("artifactType is not a media type")
    # A plus that was not encoded arrives as a space; no media type has one.
    return found.replace(" ", "+")


def _page(fields: list[tuple[str, str]]) -> int | None:
    found = _once(fields, "n")
    if found is None:
        return None
    if not _PAGE.fullmatch(found):
        raise RequestError("n is not a number of tags")
    return int(found)


def _last(fields: list[tuple[str, str]]) -> str | None:
    found = _once(fields, "last")
    return Tag(found).name if found else None
