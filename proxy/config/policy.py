"""policy.yaml, the keys it names and the lock file → LoadedPolicy, or every problem at once.

`policy` and `trust` are strangers: here a signer's word meets its key. Reads files; opens no socket.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from proxy.config.layout import Config
from proxy.config.signers import plan_of, root_of, signer_source, store_source, trust_root
from proxy.config.snapshot import Snapshot
from proxy.config.text import as_one, read_text
from proxy.errors import ConfigError
from proxy.policy.pins import Lock, parse_lock
from proxy.policy.words.document import Policy, SignerSpec, parse_policy
from proxy.trust.keeper import build
from proxy.trust.presets import PRESETS
from proxy.trust.reading import Reader
from proxy.trust.settings import HeldRoot, Plan, SignerSource, StoreSource
from proxy.trust.sources import revoked_keys
from proxy.verify.material import RevokedIdentity, TrustMaterial, TrustRoot
from proxy.yamlfile import Document, parse
from proxy.yamlfile import Path as YamlPath

# Fields of a trust root that name a file, and what that is.
_ROOT_FILES = {
    "file": "trusted root",
    "root": "root of trust",
    "certificates": "certificate file",
    "timestamps": "certificate file",
    "crls": "CRL",
}
# Presets by a bare key: nothing proves when they signed (evidence.md 4).
TIMELESS = frozenset(name for name, preset in PRESETS.items() if preset.is_key)


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """What to judge by: the policy, whom it believes, and the pins it fixes. `warnings` are whole sentences.

    `snapshot` is all that it was made of: from it the same can be made again anywhere, without a disk. `plans` are for
    the trust roots that TUF refreshes.
    """

    policy: Policy
    material: TrustMaterial
    lock: Lock
    warnings: tuple[str, ...] = ()
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(""), repr=False)
    plans: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """Where the policy and the lock are, and which upstreams there are to pull from; None where that is not known."""

    policy: Path
    lock: Path
    upstreams: frozenset[str] | None = None


def load_policy(config: Config, *, now: datetime, held: Mapping[str, HeldRoot] | None = None) -> LoadedPolicy:
    """Read the files afresh; `now` is aware UTC, `held` are trust roots that were refreshed.

    Raise ConfigError whose `problems` are all that is wrong in them.
    """
    return load_files(PolicyFiles(config.policy, config.lock, frozenset(config.upstreams)), now=now, held=held)


def load_files(files: PolicyFiles, *, now: datetime, held: Mapping[str, HeldRoot] | None = None) -> LoadedPolicy:
    """Read as load_policy does, for a configuration that may itself be wrong elsewhere."""
    problems: list[str] = []
    lock: Lock = {}
    try:
        lock = _read_lock(files.lock)
    except ConfigError as error:
        problems += error.problems
    try:
        text = read_text(files.policy)
    except ConfigError as error:
        problems += error.problems
        raise as_one(problems) from error
    reader = Reader(files.policy.parent)
    loading = _Loading(text, str(files.policy), reader, held or {}, now, problems)
    policy, material = loading.load()
    warnings = (*policy.warnings, *_doubts(policy, material, loading.document, files))
    snapshot = Snapshot(text, dict(reader.seen), loading.used, now)
    return LoadedPolicy(policy, material, lock, warnings, snapshot, tuple(loading.plans))


def load_snapshot(snapshot: Snapshot, *, lock: Lock | None = None) -> LoadedPolicy:
    """Make the same again of what was kept, without a disk; raise ConfigError where it is not whole."""
    reader = Reader(Path(), kept=snapshot.files)
    loading = _Loading(snapshot.text, "policy.yaml", reader, snapshot.roots, snapshot.at, [])
    policy, material = loading.load()
    return LoadedPolicy(policy, material, lock or {}, snapshot=snapshot, plans=tuple(loading.plans))


def renewed(loaded: LoadedPolicy, *, now: datetime, held: Mapping[str, HeldRoot]) -> LoadedPolicy:
    """The same policy with the trust roots that are held now: no file is read, so that no edit takes effect by the way.

    Raise ConfigError; then `loaded` stays.
    """
    snapshot = loaded.snapshot
    loading = _Loading(snapshot.text, "policy.yaml", Reader(Path(), kept=snapshot.files), held, now, [])
    policy, material = loading.load()
    fresh = Snapshot(snapshot.text, snapshot.files, loading.used, now)
    return replace(loaded, policy=policy, material=material, snapshot=fresh, plans=tuple(loading.plans))


def rebuild(snapshot: Snapshot) -> tuple[Policy, TrustMaterial]:
    """What a worker judges by: made again of the same bytes."""
    loaded = load_snapshot(snapshot)
    return loaded.policy, loaded.material


@dataclass(slots=True)
class _Loading:
    """One policy text on its way to a Policy and its TrustMaterial; every problem goes into `problems`."""

    text: str
    file: str
    reader: Reader
    held: Mapping[str, HeldRoot]
    now: datetime
    problems: list[str]
    document: Document = field(init=False)
    used: dict[str, HeldRoot] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)

    def load(self) -> tuple[Policy, TrustMaterial]:
        policy = self._policy()
        # A policy that was not understood still names files: those are looked at as written.
        specs = list(policy.signers.values()) if policy else list(_written_signers(self.document))
        unread = self._unread_roots()
        sources = list(self._sources(specs))
        revoked = self._revoked(policy.revoked_keys if policy else _written_revoked(self.document))
        roots, stale = self._roots(policy, specs, unread)
        stores = list(self._stores(policy, unread))
        if self.problems or policy is None:
            raise as_one(self.problems)
        identities = [RevokedIdentity(issuer, subject, reason) for issuer, subject, reason in policy.revoked_identities]
        material = build(
            sources, revoked=revoked, roots=roots, stores=stores, revoked_identities=identities, stale=stale
        )
        return policy, material

    def _policy(self) -> Policy | None:
        try:
            self.document = parse(self.text, file=self.file)
        except ConfigError as error:
            self.problems += error.problems
            raise as_one(self.problems) from error
        try:
            return parse_policy(self.text, file=self.file, now=self.now, timeless=TIMELESS)
        except ConfigError as error:
            self.problems += error.problems
            return None

    def _unread_roots(self) -> frozenset[str]:
        """The trust roots of which a file cannot be read; each such file is told at its own line."""
        unread = set()
        for name, place, file, what in _written_files(self.document):
            try:
                self.reader.read(file, what=what)
            except ConfigError as error:
                field = str(place[0]) + "".join(f"[{each}]" for each in place[1:])
                self._blame(("trustRoots", name, *place), error, place=f"trustRoots.{name}.{field}: ")
                unread.add(name)
        return frozenset(unread)

    def _sources(self, specs: list[SignerSpec]) -> Iterator[SignerSource]:
        """Yield those that can be loaded; say the line of each that cannot."""
        for spec in specs:
            try:
                source = signer_source(spec, self.reader)
                build([source], revoked={})
            except ConfigError as error:
                # What is wrong with a key's file names its field itself.
                place = f"signers.{spec.name}.preset: " if spec.preset else ""
                self._blame(("signers", spec.name, "preset" if spec.preset else "key"), error, place=place)
            else:
                yield source

    def _roots(
        self, policy: Policy | None, specs: list[SignerSpec], unread: frozenset[str]
    ) -> tuple[dict[str, TrustRoot], dict[str, str]]:
        roots: dict[str, TrustRoot] = {}
        stale: dict[str, str] = {}
        named = policy.trust_roots if policy else {}
        wanted = {name for name, spec in named.items() if not spec.certificates}
        stores = named.keys() - wanted
        needed = {name for spec in specs if (name := _root_of(spec))}
        for name in sorted((wanted | needed) - stores - unread):
            try:
                found = trust_root(name, named.get(name), self.reader, self.held, self.now)
                plan = plan_of(name, named.get(name), self.reader)
            except ConfigError as error:
                self._blame(("trustRoots", name), error)
                continue
            if plan is not None:
                self.plans.append(plan)
            if found.held is not None:
                self.used[name] = found.held
            if found.root is not None:
                roots[name] = found.root
            else:
                stale[name] = found.why
        return roots, stale

    def _stores(self, policy: Policy | None, unread: frozenset[str]) -> Iterator[StoreSource]:
        for name, spec in (policy.trust_roots if policy else {}).items():
            if not spec.certificates or name in unread:
                continue
            try:
                source = store_source(spec, self.reader)
                build([], revoked={}, stores=[source])
            except ConfigError as error:
                self._blame(("trustRoots", name), error)
            else:
                yield source

    def _revoked(self, entries: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for entry in entries:
            try:
                for spki, reason in revoked_keys([entry], reader=self.reader).items():
                    found.setdefault(spki, reason)
            except ConfigError as error:
                self._blame(("revoked", _index(self.document.values, entry[0]), "key"), error)
        return found

    def _blame(self, path: YamlPath, error: ConfigError, *, place: str = "") -> None:
        at = self.document.where(path)
        self.problems += [f"{at}: {place}{text}" for text in error.problems]


def _root_of(spec: SignerSpec) -> str | None:
    try:
        return root_of(spec)
    except ConfigError:  # an unknown preset was told where its signer was read
        return None


def _read_lock(file: Path) -> Lock:
    if not file.exists() and not file.is_symlink():
        return {}
    return parse_lock(read_text(file), file=str(file))


def _written_signers(document: Document) -> Iterator[SignerSpec]:
    written = document.values.get("signers") if isinstance(document.values, dict) else None
    for name, entry in written.items() if isinstance(written, dict) else ():
        key, preset_name = (entry.get("key"), entry.get("preset")) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and key and "-----BEGIN" not in key and preset_name is None:
            yield SignerSpec(name, key=key)
        elif isinstance(preset_name, str) and preset_name and key is None:
            yield SignerSpec(name, preset=preset_name)


def _written_revoked(document: Document) -> Iterator[tuple[str, str]]:
    written = document.values.get("revoked") if isinstance(document.values, dict) else None
    for entry in written if isinstance(written, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("key"), str) and entry["key"]:
            yield entry["key"], str(entry.get("reason") or "")


def _written_files(document: Document) -> Iterator[tuple[str, tuple[str | int, ...], str, str]]:
    """Of each trust root: its name, where in its entry a file is named, the file, and what it is."""
    written = document.values.get("trustRoots") if isinstance(document.values, dict) else None
    for name, entry in written.items() if isinstance(written, dict) else ():
        for word, what in _ROOT_FILES.items() if isinstance(entry, dict) else ():
            named = entry.get(word)
            places = enumerate(named) if isinstance(named, list) and word == "crls" else [(None, named)]
            for index, file in places:
                if isinstance(file, str) and file:
                    yield str(name), (word,) if index is None else (word, index), file, what


def _index(values: Any, key: str) -> int:
    keys = [entry.get("key") if isinstance(entry, dict) else None for entry in values["revoked"]]
    return keys.index(key) if key in keys else 0


def _doubts(policy: Policy, material: TrustMaterial, document: Document, files: PolicyFiles) -> Iterator[str]:
    for name in sorted(policy.signers.keys() - material.signers.keys()):
        yield f"{document.where(('signers', name))}: signers.{name}: its key is revoked; it proves nothing"
    for index, entry in enumerate((document.values or {}).get("images", ())):
        host = entry["match"].partition("/")[0]
        if files.upstreams is not None and "*" not in host and host not in files.upstreams:
            at = document.where(("images", index, "match"))
            yield f"{at}: images[{index}].match: {host} is not under upstreams, so nothing can be pulled from it"
    if any(rule.pinning == "locked" for rule in policy.rules) and not files.lock.exists():
        yield f"{document.file}:1: a rule serves only what the lock file names, and {files.lock} is not there"
