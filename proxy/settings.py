"""What all settings share: camelCase, frozen, nothing unknown; sizes, spans and moments as a person writes them."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

from proxy.yamlfile import Document

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


class Settings(BaseModel):
    """The root of every settings model: an unknown field is an error, never ignored (T27)."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d+)\s*([KMGT]i?B)?", value.strip())
        if not found:
            raise ValueError(f"{value!r} is not a size; write a number and KiB, MiB, GiB or TiB")
        return int(found[1]) * _UNITS[found[2] or ""]
    return value


def _span(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d+)\s*([smhd])", value.strip())
        if not found:
            raise ValueError(f"{value!r} is not a span of time; write a number and s, m, h or d, such as 72h")
        return timedelta(seconds=int(found[1]) * _SPANS[found[2]])
    if isinstance(value, timedelta):
        return value
    raise ValueError("a span of time needs its unit: s, m, h or d, such as 72h")


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write 2026-12-01 or 2026-12-01T00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    raise ValueError("write a date, such as 2026-12-01 or 2026-12-01T00:00Z")


Size = Annotated[int, BeforeValidator(_bytes), WithJsonSchema({"type": ["string", "integer"], "examples": ["500GiB"]})]
Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "examples": ["72h", "5m"]})]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2026-12-01"]})]


def explain(error: ValidationError, document: Document) -> Iterable[str]:
    """One sentence for each problem, with file and line."""
    for problem in error.errors(include_url=False, include_input=False):
        path = problem["loc"]
        name = ".".join(str(part) for part in path if not str(part).startswith("function-"))
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = "no such field; remove it or correct its spelling"
        elif problem["type"] == "missing":
            text = "this field is required"
        yield f"{document.where(path)}: {name or 'the file'}: {text}"
