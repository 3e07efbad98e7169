"""policy.yaml, the keys it names and the lock file → LoadedPolicy, or every problem at once.

`policy` and `trust` are strangers: here a signer's word meets its key. Reads files; opens no socket.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from proxy.config.layout import Config
from proxy.config.text import as_one, read_text
from proxy.errors import ConfigError
from proxy.policy.document import Policy, SignerSpec, parse_policy
from proxy.policy.pins import Lock, parse_lock
from proxy.trust.keeper import build
from proxy.trust.presets import preset
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer, revoked_keys
from proxy.verify.material import TrustMaterial
from proxy.yamlfile import Document, parse


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """What to judge by: the policy, whom it believes, and the pins it fixes. `warnings` are whole sentences."""

    policy: Policy
    material: TrustMaterial
    lock: Lock
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """Where the policy and the lock are, and which upstreams there are to pull from; None where that is not known."""

    policy: Path
    lock: Path
    upstreams: frozenset[str] | None = None


def load_policy(config: Config, *, now: datetime) -> LoadedPolicy:
    """Read the files afresh; `now` is aware UTC. Raise ConfigError whose `problems` are all that is wrong in them."""
    return load_files(PolicyFiles(config.policy, config.lock, frozenset(config.upstreams)), now=now)


def load_files(files: PolicyFiles, *, now: datetime) -> LoadedPolicy:
    """Read as load_policy does, for a configuration that may itself be wrong elsewhere."""
    problems: list[str] = []
    lock: Lock = {}
    try:
        lock = _read_lock(files.lock)
    except ConfigError as error:
        problems += error.problems
    document, policy = _read_policy(files.policy, now, problems)
    if document is None:
        raise as_one(problems)
    # A policy that was not understood still names keys: those are looked at as written.
    signers = list(policy.signers.values()) if policy else list(_written_signers(document))
    sources = list(_sources(signers, document, files.policy.parent, problems))
    revoked = _revoked(policy.revoked_keys if policy else (), document, files.policy.parent, problems)
    if problems or policy is None:
        raise as_one(problems)
    material = build(sources, revoked=revoked)
    warnings = (*policy.warnings, *_doubts(policy, material, document, files))
    return LoadedPolicy(policy, material, lock, warnings)


def _read_lock(file: Path) -> Lock:
    if not file.exists() and not file.is_symlink():
        return {}
    return parse_lock(read_text(file), file=str(file))


def _read_policy(file: Path, now: datetime, problems: list[str]) -> tuple[Document | None, Policy | None]:
    try:
        text = read_text(file)
        document = parse(text, file=str(file))
    except ConfigError as error:
        problems += error.problems
        return None, None
    try:
        return document, parse_policy(text, file=str(file), now=now)
    except ConfigError as error:
        problems += error.problems
        return document, None


def _written_signers(document: Document) -> Iterator[SignerSpec]:
    written = document.values.get("signers") if isinstance(document.values, dict) else None
    for name, entry in written.items() if isinstance(written, dict) else ():
        key, preset_name = (entry.get("key"), entry.get("preset")) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and key and "-----BEGIN" not in key and preset_name is None:
            yield SignerSpec(name, key=key)
        elif isinstance(preset_name, str) and preset_name and key is None:
            yield SignerSpec(name, preset=preset_name)


def _sources(signers: list[SignerSpec], document: Document, folder: Path, problems: list[str]) -> Iterator[KeySource]:
    """Yield those whose key can be loaded; say the line of each that cannot."""
    for signer in signers:
        try:
            source = _source(signer, folder)
            load_signer(source)
        except ConfigError as error:
            field = "preset" if signer.preset else "key"
            problems += [f"{document.where(('signers', signer.name, field))}: {text}" for text in error.problems]
        else:
            yield source


def _source(signer: SignerSpec, folder: Path) -> KeySource:
    if signer.preset:
        return preset(signer.preset).source_for(signer.name)
    return KeySource(
        signer.name,
        file=folder / (signer.key or ""),
        hash=signer.hash,
        valid_from=signer.valid_from,
        valid_until=signer.valid_until,
    )


def _revoked(
    entries: tuple[tuple[str, str], ...], document: Document, folder: Path, problems: list[str]
) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        try:
            for spki, reason in revoked_keys([entry], folder=folder).items():
                found.setdefault(spki, reason)
        except ConfigError as error:
            at = document.where(("revoked", _index(document.values, entry[0]), "key"))
            problems += [f"{at}: {text}" for text in error.problems]
    return found


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
