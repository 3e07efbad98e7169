"""The files and variables that settings name: made absolute, and read once at load, so that a mistake shows then.

A field of type Path names a file; one that ends in File, and a private key, names a secret; one that ends in Env names
a variable. The rule is the settings' naming itself, so that a new field is covered the day it is written.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from proxy import yamlfile

_SECRETS = frozenset({"key", "client_key", "file"})  # of TLS, of mTLS, and of tokens and headers
_LIMIT = 4 * 1024 * 1024  # a CA bundle is a few hundred KiB


@dataclass(frozen=True, slots=True)
class Named:
    """`at`: the path in the YAML file; `name`: the field in Python; `value`: a Path, or a variable's name."""

    at: yamlfile.Path
    name: str
    value: Path | str

    @property
    def is_secret(self) -> bool:
        return self.name.endswith("_file") or self.name in _SECRETS


def named(settings: Any, at: yamlfile.Path = ()) -> Iterator[Named]:
    """Yield every file and variable that the settings name, at any depth."""
    if isinstance(settings, BaseModel):
        for name, field in type(settings).model_fields.items():
            value, here = getattr(settings, name), (*at, field.alias or to_camel(name))
            if isinstance(value, Path) or (name.endswith("_env") and isinstance(value, str)):
                yield Named(here, name, value)
            else:
                yield from named(value, here)
    elif isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from named(value, (*at, key))
    elif isinstance(settings, list | tuple):
        for index, value in enumerate(settings):
            yield from named(value, (*at, index))


def rebased(settings: Any, folder: Path) -> Any:
    """Return a copy in which every relative path stands under `folder`."""
    if isinstance(settings, Path):
        return folder / settings
    if isinstance(settings, BaseModel):
        fields = type(settings).model_fields
        return settings.model_copy(update={name: rebased(getattr(settings, name), folder) for name in fields})
    if isinstance(settings, Mapping):
        return {key: rebased(value, folder) for key, value in settings.items()}
    if isinstance(settings, tuple | list):
        return type(settings)(rebased(value, folder) for value in settings)
    return settings


def problem_with_file(path: Path, *, is_secret: bool) -> str | None:
    """Return why the file is of no use, as the second half of a sentence; None where it can be read."""
    try:
        if path.is_dir():
            return f"{path} is a directory; name a file"
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}; correct the path or the file's permissions"
    if len(content) > _LIMIT:
        return f"{path} is larger than {_LIMIT} bytes; name the right file"
    if not content.strip():
        return f"{path} is empty; write the {'secret' if is_secret else 'text'} into it"
    return None


def is_world_readable(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
