"""WWW-Authenticate as registries write it (RFC 9110 11.6.1; distribution's token specification).

Read tolerantly and believed in nothing: whether a realm may have credentials is `upstream`'s to say (T09). NGC names
no service, and has the scope within the realm's query.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEADER_LIMIT = 8192
_CHALLENGE_LIMIT = 16
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]+))')
_SCHEME = re.compile(rf"({_WORD})(?=[ \t,]|$)")
_QUOTED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """`scheme` and the names of `parameters` are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)


def parse(header: str) -> tuple[Challenge, ...]:
    """Return the challenges in `header`, in order. What cannot be understood is left out; nothing is raised."""
    found: list[tuple[str, dict[str, str]]] = []
    place = 0
    while place < len(header) <= _HEADER_LIMIT:
        parameter = _PARAMETER.match(header, place)
        scheme = None if parameter else _SCHEME.match(header, place)
        if parameter:
            place = parameter.end()
            _add(found, parameter)
        elif scheme and len(found) < _CHALLENGE_LIMIT:
            place = scheme.end()
            found.append((scheme[1].lower(), {}))
        else:
            place = _next(header, place)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def _add(found: list[tuple[str, dict[str, str]]], parameter: re.Match[str]) -> None:
    value = parameter[3] if parameter[2] is None else _QUOTED.sub(r"\1", parameter[2])
    # The first of two wins. A control character would end up in a request of ours.
    if found and value.isprintable():
        found[-1][1].setdefault(parameter[1].lower(), value)


def _next(header: str, place: int) -> int:
    """Step over white space and commas, else over whatever stands there."""
    if header[place] in " \t,":
        return place + 1
    comma = header.find(",", place)
    return len(header) if comma < 0 else comma
