"""The Range header of a blob request (RFC 9110 14). One that cannot be understood is treated as absent, as 14.2 asks."""

import re
from dataclasses import dataclass

from proxy.errors import RangeInvalid, RequestError

MAX_PARTS = 16  # face.md, "Ranges": more in one request is 400
_HEADER_LIMIT = 4096
_SPEC = re.compile(r"([0-9]{0,40})-([0-9]{0,40})")


@dataclass(frozen=True, slots=True)
class Ranges:
    """`specs` are (first, last) as asked: (N, None) is `N-`, (None, N) the last N bytes; at least one."""

    specs: tuple[tuple[int | None, int | None], ...]

    @property
    def is_open(self) -> bool:
        """`bytes=N-`: a resume, or a chunk of containerd's parallel fetch. N may be 0."""
        return len(self.specs) == 1 and self.specs[0][0] is not None and self.specs[0][1] is None

    @property
    def is_whole_open(self) -> bool:
        """`bytes=0-`: everything; a 200 with the whole body is an answer too."""
        return self.specs == ((0, None),)

    def resolve(self, size: int) -> tuple[tuple[int, int], ...]:
        """Return (start, stop) pairs, stop exclusive, of a blob of `size` bytes; in the order asked.

        Overlapping ones are joined and sorted (15.3.7.2), so that no request gets more than the blob. Raises
        RangeInvalid (416) where no byte is asked for.
        """
        found = [pair for spec in self.specs if (pair := _resolve(spec, size)) is not None]
        if not found:
            raise RangeInvalid(f"the blob has {size} bytes; none of them is in the range", size=size)
        joined = _joined(found)
        return tuple(found if len(joined) == len(found) else joined)


def parse(header: str | None) -> Ranges | None:
    """Return the ranges asked for; None where there is no header or none to be understood.

    Raises RequestError (400) for more than MAX_PARTS.
    """
    if header is None or len(header) > _HEADER_LIMIT:
        return None
    unit, equals, listed = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    parts = [part for element in listed.split(",") if (part := element.strip(" \t"))]
    if len(parts) > MAX_PARTS:
        raise RequestError(f"more than {MAX_PARTS} ranges in one request; ask for fewer")
    specs = [_spec(part) for part in parts]
    understood = tuple(spec for spec in specs if spec is not None)
    return Ranges(understood) if understood and len(understood) == len(specs) else None


def _spec(text: str) -> tuple[int | None, int | None] | None:
    found = _SPEC.fullmatch(text)
    if found is None or text == "-":
        return None
    first, last = (int(digits) if digits else None for digits in found.groups())
    if first is not None and last is not None and last < first:
        return None
    return first, last


def _resolve(spec: tuple[int | None, int | None], size: int) -> tuple[int, int] | None:
    first, last = spec
    if first is None:
        start, stop = max(0, size - (last or 0)), size
    else:
        start, stop = first, size if last is None else min(last + 1, size)
    return (start, stop) if start < stop else None


def _joined(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(pairs):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
