"""Base64 and PEM as tools really write them: white space is stripped first, the rest is strict (evidence.md 0).

NGC folds its annotations, a conformance suite folds timestamps, and DSSE allows both alphabets.
"""

import re
from typing import Any

import pybase64

from proxy.verify.evidence import NotProved

_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
_SHOWN = 80  # characters of a stranger's text in a sentence
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*+)-----END CERTIFICATE-----")


def read_base64(value: Any, *, what: str) -> bytes:
    """Return the bytes that `value` encodes, in either alphabet; raise NotProved with a sentence about `what`."""
    if not isinstance(value, str):
        raise NotProved(f"the {what} is not text")
    try:
        return pybase64.b64decode(value, validate=True)  # megabytes as a rule need no clean-up
    except ValueError:
        pass
    try:
        return pybase64.b64decode(value.translate(_WHITE_SPACE).translate(_URL_SAFE), validate=True)
    except ValueError:
        raise NotProved(f"the {what} is not base64; sign the image again") from None


def read_certificates(pem: str, *, what: str, limit: int) -> tuple[bytes, ...]:
    """Return the DER of each PEM block, at most `limit` of them (T53); raise NotProved for none or too many."""
    if pem.count("-----BEGIN ") > limit:
        raise NotProved(f"the {what} holds over {limit} certificates, which no signing tool writes")
    blocks = _BLOCK.findall(pem)
    if not blocks or len(blocks) != pem.count("-----BEGIN "):
        raise NotProved(f"the {what} does not hold PEM certificates alone")
    return tuple(read_base64(block, what=what) for block in blocks)


def shown(value: Any) -> str:
    """A stranger's text, bounded and printable, fit for a log line."""
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    return f"'{ascii(value)[1:-1][:_SHOWN]}'"
