"""Every small change of a document that a hostile registry could make: each field, through every layer of encoding.

    for name, changed in mutants({"payload": "eyJ…", "signatures": […]}): …

What looks like base64 is changed in its bits, what looks like JSON in its fields, both however deep they lie in each other;
a certificate in PEM in the bits of its DER. Lists lose and double items, objects lose, rename and empty members.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Mutant: TypeAlias = tuple[str, Any]
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}|[A-Za-z0-9_-]{8,}={0,2}")
_PEM = re.compile(r"(-----BEGIN [A-Z ]+-----)([A-Za-z0-9+/=\s]+)(-----END [A-Z ]+-----\s*)")
FLIPS = 8  # of one field


def mutants(value: Any, name: str = "") -> Iterator[Mutant]:
    """Pairs of what was changed and the whole document with it."""
    if isinstance(value, dict):
        yield from _of_object(value, name)
    elif isinstance(value, list):
        yield from _of_list(value, name)
    elif isinstance(value, str):
        yield from _of_text(value, name)
    elif isinstance(value, bytes):
        yield from flips(value, name)
    elif isinstance(value, bool):
        yield f"{name} turned", not value
    elif isinstance(value, int):
        yield from ((f"{name} {step:+}", value + step) for step in (-1, 1, 1 << 32))
        yield f"{name} as text", str(value)


def flips(raw: bytes, name: str, count: int = FLIPS) -> Iterator[tuple[str, bytes]]:
    """One bit changed, here and there, the first and the last byte among them; cut, and longer by a byte."""
    places = sorted({0, len(raw) - 1, *(len(raw) * each // count for each in range(count))}) if raw else []
    for number, place in enumerate(places):
        changed = bytearray(raw)
        changed[place] ^= 1 << number % 8
        yield f"{name} byte {place}", bytes(changed)
    yield f"{name} cut", raw[:-1]
    yield f"{name} longer", raw + b"\0"


def _of_object(value: dict[str, Any], name: str) -> Iterator[Mutant]:
    for key, held in value.items():
        at = f"{name}.{key}"
        rest = {other: each for other, each in value.items() if other != key}
        yield f"{at} gone", rest
        yield f"{at} null", value | {key: None}
        yield f"{at} renamed", {**rest, f"{key}X": held}
        for what, changed in mutants(held, at):
            yield what, {other: changed if other == key else each for other, each in value.items()}
    yield f"{name} with more", value | {"more": "more"}


def _of_list(value: list[Any], name: str) -> Iterator[Mutant]:
    for index, held in enumerate(value):
        yield f"{name}[{index}] gone", value[:index] + value[index + 1 :]
        yield f"{name}[{index}] twice", [*value, held]
        for what, changed in mutants(held, f"{name}[{index}]"):
            yield what, [*value[:index], changed, *value[index + 1 :]]
    if len(value) > 1:
        yield f"{name} reversed", value[::-1]


def _of_text(value: str, name: str) -> Iterator[Mutant]:
    yield f"{name} empty", ""
    pem = _PEM.fullmatch(value)
    if pem:
        inner = base64.b64decode(pem[2])
        for what, changed in flips(inner, name):
            yield what, f"{pem[1]}\n{base64.b64encode(changed).decode()}\n{pem[3]}"
        return
    document = _json(value)
    if document is not None:
        yield from ((what, _compact(changed)) for what, changed in mutants(document, name))
        return
    decoded = _base64(value)
    if decoded is not None:
        raw, encode = decoded
        held = _json(raw)
        inner = mutants(held, name) if held is not None else flips(raw, name)
        yield from ((what, encode(c if isinstance(c, bytes) else _compact(c).encode())) for what, c in inner)
        return
    for place in sorted({0, len(value) // 2, len(value) - 1}) if value else ():
        other = "1" if value[place] != "1" else "2"
        yield f"{name} character {place}", value[:place] + other + value[place + 1 :]
    yield f"{name} and more", value + "0"


def _json(raw: str | bytes) -> Any:
    try:
        document = json.loads(raw)
    except ValueError:
        return None
    return document if isinstance(document, dict | list) else None


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _base64(text: str) -> tuple[bytes, Callable[[bytes], str]] | None:
    if not _BASE64.fullmatch(text) or text.isdigit():
        return None
    try:
        if "-" in text or "_" in text or len(text) % 4:
            padded = text + "=" * (-len(text) % 4)
            return base64.urlsafe_b64decode(padded), lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return base64.b64decode(text, validate=True), lambda raw: base64.b64encode(raw).decode()
    except binascii.Error:
        return None
