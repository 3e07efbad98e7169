"""Which digest a tag has. Law: a tag is answered with its pin; the lock file wins over the state; a lost pin is not trusted anew.

`pipeline.pins` remembers; here it is decided, and the lock file is read and written. The lock file:

    version: 1
    pins:
      nvcr.io/nvidia/pytorch:
        24.10-py3: sha256:…
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import yaml

from proxy.errors import ConfigError, DigestInvalid, NameInvalid, PinMismatch, PratiqueError
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.policy.rules import Rule
from proxy.policy.words.entries import not_a_digest
from proxy.settings import spell
from proxy.yamlfile import Document, Path, parse

Lock: TypeAlias = Mapping[tuple[Repository, str], Digest]

_HEADER = "# Tags and their digests. An entry wins over every remembered pin; review changes like code.\n"


@dataclass(frozen=True, slots=True)
class AskUpstream:
    """The upstream says which digest the tag has. `but_keep` is answered still where what it says is not admitted."""

    but_keep: Digest | None = None


def choose(
    rule: Rule, *, pin: Digest | None, locked: Digest | None, age: timedelta | None, is_distrusted: bool
) -> Digest | AskUpstream:
    """The digest of a tag, or that the upstream must be asked for it.

    `pin` is the remembered digest and `age` how long ago the upstream last confirmed it; `locked` is the lock file's.
    `is_distrusted`: the state was lost and nothing else remembers the pins. Raise PinMismatch where none may be trusted.
    """
    if locked is not None:
        return locked
    if rule.pinning == "locked":
        raise PinMismatch(
            "the rule serves only what the lock file names, and this tag is not there; add it with a reviewed digest"
        )
    if rule.pinning == "follow":
        is_fresh = age is not None and timedelta(0) <= age < rule.ttl
        return pin if pin is not None and is_fresh else AskUpstream(but_keep=pin)
    if pin is not None:
        return pin
    if is_distrusted:
        raise PinMismatch("its pin was lost; look at it, then run `pratique pin confirm`")
    return AskUpstream()


def parse_lock(text: str, *, file: str) -> Lock:
    """Read the lock file; raise ConfigError with every problem, each with file and line. An empty file locks nothing."""
    reader = _LockReader(parse(text, file=file))
    lock = dict(reader.entries())
    if reader.problems:
        raise ConfigError(reader.problems[0], problems=reader.problems)
    return lock


def render_lock(lock: Lock) -> str:
    """The lock file's text: sorted, so that equal pins give equal bytes."""
    pins: dict[str, dict[str, str]] = {}
    for (repository, tag), digest in sorted(lock.items(), key=lambda entry: (str(entry[0][0]), entry[0][1])):
        pins.setdefault(str(repository), {})[tag] = str(digest)
    body: dict[str, Any] = {"version": 1} | ({"pins": pins} if pins else {})
    return _HEADER + yaml.safe_dump(body, sort_keys=False, default_flow_style=False, width=1000)


@dataclass(slots=True)
class _LockReader:
    document: Document
    problems: list[str] = field(default_factory=list)

    def entries(self) -> Iterator[tuple[tuple[Repository, str], Digest]]:
        values = self.document.values
        if values is None:
            return
        if not isinstance(values, dict) or type(values.get("version")) is not int or values["version"] != 1:
            self._problem(("version",), "write `version: 1`, and under `pins` each repository with its tags")
            return
        for name in sorted(values.keys() - {"version", "pins"}):
            self._problem((name,), "no such field; a lock file has version and pins")
        pins = values.get("pins", {})
        for name, tags in pins.items() if isinstance(pins, dict) else [("", None)]:
            yield from self._repository(("pins", name) if name else ("pins",), name, tags)

    def _repository(self, path: Path, name: str, tags: Any) -> Iterator[tuple[tuple[Repository, str], Digest]]:
        try:
            repository = _parse_repository(name)
        except PratiqueError as error:
            self._problem(path, error.message)
            return
        if not isinstance(tags, dict) or not tags:
            self._problem(path, "write its tags under it, each with a digest, or remove it")
            return
        for tag, digest in tags.items():
            try:
                yield (repository, Tag(tag).name), Digest.parse(str(digest))
            except DigestInvalid:
                self._problem((*path, tag), not_a_digest(str(digest)))
            except NameInvalid as error:
                self._problem((*path, tag), error.message)

    def _problem(self, path: Path, text: str) -> None:
        self.problems.append(f"{self.document.where(path)}: {spell(path)}: {text}")


def _parse_repository(name: str) -> Repository:
    upstream, _, rest = name.partition("/")
    if upstream == "docker.io" and rest and "/" not in rest:
        raise ConfigError(f"{name!r} is docker.io/library/{rest}; write that")
    if not rest:
        raise ConfigError(f"{name!r} is not a repository; write host/name, such as docker.io/library/busybox")
    return Repository(upstream, rest)
