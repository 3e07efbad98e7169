"""Every field that pratique.yaml and policy.yaml can hold, spelled as the docs spell it: `upstreams.<name>.credentials[].match`.

Read from the settings models themselves, so that a new field is missing in the docs and in the coverage table the day it is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from proxy.config.layout import ConfigFile
from proxy.policy.words.written import PolicyDocument

_BASE = "images[].base.require[]."


def pratique_fields() -> frozenset[str]:
    return frozenset(_paths(ConfigFile, "", ()))


def policy_fields() -> frozenset[str]:
    fields = frozenset(_paths(PolicyDocument, "", ()))
    return frozenset(field for field in fields if not field.startswith(_BASE))  # a base's requirement is a requirement


def _paths(model: type[BaseModel], prefix: str, above: tuple[type, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        yield path
        for found, place in _models(field.annotation, path):
            if found not in above:  # a requirement within `of` is a requirement
                yield from _paths(found, f"{place}.", (*above, model, found))


def _models(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, path
        return
    for inner in get_args(annotation):
        yield from _models(inner, path + _step(get_origin(annotation)))


def _step(origin: Any) -> str:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ".<name>"
    return "[]" if isinstance(origin, type) and issubclass(origin, Sequence) else ""
