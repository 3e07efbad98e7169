"""Entries of `trustRoots`. Law: each is of one kind, pinned to bytes that the operator saw, and has no field without effect."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from proxy.policy.rules import REFRESH, SHIPPED_ROOTS, TrustRootSpec
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import NAME, NAME_HELP
from proxy.policy.words.written import TrustRootEntry
from proxy.yamlfile import Path

_KINDS = ("file", "tuf", "certificates")
# Each other field, and the kind that it belongs to.
_BELONGS = {
    "sha256": "file",
    "root": "tuf",
    "refresh": "tuf",
    "max_age": "tuf",
    "timestamps": "certificates",
    "revocation": "certificates",
    "hosts": "certificates",
    "crls": "certificates",
}
_PATHS = ("file", "root", "certificates", "timestamps")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class RootReader:
    draft: Draft

    def root(self, path: Path, entry: TrustRootEntry) -> TrustRootSpec:
        """The root as its entry says it; what is wrong goes into the draft."""
        self._name(path)
        self._kind(path, entry)
        for word in _PATHS:
            if "-----BEGIN" in getattr(entry, word):
                self.draft.blame((*path, word), "name the file that holds it, not what is in it")
        self._file(path, entry)
        self._tuf(path, entry)
        self._store(path, entry)
        return TrustRootSpec(
            name=str(path[-1]),
            file=entry.file or None,
            sha256=entry.sha256.lower() or None,
            tuf=entry.tuf or None,
            root=entry.root or None,
            refresh=entry.refresh or REFRESH,
            max_age=entry.max_age,
            certificates=entry.certificates or None,
            timestamps=entry.timestamps or None,
            revocation=entry.revocation or "enforce",
            hosts=tuple(host.lower() for host in entry.hosts),
            crls=entry.crls,
        )

    def _name(self, path: Path) -> None:
        name = str(path[-1])
        if name in SHIPPED_ROOTS:
            self.draft.blame(
                path, "it is shipped with the program and needs no entry; remove it, or give it another name"
            )
        elif not NAME.fullmatch(name):
            self.draft.blame(path, NAME_HELP)

    def _kind(self, path: Path, entry: TrustRootEntry) -> None:
        kinds = [word for word in _KINDS if word in entry.model_fields_set]
        if not kinds and self.draft.is_whole(path):
            self.draft.blame(
                path,
                "it names no root: write `file` with `sha256`, `tuf` with `root`, or `certificates`",
            )
        if len(kinds) > 1:
            self.draft.blame(path, f"{' and '.join(f'`{kind}`' for kind in kinds)} are two roots; write an entry each")
        for word, kind in _BELONGS.items():
            if word in entry.model_fields_set and kinds and kind not in kinds:
                alias = TrustRootEntry.model_fields[word].alias or word
                self.draft.blame((*path, alias), f"`{alias}` belongs to `{kind}`; remove it")

    def _file(self, path: Path, entry: TrustRootEntry) -> None:
        if entry.file and not entry.sha256 and self.draft.is_whole((*path, "sha256")):
            self.draft.blame(path, "`sha256` is missing: the file's hash, so that nobody changes whom you trust unseen")
        if entry.sha256 and not _SHA256.fullmatch(entry.sha256):
            self.draft.blame((*path, "sha256"), "write the 64 hex digits of the file's SHA-256")

    def _tuf(self, path: Path, entry: TrustRootEntry) -> None:
        if not entry.tuf:
            return
        if not _is_url(entry.tuf):
            self.draft.blame((*path, "tuf"), "write the repository's address, such as https://tuf.corp.example")
        if not entry.root and self.draft.is_whole((*path, "root")):
            self.draft.blame(path, "`root` is missing: the file of the TUF root that you were given by hand")
        for word, span in (("refresh", entry.refresh), ("maxAge", entry.max_age)):
            if span == timedelta(0):
                self.draft.blame((*path, word), "zero is no span; write such as 24h")
        if entry.max_age and entry.max_age < (entry.refresh or REFRESH):
            self.draft.blame(
                (*path, "maxAge"),
                "shorter than `refresh`, so it would be out of use between two refreshes; lengthen it",
            )

    def _store(self, path: Path, entry: TrustRootEntry) -> None:
        for index, host in enumerate(entry.hosts):
            if not _HOST.fullmatch(host):
                self.draft.blame(
                    (*path, "hosts", index), f"{host[:60]!r} is not a host; write such as crl.corp.example"
                )
        for index, file in enumerate(entry.crls):
            if "-----BEGIN" in file or not file:
                self.draft.blame((*path, "crls", index), "name the file that holds the CRL")
        for word, given in (("hosts", entry.hosts), ("crls", entry.crls)):
            if given and entry.revocation == "skip":
                self.draft.blame((*path, word), "nothing is asked under `revocation: skip`; remove one of them")


def _is_url(text: str) -> bool:
    """https, without a user or a query; http only to this host."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    is_plain = host and text.isprintable() and " " not in text and not (parts.query or parts.fragment or parts.username)
    return bool(is_plain) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))
