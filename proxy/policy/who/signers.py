"""Entries of `signers`. Law: each is one voice that nobody else can have, and has no field without effect (T27)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from proxy.policy.rules import SHIPPED_ROOTS, SignerSpec, TrustRootSpec
from proxy.policy.who.identities import (
    GITHUB_ISSUER,
    alternative_name,
    distinguished_name,
    extensions_of,
    identity,
    pattern_of,
    require_issuer,
)
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import NAME, NAME_HELP, listed, unknown
from proxy.policy.words.written import SignerEntry
from proxy.yamlfile import Path

_SIGSTORE = "sigstore"
_KINDS = ("key", "preset", "issuer", "github", "x509")
# Each other field, and the kinds that it belongs to.
_BELONGS = {
    "parameters": ("preset",),
    "log": ("key", "x509"),
    "timestamp": ("key", "x509"),
    "hash": ("key",),
    "valid_from": ("key",),
    "valid_until": ("key",),
    "trust_root": ("key", "issuer", "github", "x509"),
    "subject": ("issuer", "x509"),
    "subject_regex": ("issuer",),
    "extensions": ("issuer", "github"),
    "workflow": ("github",),
    "ref": ("github",),
    "san": ("x509",),
}
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._*-]{1,100}")
_WORKFLOW = re.compile(r"[A-Za-z0-9._*-]{1,200}\.ya?ml")
_REF = re.compile(r"refs/[^\s\x00-\x1f\x7f]{1,500}")
_WORKFLOW_HELP = "write the file's name under .github/workflows, such as release.yml"


@dataclass(frozen=True, slots=True)
class SignerReader:
    """`roots` are the trust roots that could be read, `names` all that the file gives one; None where not known."""

    draft: Draft
    now: datetime
    roots: Mapping[str, TrustRootSpec]
    names: frozenset[str] | None

    def signer(self, path: Path, entry: SignerEntry) -> SignerSpec:
        """The signer as its entry says it; what is wrong goes into the draft."""
        if not NAME.fullmatch(str(path[-1])):
            self.draft.blame(path, NAME_HELP)
        kind = self._kind(path, entry)
        self._belongings(path, entry)
        if kind == "key":
            return self._key(path, entry)
        if kind == "preset":
            return SignerSpec(str(path[-1]), preset=entry.preset, parameters=entry.parameters)
        if kind == "issuer":
            return self._keyless(path, entry)
        if kind == "github":
            return self._github(path, entry)
        if kind == "x509":
            return self._x509(path, entry)
        return SignerSpec(str(path[-1]))

    def _kind(self, path: Path, entry: SignerEntry) -> str | None:
        kinds = [kind for kind in _KINDS if kind in entry.model_fields_set]
        if not kinds and self.draft.is_whole(path):
            self.draft.blame(
                path,
                "it names nobody: write `key` with `log`, `preset`, `issuer` with `subject`, `github` with `workflow`, or `x509`",
            )
        if len(kinds) > 1:
            self.draft.blame(
                path, f"{' and '.join(f'`{kind}`' for kind in kinds)} are two signers; write an entry for each"
            )
        return kinds[0] if len(kinds) == 1 else None

    def _belongings(self, path: Path, entry: SignerEntry) -> None:
        kinds = [kind for kind in _KINDS if kind in entry.model_fields_set]
        for word, owners in _BELONGS.items():
            if word in entry.model_fields_set and kinds and not set(owners) & set(kinds):
                alias = SignerEntry.model_fields[word].alias or word
                text = f"`{alias}` belongs to {listed(f'`{owner}`' for owner in owners)}; remove it"
                if kinds == ["preset"]:
                    text = f"a preset brings its own `{alias}`; remove one of them"
                self.draft.blame((*path, alias), text)

    def _key(self, path: Path, entry: SignerEntry) -> SignerSpec:
        if "-----BEGIN" in entry.key:
            self.draft.blame((*path, "key"), "name the file that holds the key, not the key itself")
        if entry.log is None and self.draft.is_whole((*path, "log")):
            self.draft.blame(
                path,
                "say `log: none`, or `log: required` with `trustRoot`: whether it counts without a transparency log",
            )
        needs_root = entry.log == "required" or entry.timestamp is not None
        if needs_root and not entry.trust_root and self.draft.is_whole((*path, "trustRoot")):
            what = "log" if entry.log == "required" else "timestamp"
            self.draft.blame(
                (*path, what),
                "`trustRoot` is missing: say whose, such as `trustRoot: sigstore`",
            )
        if entry.trust_root and entry.log is not None and not needs_root:
            self.draft.blame(
                (*path, "trustRoot"),
                "nothing is looked up in it; write `log: required` or `timestamp: required`, or remove it",
            )
        self._window(path, entry)
        return SignerSpec(
            str(path[-1]),
            key=entry.key,
            hash=entry.hash,
            valid_from=entry.valid_from,
            valid_until=entry.valid_until,
            log=entry.log,
            timestamp=entry.timestamp is not None,
            trust_root=self._root(path, entry.trust_root),
        )

    def _window(self, path: Path, entry: SignerEntry) -> None:
        if entry.valid_until is None:
            return
        if entry.valid_from is not None and entry.valid_from >= entry.valid_until:
            self.draft.blame((*path, "validUntil"), "the window ends before it begins; correct validFrom or validUntil")
        elif entry.valid_until <= self.now and entry.log == "none" and entry.timestamp is None:
            self.draft.warn(
                (*path, "validUntil"), f"past since {entry.valid_until:%Y-%m-%d}; this signer proves nothing"
            )

    def _keyless(self, path: Path, entry: SignerEntry) -> SignerSpec:
        require_issuer(self.draft, path, entry.issuer)
        return SignerSpec(
            str(path[-1]),
            issuer=entry.issuer,
            subject=identity(self.draft, path, issuer=entry.issuer, subject=entry.subject, regex=entry.subject_regex),
            extensions=extensions_of(self.draft, (*path, "extensions"), entry.extensions),
            trust_root=self._root(path, entry.trust_root) or _SIGSTORE,
        )

    def _github(self, path: Path, entry: SignerEntry) -> SignerSpec:
        if not entry.workflow and self.draft.is_whole((*path, "workflow")):
            self.draft.blame(path, f"`workflow` is missing; {_WORKFLOW_HELP}")
        for word, text, grammar, remedy in (
            ("github", entry.github, _REPOSITORY, "write owner/repository, such as acme/ml"),
            ("workflow", entry.workflow, _WORKFLOW, _WORKFLOW_HELP),
            ("ref", entry.ref, _REF, f"write it whole, such as refs/tags/{entry.ref}"),
        ):
            if text and not grammar.fullmatch(text):
                self.draft.blame((*path, word), f"{text[:80]!r} is not one; {remedy}")
        subject = f"https://github.com/{entry.github}/.github/workflows/{entry.workflow}@{entry.ref or 'refs/**'}"
        return SignerSpec(
            str(path[-1]),
            issuer=GITHUB_ISSUER,
            subject=pattern_of(self.draft, (*path, "ref"), subject),
            extensions=extensions_of(self.draft, (*path, "extensions"), entry.extensions),
            trust_root=self._root(path, entry.trust_root) or _SIGSTORE,
        )

    def _x509(self, path: Path, entry: SignerEntry) -> SignerSpec:
        store = self.roots.get(entry.x509)
        if entry.x509 in SHIPPED_ROOTS or (store is not None and not store.is_store):
            self.draft.blame((*path, "x509"), f"{entry.x509!r} is a Sigstore root; name one with `certificates`")
        elif self.names is not None and entry.x509 not in self.names:
            text = unknown(entry.x509, self.names, "trust root", "add it under trustRoots, with `certificates`")
            self.draft.blame((*path, "x509"), text)
        if not (entry.subject or entry.san) and self.draft.is_whole(path):
            self.draft.blame(path, "write `subject` or `san`: without them every certificate of the store could sign")
        self._x509_times(path, entry, store)
        return SignerSpec(
            str(path[-1]),
            log=entry.log,
            timestamp=entry.timestamp is not None,
            trust_root=self._root(path, entry.trust_root),
            x509=entry.x509,
            x509_subject=distinguished_name(self.draft, (*path, "subject"), entry.subject),
            san=alternative_name(self.draft, (*path, "san"), entry.san),
        )

    def _x509_times(self, path: Path, entry: SignerEntry, store: TrustRootSpec | None) -> None:
        """A log is that of a Sigstore root, a timestamp the store's own."""
        if entry.log == "required" and not entry.trust_root and self.draft.is_whole((*path, "trustRoot")):
            self.draft.blame((*path, "log"), "`trustRoot` is missing: say whose log, such as `trustRoot: sigstore`")
        if entry.trust_root and entry.log != "required" and self.draft.is_whole((*path, "log")):
            self.draft.blame(
                (*path, "trustRoot"), "nothing is looked up in it; write `log: required` beside it, or remove it"
            )
        if entry.timestamp is not None and store is not None and store.is_store and store.timestamps is None:
            text = f"trust store {store.name} has no `timestamps`, so that none could be proved; add them there"
            self.draft.blame((*path, "timestamp"), text)

    def _root(self, path: Path, name: str) -> str | None:
        """The Sigstore root of that name; blame what is none."""
        if not name:
            return None
        found = self.roots.get(name)
        if found is not None and found.is_store:
            self.draft.blame((*path, "trustRoot"), f"{name!r} holds certificates; write `x509: {name}` for its signers")
        elif self.names is not None and name not in self.names | SHIPPED_ROOTS:
            text = unknown(name, self.names | SHIPPED_ROOTS, "trust root", "add it under trustRoots")
            self.draft.blame((*path, "trustRoot"), text)
        return name
