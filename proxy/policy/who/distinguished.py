r"""A certificate's subject as the policy writes it: `O=Wabbit Networks,CN=SecureBuilder`. Law: one reading, in one pass (T52).

A subset of RFC 4514: attributes by name, `\` before a special character or two hex digits; no quotes, no `#` values, no
multi-valued parts. What could be read in two ways is refused.
"""

import re
from collections import Counter

from proxy.errors import ConfigError

# Names as RFC 4514 and Notation write them; S is how some tools write ST.
ATTRIBUTES = ("C", "ST", "L", "O", "OU", "CN", "STREET", "POSTALCODE", "SERIALNUMBER", "DC", "UID")
# A subject without any of these is many people's.
_TELLING = frozenset(ATTRIBUTES) - {"C", "ST", "L", "STREET", "POSTALCODE"}
_ALIASES = {"S": "ST"}
_LONGEST = 1024  # characters; real subjects have some hundred
_MOST = 16  # attributes
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{2})|([ \"#+,;<=>\\]))")
_SPECIAL = frozenset('"+;<>=\\')


def parse_subject(text: str) -> tuple[tuple[str, str], ...]:
    """(attribute, value) as written, each attribute but DC once; raise ConfigError with a sentence."""
    if not text or len(text) > _LONGEST:
        raise ConfigError(f"a subject has between 1 and {_LONGEST} characters")
    parts = _parts(text)
    if len(parts) > _MOST:
        raise ConfigError(f"a subject has at most {_MOST} attributes; leave out what does not matter")
    found = tuple(_attribute(part) for part in parts)
    for name, times in Counter(name for name, _ in found).items():
        if times > 1 and name != "DC":
            raise ConfigError(f"{name} stands twice, and no subject that can be compared has that; write it once")
    if not _TELLING & {name for name, _ in found}:
        raise ConfigError("it names a place and nobody there; write at least O, OU or CN")
    return found


def _parts(text: str) -> list[str]:
    r"""Between commas that no `\` stands before."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _attribute(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    name = name.strip().upper()
    name = _ALIASES.get(name, name)
    if not equals or name not in ATTRIBUTES:
        raise ConfigError(
            f"{part.strip()[:40]!r} is no attribute; write such as O=Acme,CN=Builder, of {', '.join(ATTRIBUTES)}"
        )
    value = _value(value.strip(" ") if not value.rstrip(" ").endswith("\\") else value.lstrip(" "))
    if not value or not value.isprintable():
        raise ConfigError(f"{name} has no value, or one with control characters; write it, or leave {name} out")
    return name, value


def _value(written: str) -> str:
    if written.startswith("#"):
        raise ConfigError("values in hex (#…) are not read; write the text")
    pieces: list[bytes] = []
    at = 0
    while at < len(written):
        character = written[at]
        found = _ESCAPED.match(written, at)
        if found:
            pieces.append(bytes.fromhex(found[1]) if found[1] else found[2].encode())
            at = found.end()
            continue
        if character in _SPECIAL:
            raise ConfigError(f"{character} within a value needs \\ before it")
        if character == "*":
            raise ConfigError("a subject is compared exactly, without *; leave out the attributes that may be any")
        pieces.append(character.encode("utf-8", "replace"))
        at += 1
    try:
        return b"".join(pieces).decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError("its hex escapes are not UTF-8; write the characters themselves") from None
