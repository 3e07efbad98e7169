"""What all settings share: camelCase, frozen, nothing unknown; sizes, spans and moments as a person writes them."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from proxy.yamlfile import Document, Path

_UNITS = {
    "": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=36_500)


class Settings(BaseModel):
    """The root of every settings model: an unknown field is an error, never ignored (T27)."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,18})\s*([KMGT]i?B)?", value.strip())
        if not found:
            raise ValueError(f"{value[:40]!r} is not a size; write a number and KiB, MiB, GiB or TiB")
        return int(found[1]) * _UNITS[found[2] or ""]
    if isinstance(value, bool) or (isinstance(value, int) and value < 0):
        raise ValueError("a size is a number of bytes, or a number and KiB, MiB, GiB or TiB")
    return value


def size_of(text: str) -> int:
    """Bytes, as a person writes them; raise ValueError with what to write."""
    return int(_bytes(text))


def _span(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,12})\s*([smhd])", value.strip())
        if not found:
            raise ValueError(f"{value[:40]!r} is not a span of time; write a number and s, m, h or d, such as 72h")
        seconds = int(found[1]) * _SPANS[found[2]]
        if seconds > _LONGEST.total_seconds():
            raise ValueError(f"{value.strip()!r} is longer than a hundred years; write a shorter span")
        return timedelta(seconds=seconds)
    if isinstance(value, timedelta):
        return value
    raise ValueError("a span of time needs its unit: s, m, h or d, such as 72h")


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value[:40]!r} is not a date; write 2026-12-01 or 2026-12-01T00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        try:
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        except OverflowError:
            raise ValueError("the date is beyond the calendar; write an earlier one") from None
    raise ValueError("write a date, such as 2026-12-01 or 2026-12-01T00:00Z")


def _count(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("write a whole number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


Size = Annotated[int, BeforeValidator(_bytes), WithJsonSchema({"type": ["string", "integer"], "examples": ["500GiB"]})]
Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "examples": ["72h", "5m"]})]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2026-12-01"]})]

Count = Annotated[int, BeforeValidator(_count)]
Texts = Annotated[tuple[str, ...], Field(min_length=1)]  # what is written must not be empty; absent is ()

# What pydantic's error types mean to a person who wrote YAML.
_TEXTS = {
    "missing": "this field is required",
    "path_type": "write the path of a file or folder",
    "string_type": "write text; put it in quotes where YAML would read a number, a date or yes and no",
    "list_type": "write a list, such as [a, b]",
    "tuple_type": "write a list, such as [a, b]",
    "dict_type": "write fields under it, such as { name: value }",
    "model_type": "write fields under it, such as { name: value }",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
}


def explain(
    error: ValidationError, document: Document, *, model: type[BaseModel] | None = None, within: Path = ()
) -> Iterable[str]:
    """One sentence for each problem, with file and line.

    With the `model` that was validated, a misspelt field is told what it may have meant. `within` is where in the
    document the validated values stand.
    """
    for problem in error.errors(include_url=False, include_input=False):
        path = (*within, *problem["loc"])
        yield f"{document.where(path)}: {spell(path)}: {sentence(problem, model=model)}"


def sentence(problem: ErrorDetails, *, model: type[BaseModel] | None = None) -> str:
    """What is wrong and what to write, without the place."""
    kind = problem["type"]
    if kind == "extra_forbidden":
        return f"no such field; {_meant(problem['loc'], model)}"
    if kind == "literal_error":
        return f"write {problem['ctx']['expected']}".replace("'", "")
    if kind in ("too_short", "string_too_short"):
        return "it is empty; give it a value or remove it"
    return _TEXTS.get(kind, problem["msg"].removeprefix("Value error, "))


def spell(path: Path) -> str:
    """`images[0].tags[1]`: a path as a person reads it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not part.startswith("function-"):
            text += f".{part}" if text else part
    return text or "the file"


def _meant(path: Path, model: type[BaseModel] | None) -> str:
    known = sorted({name for owner in _owners(path[:-1], model) for name in _fields(owner)}) if model else []
    written = str(path[-1])
    near = get_close_matches(written, known, n=1) or [name for name in known if name.lower() == written.lower()]
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(known)}" if known else "remove it or correct its spelling"


def _owners(path: Path, model: type[BaseModel] | None) -> Iterator[type[BaseModel]]:
    """The models whose fields may stand at `path`."""
    here: list[Any] = [model]
    for part in path:
        owners = [each for annotation in here for each in _models(annotation)]
        named = [_fields(owner)[part] for owner in owners if isinstance(part, str) and part in _fields(owner)]
        here = named or here
    for annotation in here:
        yield from _models(annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
