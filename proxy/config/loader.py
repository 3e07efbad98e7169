"""pratique.yaml → Config, or every problem at once, each with file and line. Reads files and variables; opens no socket.

The order is the reader's: is it YAML, is anything written that must not be, is every field right by itself, do the
named files and variables serve, do the fields agree. A step is left out only if the one before gave it nothing to read.
"""

import copy
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from proxy.config.agreement import disagreements, doubts
from proxy.config.certificates import wrong_certificates
from proxy.config.layout import Config, ConfigFile
from proxy.config.named import is_world_readable, named, problem_with_file, rebased
from proxy.config.text import as_one, read_text
from proxy.config.written import is_a_secrets_name, problems_as_written
from proxy.settings import sentence, spell
from proxy.web.connections import descriptors
from proxy.yamlfile import Document, Path, parse

_GONE = object()
# Named files that are not read at load: made by the proxy, or read with the policy.
_NOT_READ = frozenset({("data",), ("policy",), ("lock",)})


def load(path: FilePath, *, env: Mapping[str, str]) -> Config:
    """Raise ConfigError whose `problems` are all that is wrong in the file, and in the files that it names."""
    document = parse(read_text(path), file=str(path))
    found = dict(problems_as_written(document))
    problems = [_placed(document, at, text) for at, text in found.items()]
    if not isinstance(document.values, dict):
        problems.append(f"{path}:1: the file is empty or a list; it needs at least `policy` and `upstreams`")
        raise as_one(problems)
    written, misfits = _shape(document, said={spell(at) for at in found})
    problems += [_placed(document, at, text) for at, text in misfits]
    if written is None:
        raise as_one(problems)
    settings: ConfigFile = rebased(written, path.resolve().parent)
    problems += _unreadable(settings, document, env)
    problems += wrong_certificates(settings, document)
    # Of what is left of a section with misfits nothing can be said to be missing; nor beside a section that is none.
    unsure = {str(at[0]) for at, _ in misfits if at}
    if unsure <= {field.alias or name for name, field in ConfigFile.model_fields.items()}:
        problems += disagreements(settings, document, unsure=unsure)
    if problems:
        raise as_one(problems)
    warnings = (*_loose_secrets(settings, document), *doubts(settings, document), *_unheld(settings, document))
    return Config(**dict(settings), file=path.resolve(), warnings=warnings)


def _unheld(settings: ConfigFile, document: Document) -> Iterator[str]:
    """What this process may not hold, here and now: another machine may allow it more."""
    at = ("limits", "connections")
    for text in descriptors.doubts(settings.limits.connections):
        yield _placed(document, at, text)


def _shape(document: Document, *, said: AbstractSet[str]) -> tuple[ConfigFile | None, list[tuple[Path, str]]]:
    """Return what has the right shape, without what has not, and a sentence for each of the latter, with its place.

    Nothing is ever run with what is left; its files can be looked at, so that all is said at once. Of the fields in
    `said` something better was said already.
    """
    values, problems = copy.deepcopy(document.values), list[tuple[Path, str]]()
    while True:
        try:
            return ConfigFile.model_validate(values, by_alias=True, by_name=False), problems
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        is_pruned = bool(problems)
        problems += [
            (problem["loc"], sentence(problem, model=ConfigFile))
            for problem in found
            if not _is_said(problem["loc"], said) and not (is_pruned and problem["type"] == "missing")
        ]
        out = {_prunable(problem["loc"], document) for problem in found}
        if () in out or not _prune_all(values, out):
            return None, problems


def _is_said(path: Path, said: AbstractSet[str]) -> bool:
    return spell(path) in said or (bool(path) and is_a_secrets_name(path[-1]))


def _prunable(path: Path, document: Document) -> Path:
    """The nearest field at or above `path` that the file holds; a list goes as a whole, so that no index moves."""
    while path and (path not in document.lines or isinstance(path[-1], int)):
        path = path[:-1]
    return path


def _prune_all(values: Any, paths: AbstractSet[Path]) -> bool:
    """Take each out, what lies deepest first; return whether anything was there to be taken."""
    pruned = [_prune(values, path) for path in sorted(paths, key=len, reverse=True)]
    return any(pruned)


def _prune(values: Any, path: Path) -> bool:
    for part in path[:-1]:
        values = values.get(part) if isinstance(values, dict) else None
    return isinstance(values, dict) and values.pop(path[-1], _GONE) is not _GONE


def _placed(document: Document, at: Path, text: str) -> str:
    return f"{document.where(at)}: {spell(at)}: {text}"


def _unreadable(settings: ConfigFile, document: Document, env: Mapping[str, str]) -> Iterator[str]:
    for entry in named(settings):
        if isinstance(entry.value, str):
            if not env.get(entry.value):
                text = f"the variable {entry.value} is not set or empty; set it before the proxy starts"
                yield _placed(document, entry.at, text)
        elif entry.at not in _NOT_READ:
            problem = problem_with_file(entry.value, is_secret=entry.is_secret)
            if problem:
                yield _placed(document, entry.at, problem)


def _loose_secrets(settings: ConfigFile, document: Document) -> Iterator[str]:
    for entry in named(settings):
        if isinstance(entry.value, FilePath) and entry.is_secret and is_world_readable(entry.value):
            text = f"everyone on this host can read {entry.value}; run chmod o-r on it"
            yield _placed(document, entry.at, text)
