"""A document under repair. Law: what is wrong is told once and taken out, so that the rest can still be read and judged.

Nothing is ever made of a document that had a problem; repairing it only lets every problem be told at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from proxy.settings import spell
from proxy.yamlfile import Document, Path

_ROOT: Path = ()


@dataclass(slots=True)
class Draft:
    """`document` without what was pruned. Paths of problems are those of the file as written."""

    document: Document
    warnings: list[str] = field(default_factory=list)
    _problems: list[tuple[int, str]] = field(default_factory=list)
    _pruned: set[Path] = field(default_factory=set)

    @property
    def problems(self) -> tuple[str, ...]:
        """In the order of the file's lines."""
        return tuple(text for _, text in sorted(self._problems, key=lambda each: each[0]))

    def problem(self, path: Path, text: str) -> None:
        line = int(self.document.where(path).rpartition(":")[2])
        sentence = f"{self.document.where(path)}: {spell(path)}: {text}"
        if (line, sentence) not in self._problems:
            self._problems.append((line, sentence))

    def blame(self, path: Path, text: str) -> None:
        """A problem at a path of what is left."""
        self.problem(self.original(path), text)

    def warn(self, path: Path, text: str) -> None:
        """Something odd at a path of what is left; it is no problem."""
        path = self.original(path)
        self.warnings.append(f"{self.document.where(path)}: {spell(path)}: {text}")

    def prune(self, path: Path) -> bool:
        """Take out what stands at `path`, or the nearest thing above it that the file holds; False if it was out."""
        while path and path not in self.document.lines:
            path = path[:-1]
        if path in self._pruned:
            return False
        self._pruned.add(path)
        return True

    def is_whole(self, path: Path) -> bool:
        """Whether nothing at, under or above this path of what is left was taken out: then what misses was not written."""
        path = self.original(path)
        return not any(out[: len(path)] == path or path[: len(out)] == out for out in self._pruned)

    def plain(self) -> Any:
        """What is left, as plain values."""
        return self._plain(self.document.values, ())

    def original(self, path: Path) -> Path:
        """Where in the file that stands which stands at `path` in what is left."""
        values, here = self.document.values, _ROOT
        for part in path:
            if isinstance(values, list) and isinstance(part, int):
                kept = [index for index in range(len(values)) if (*here, index) not in self._pruned]
                part = kept[part] if part < len(kept) else len(values)  # noqa: PLW2901 - the file's own index
                values = values[part] if part < len(values) else None
            elif isinstance(values, dict):
                values = values.get(part)
            here = (*here, part)
        return here

    def prune_empty(self) -> None:
        """Nothing may be written and be nothing: a list or field left empty is a mistake, never `any` (T23)."""
        for path, value in list(_walk(self.document.values, ())):
            if path and (value is None or (isinstance(value, str | list | dict) and not value)):
                self.problem(path, "it is empty; give it a value, or remove it")
                self.prune(path)

    def _plain(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {
                key: self._plain(inner, (*path, key))
                for key, inner in value.items()
                if (*path, key) not in self._pruned
            }
        if isinstance(value, list):
            return [
                self._plain(inner, (*path, index))
                for index, inner in enumerate(value)
                if (*path, index) not in self._pruned
            ]
        return value


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*path, index))
