"""Repository, Tag, Reference (distribution-spec, "Pulling manifests"). A name is validated once, here."""

import re
from dataclasses import dataclass
from typing import Self, TypeAlias

from proxy.errors import NameInvalid
from proxy.oci.digest import Digest

# distribution-spec v1.1, <name> and <reference>.
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_HOST = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](?::[0-9]{1,5})?")
_NAME_LIMIT = 255  # distribution-spec: many clients limit <hostname>/<name> to 255 characters
_EVIDENCE = re.compile(r"(sha256)-([0-9a-f]{64})(\.sig|\.att|\.sbom)?")


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """(upstream, name): the one canonical key. `upstream` is the host that images name, such as `nvcr.io`."""

    upstream: str
    name: str

    def __post_init__(self) -> None:
        if len(self.name) > _NAME_LIMIT or not _NAME.fullmatch(self.name):
            raise NameInvalid(f"{self.name[:80]!r} is not a repository name")
        if not _HOST.fullmatch(self.upstream):
            raise NameInvalid(f"{self.upstream[:80]!r} is not a registry host")

    def __str__(self) -> str:
        return f"{self.upstream}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    name: str

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.name):
            raise NameInvalid(f"{self.name[:80]!r} is not a tag")

    def __str__(self) -> str:
        return self.name


Reference: TypeAlias = Tag | Digest


@dataclass(frozen=True, slots=True)
class EvidenceTag:
    """`sha256-<hex>[.sig|.att|.sbom]`: leads to evidence of a subject and nowhere else; no suffix is the fallback tag."""

    subject: Digest
    suffix: str

    @classmethod
    def parse(cls, tag: Tag) -> Self | None:
        """Return None where the tag is an ordinary one. A cut sha512 name does not tell its subject: ordinary."""
        found = _EVIDENCE.fullmatch(tag.name)
        if not found:
            return None
        return cls(Digest(found[1], found[2]), found[3] or "")

    @property
    def tag(self) -> Tag:
        # distribution-spec, referrers tag schema: the encoded part is cut to 64 characters.
        return Tag(f"{self.subject.algorithm}-{self.subject.hex[:64]}{self.suffix}")


def parse_reference(text: str) -> Reference:
    """A digest where there is a colon, else a tag; raises DigestInvalid or NameInvalid."""
    return Digest.parse(text) if ":" in text else Tag(text)


@dataclass(frozen=True, slots=True)
class ImageName:
    """`host/name[:tag][@digest]` as a person writes it. With a digest the tag is dropped, as containerd does."""

    repository: Repository
    reference: Reference

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise NameInvalid or DigestInvalid. A first component without dot, colon or `localhost` means docker.io."""
        rest, _, digest = text.partition("@")
        tag = ""
        head, slash, last = rest.rpartition("/")
        if ":" in last:
            last, _, tag = last.partition(":")
        rest = head + slash + last
        first, slash, tail = rest.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        host, name = (first, tail) if is_host else ("docker.io", rest)
        if host == "docker.io" and "/" not in name:
            name = f"library/{name}"
        reference: Reference = Digest.parse(digest) if digest else Tag(tag or "latest")
        return cls(Repository(host, name), reference)

    def __str__(self) -> str:
        mark = "@" if isinstance(self.reference, Digest) else ":"
        return f"{self.repository}{mark}{self.reference}"
