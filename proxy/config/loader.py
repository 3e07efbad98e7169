"""pratique.yaml → Config, or every problem at once, each with file and line. Reads files and variables; opens no socket.

The order is the reader's: is it YAML, is anything written that must not be, is every field right by itself, do the
named files and variables serve, do the fields agree. A step is left out only if the one before gave it nothing to read.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from proxy.config.agreement import disagreements, doubts
from proxy.config.certificates import wrong_certificates
from proxy.config.layout import Config, ConfigFile
from proxy.config.named import is_world_readable, named, problem_with_file, rebased
from proxy.config.written import is_a_secrets_name, problems_as_written
from proxy.errors import ConfigError
from proxy.settings import explain
from proxy.yamlfile import Document, parse

_LIMIT = 1024 * 1024
# Named files that are not read at load: made by the proxy, or read with the policy.
_NOT_READ = frozenset({("data",), ("policy",), ("lock",)})


def load(path: Path, *, env: Mapping[str, str]) -> Config:
    """Raise ConfigError whose `problems` are all that is wrong in the file, and in the files that it names."""
    document = parse(read_text(path), file=str(path))
    problems = list(problems_as_written(document))
    if not isinstance(document.values, dict):
        problems.append(f"{path}:1: the file is empty or a list; it needs at least `policy` and `upstreams`")
        raise as_one(problems)
    try:
        written = ConfigFile.model_validate(document.values, by_alias=True, by_name=False)
    except ValidationError as error:
        raise as_one([*problems, *_explained(error, document, problems)]) from error
    settings: ConfigFile = rebased(written, path.resolve().parent)
    problems += _unreadable(settings, document, env)
    problems += wrong_certificates(settings, document)
    problems += disagreements(settings, document)
    if problems:
        raise as_one(problems)
    warnings = (*_loose_secrets(settings, document), *doubts(settings, document))
    return Config(**dict(settings), file=path.resolve(), warnings=warnings)


def read_text(path: Path) -> str:
    """Raise ConfigError with the path for what cannot be read, is not UTF-8, or is larger than any such file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; correct the path or its permissions") from error
    if len(raw) > _LIMIT:
        raise ConfigError(f"{path}: larger than {_LIMIT} bytes; name the right file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text; name the right file") from error


def as_one(problems: list[str]) -> ConfigError:
    """Return one error that says how many there are, and holds them all in the order of the file."""
    unique = sorted(dict.fromkeys(problems), key=_line)
    count = "1 problem" if len(unique) == 1 else f"{len(unique)} problems"
    return ConfigError(f"{count}: {'; '.join(unique)}", problems=unique)


def _line(problem: str) -> tuple[str, int]:
    file, _, rest = problem.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0


def _explained(error: ValidationError, document: Document, said: Sequence[str]) -> Iterator[str]:
    """What `explain` says, but for a field that `written` has spoken of already, with a better remedy."""
    fields = {_field(sentence, document) for sentence in said}
    for sentence in explain(error, document):
        field = _field(sentence, document)
        if field not in fields and not is_a_secrets_name(field.rpartition(".")[2]):
            yield sentence


def _field(sentence: str, document: Document) -> str:
    """`file:line: field: text` → field."""
    return sentence.removeprefix(f"{document.file}:").partition(": ")[2].partition(": ")[0]


def _unreadable(settings: ConfigFile, document: Document, env: Mapping[str, str]) -> Iterator[str]:
    for entry in named(settings):
        at = f"{document.where(entry.at)}: {'.'.join(map(str, entry.at))}"
        if isinstance(entry.value, str):
            if not env.get(entry.value):
                yield f"{at}: the variable {entry.value} is not set or empty; set it before the proxy starts"
        elif entry.at not in _NOT_READ:
            problem = problem_with_file(entry.value, is_secret=entry.is_secret)
            if problem:
                yield f"{at}: {problem}"


def _loose_secrets(settings: ConfigFile, document: Document) -> Iterator[str]:
    for entry in named(settings):
        if isinstance(entry.value, Path) and entry.is_secret and is_world_readable(entry.value):
            yield (
                f"{document.where(entry.at)}: {'.'.join(map(str, entry.at))}: everyone on this host can read "
                f"{entry.value}; run chmod o-r on it"
            )
