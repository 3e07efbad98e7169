"""The text of a file that an operator wrote, and what is wrong with several of them as one error."""

from collections.abc import Iterable
from pathlib import Path

from proxy.errors import ConfigError

MAX_TEXT = 1024 * 1024


def read_text(path: Path) -> str:
    """Raise ConfigError with the path for what cannot be read, is not UTF-8, or is larger than any such file."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TEXT + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; correct the path or its permissions") from error
    if len(raw) > MAX_TEXT:
        raise ConfigError(f"{path}: larger than {MAX_TEXT} bytes; name the right file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text; name the right file") from error


def as_one(problems: Iterable[str]) -> ConfigError:
    """Return one error that says the first and how many more, and holds them all in the order of files and lines."""
    unique = sorted(dict.fromkeys(problems), key=_line)
    more = f" (and {len(unique) - 1} more)" if len(unique) > 1 else ""
    return ConfigError(f"{unique[0]}{more}", problems=unique)


def _line(problem: str) -> tuple[str, int]:
    file, _, rest = problem.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0
