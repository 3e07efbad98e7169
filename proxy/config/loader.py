"""pratique.yaml → Config, or every problem at once, each with file and line. Reads files and variables; opens no socket.

The order is the reader's: is it YAML, is anything written that must not be, is every field right by itself, do the
named files and variables serve, do the fields agree. A step is left out only if the one before gave it nothing to read.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from proxy.config.agreement import disagreements, doubts
from proxy.config.certificates import wrong_certificates
from proxy.config.layout import Config, ConfigFile
from proxy.config.named import is_world_readable, named, problem_with_file, rebased
from proxy.config.text import as_one, read_text
from proxy.config.written import is_a_secrets_name, problems_as_written
from proxy.settings import explain, spell
from proxy.yamlfile import Document, Path, parse

_GONE = object()
# Named files that are not read at load: made by the proxy, or read with the policy.
_NOT_READ = frozenset({("data",), ("policy",), ("lock",)})


def load(path: FilePath, *, env: Mapping[str, str]) -> Config:
    """Raise ConfigError whose `problems` are all that is wrong in the file, and in the files that it names."""
    document = parse(read_text(path), file=str(path))
    problems = list(problems_as_written(document))
    if not isinstance(document.values, dict):
        problems.append(f"{path}:1: the file is empty or a list; it needs at least `policy` and `upstreams`")
        raise as_one(problems)
    written, misfits = _shape(document, said=problems)
    problems += misfits
    if written is None:
        raise as_one(problems)
    settings: ConfigFile = rebased(written, path.resolve().parent)
    problems += _unreadable(settings, document, env)
    problems += wrong_certificates(settings, document)
    # Of what is left of a file with misfits nothing can be said to be missing.
    problems += [] if misfits else disagreements(settings, document)
    if problems:
        raise as_one(problems)
    warnings = (*_loose_secrets(settings, document), *doubts(settings, document))
    return Config(**dict(settings), file=path.resolve(), warnings=warnings)


def _shape(document: Document, *, said: Sequence[str]) -> tuple[ConfigFile | None, list[str]]:
    """Return what has the right shape, without what has not, and a sentence for each of the latter.

    Nothing is ever run with what is left; its files can be looked at, so that all is said at once.
    """
    values, problems = copy.deepcopy(document.values), list[str]()
    while True:
        try:
            return ConfigFile.model_validate(values, by_alias=True, by_name=False), problems
        except ValidationError as error:
            problems += _explained(error, document, said)
            out = {_prunable(found["loc"], document) for found in error.errors(include_url=False, include_input=False)}
        pruned = [_prune(values, path) for path in sorted(out, key=len, reverse=True)]
        if () in out or not any(pruned):
            return None, problems


def _prunable(path: Path, document: Document) -> Path:
    """The nearest field at or above `path` that the file holds; a list goes as a whole, so that no index moves."""
    while path and (path not in document.lines or isinstance(path[-1], int)):
        path = path[:-1]
    return path


def _prune(values: Any, path: Path) -> bool:
    for part in path[:-1]:
        values = values.get(part) if isinstance(values, dict) else None
    return isinstance(values, dict) and values.pop(path[-1], _GONE) is not _GONE


def _explained(error: ValidationError, document: Document, said: Sequence[str]) -> Iterator[str]:
    """What `explain` says, but for a field that `written` has spoken of already, with a better remedy."""
    fields = {_field(sentence, document) for sentence in said}
    for sentence in explain(error, document, model=ConfigFile):
        field = _field(sentence, document)
        if field not in fields and not is_a_secrets_name(field.rpartition(".")[2]):
            yield sentence


def _field(sentence: str, document: Document) -> str:
    """`file:line: field: text` → field."""
    return sentence.removeprefix(f"{document.file}:").partition(": ")[2].partition(": ")[0]


def _unreadable(settings: ConfigFile, document: Document, env: Mapping[str, str]) -> Iterator[str]:
    for entry in named(settings):
        at = f"{document.where(entry.at)}: {spell(entry.at)}"
        if isinstance(entry.value, str):
            if not env.get(entry.value):
                yield f"{at}: the variable {entry.value} is not set or empty; set it before the proxy starts"
        elif entry.at not in _NOT_READ:
            problem = problem_with_file(entry.value, is_secret=entry.is_secret)
            if problem:
                yield f"{at}: {problem}"


def _loose_secrets(settings: ConfigFile, document: Document) -> Iterator[str]:
    for entry in named(settings):
        if isinstance(entry.value, FilePath) and entry.is_secret and is_world_readable(entry.value):
            yield (
                f"{document.where(entry.at)}: {spell(entry.at)}: everyone on this host can read "
                f"{entry.value}; run chmod o-r on it"
            )
