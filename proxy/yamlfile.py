"""YAML text to plain values, with the line of each. Pure. Strict: one document, no duplicate keys, no tags of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from proxy.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
_DEPTH = 32  # deeper than any settings file; guards the parser's recursion


@dataclass(frozen=True, slots=True)
class Document:
    """`values` as written; `lines` gives the line (from 1) of each key and list entry by its path."""

    file: str
    values: Any
    lines: Mapping[Path, int]

    def where(self, path: Sequence[str | int]) -> str:
        """`file:line` of the path, or of the nearest thing above it that the file holds."""
        known: Path = tuple(path)
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.file}:{self.lines.get(known, 1)}"


def parse(text: str, *, file: str) -> Document:
    """Raise ConfigError with file and line for what is not YAML, or is ambiguous."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        values = _build(node, (), lines, loader, file) if node is not None else None
    except yaml.YAMLError as error:
        raise ConfigError(_sentence(error, file)) from error
    finally:
        loader.dispose()
    return Document(file, values, lines)


def _build(node: yaml.Node, path: Path, lines: dict[Path, int], loader: yaml.SafeLoader, file: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(path) > _DEPTH:
        raise ConfigError(f"{file}:{line}: nested deeper than {_DEPTH}; no settings are")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, loader, file)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*path, index), lines, loader, file) for index, child in enumerate(node.value)]
    return loader.construct_object(node)


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int], loader: yaml.SafeLoader, file: str) -> Any:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
            raise ConfigError(f"{file}:{line}: keys are plain words; merge keys (<<) are not read")
        if key in values:
            raise ConfigError(f"{file}:{line}: {key!r} stands twice; keep one of them")
        lines[(*path, key)] = line
        values[key] = _build(value_node, (*path, key), lines, loader, file)
    return values


def _sentence(error: yaml.YAMLError, file: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{file}:{mark.line + 1 if mark else 1}: this is not YAML: {problem}"
