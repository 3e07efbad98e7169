"""Both files at once: what `pratique config check` says is all that is wrong in either, whatever is wrong in the other."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from proxy.config.layout import Config, ConfigFile
from proxy.config.loader import load
from proxy.config.policy import LoadedPolicy, PolicyFiles, load_files
from proxy.config.text import as_one, read_text
from proxy.errors import ConfigError
from proxy.trust.held import HeldRoots
from proxy.trust.settings import HeldRoot
from proxy.yamlfile import parse


def load_both(path: Path, *, env: Mapping[str, str], now: datetime) -> tuple[Config, LoadedPolicy]:
    """Raise ConfigError whose `problems` are those of pratique.yaml, policy.yaml, the key files and the lock file.

    Trust roots are as the proxy refreshed them last.
    """
    config, loaded, problems = None, None, list[str]()
    held: Mapping[str, HeldRoot] = {}
    try:
        config = load(path, env=env)
        files: PolicyFiles | None = PolicyFiles(config.policy, config.lock, frozenset(config.upstreams))
        held = HeldRoots(config.trust_folder).all()  # refreshed by the proxy whose configuration it is
    except ConfigError as error:
        problems += error.problems
        files = _named_in(path)
    try:
        loaded = load_files(files, now=now, held=held) if files else None
    except ConfigError as error:
        problems += error.problems
    if problems or config is None or loaded is None:
        raise as_one(problems)
    return config, loaded


def _named_in(path: Path) -> PolicyFiles | None:
    """The policy that a broken pratique.yaml names, if that much can be read of it."""
    try:
        values = parse(read_text(path), file=str(path)).values
    except ConfigError:
        return None
    if not isinstance(values, dict) or not isinstance(values.get("policy"), str):
        return None
    lock = values.get("lock")
    folder = path.resolve().parent
    default = str(ConfigFile.model_fields["lock"].default)
    return PolicyFiles(folder / values["policy"], folder / (lock if isinstance(lock, str) else default))
