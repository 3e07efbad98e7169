"""How a value of unknown shape becomes one of a known type. Law: a wrong type is Unreadable; only what is absent is None.

Names and versions in sentences are a stranger's text: `shown` bounds them and makes them printable.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from proxy.facts.kinds import Unreadable

# RFC 3339, as every format here demands; fromisoformat alone also takes weeks and dates without a zone.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def shown(value: Any) -> str:
    """A stranger's value, in quotes, printable and at most 80 characters long."""
    text = value if isinstance(value, str) else type(value).__name__
    return ascii(text[:80])


def object_of(value: Any, *, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"the {what} is {'missing' if value is None else 'not a JSON object'}")
    return value


def optional_object(value: Any, *, what: str) -> dict[str, Any]:
    return {} if value is None else object_of(value, what=what)


def list_of(value: Any, *, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"the {what} is {'missing' if value is None else 'not a list'}")
    return value


def optional_list(value: Any, *, what: str) -> list[Any]:
    return [] if value is None else list_of(value, what=what)


def texts_of(value: Any, *, what: str) -> list[str]:
    """A list of texts; an absent one is empty."""
    texts = optional_list(value, what=what)
    if not all(isinstance(text, str) for text in texts):
        raise Unreadable(f"the {what} is not a list of texts")
    return list(texts)


def text_of(value: Any, *, what: str) -> str | None:
    """A text; None where it is absent or empty, as Go writes what is absent."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Unreadable(f"the {what} is not a text")
    return value


def required_text(value: Any, *, what: str) -> str:
    text = text_of(value, what=what)
    if text is None:
        raise Unreadable(f"the {what} is missing")
    return text


def flag_of(value: Any, *, what: str) -> bool:
    """True only where it says so; absent is false."""
    if value is not None and not isinstance(value, bool):
        raise Unreadable(f"the {what} is neither true nor false")
    return value is True


def moment_of(value: Any, *, what: str) -> datetime | None:
    """A time in UTC; None where it is absent or Go's zero time, year 1, which means that it was never set."""
    text = text_of(value, what=what)
    if text is None:
        return None
    moment = _parsed_moment(text)
    if moment is None:
        raise Unreadable(f"the {what} is {shown(text)}, which is no RFC 3339 time")
    return None if moment.year == 1 else moment


def stamp(moment: datetime | None) -> str | None:
    """A time as a fact: RFC 3339 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def digests_of(value: Any, *, what: str) -> dict[str, str]:
    """An in-toto DigestSet: algorithm → lower-case hex or Base64, as it stands; an absent one is empty."""
    digests = optional_object(value, what=what)
    if not all(isinstance(text, str) for text in digests.values()):
        raise Unreadable(f"the {what} is not made of texts")
    return digests


def at(value: Any, *path: str) -> Any:
    """What stands under these names, in objects; None where it is absent or something on the way is no object."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _parsed_moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
