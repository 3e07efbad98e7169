"""YAML text to plain values, with the line of each. Pure. Strict: one document, no duplicate keys, no tags of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from proxy.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
_DEPTH = 32  # deeper than any settings file; guards recursion
_NODES = 100_000  # more than any settings file; guards against aliases that multiply
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp"))


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
    """Raise ConfigError, every problem with file and line, for what is not YAML or is ambiguous."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        builder = _Builder(loader, file)
        values = builder.build(node, ()) if node is not None else None
    except yaml.YAMLError as error:
        raise ConfigError(_sentence(error, file)) from error
    except RecursionError as error:
        raise ConfigError(f"{file}:1: nested deeper than {_DEPTH}; no settings are") from error
    if builder.problems:
        raise ConfigError(builder.problems[0], problems=builder.problems)
    return Document(file, values, builder.lines)


@dataclass(slots=True)
class _Builder:
    loader: yaml.SafeLoader
    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    count: int = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, _line(node))
        self.count += 1
        if len(path) > _DEPTH:
            raise ConfigError(f"{self.file}:{_line(node)}: nested deeper than {_DEPTH}; no settings are")
        if self.count > _NODES:
            raise ConfigError(f"{self.file}:{_line(node)}: more than {_NODES} values; an alias (*) multiplies them")
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _TAG + "merge":
                self._problem(key_node, "keys are plain words; merge keys (<<) are not read")
            elif key in values:
                self._problem(key_node, f"{key!r} stands twice; keep one of them")
            else:
                self.lines[(*path, key)] = _line(key_node)
                values[key] = self.build(value_node, (*path, key))
        return values

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag not in _SCALARS:
            self._problem(node, f"the tag {node.tag.replace(_TAG, '!!')!r} is not read; write a plain value")
            return None
        try:
            return self.loader.construct_object(node)
        except ValueError:  # a date such as 2026-13-01, a number of thousands of digits
            kind = node.tag.removeprefix(_TAG)
            self._problem(node, f"{str(node.value)[:40]!r} is no {kind}; correct it, or put it in quotes")
            return None

    def _problem(self, node: yaml.Node, text: str) -> None:
        self.problems.append(f"{self.file}:{_line(node)}: {text}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _sentence(error: yaml.YAMLError, file: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "\\t" in problem:
        problem += "; indent with spaces, not tabs"
    return f"{file}:{mark.line + 1 if mark else 1}: this is not YAML: {problem}"
