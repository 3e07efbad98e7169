"""What may be written down of a text that others sent: no secret, no control character. Pure; time linear in the text."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

CUT = "[cut]"

# Words that, before an equals sign, announce a secret: form fields, settings, and the signed URLs of every cloud.
_BEFORE_EQUALS = "password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential|signature|sig"
_SECRET_FIELD = re.compile(
    r"(?i)authorization|cookie|password|passwd|passphrase|secret|token|credential|api_?key|access_?key|private_?key"
)
# Tried one after the other; what announces the secret stays, so that a person sees what was cut. Every repetition that
# could be tried from many places is bounded.
_CUTS = (
    # A whole header: nothing behind it on its line is kept.
    (re.compile(r"(?i)(\b(?:authorization|cookie|x-registry-auth)[\"']?\s{0,4}[:=])[^\r\n]*"), rf"\1 {CUT}"),
    # RFC 9110 11.4, wherever it stands; `Bearer realm=…` is a challenge, and "basic authentication" is English.
    (
        re.compile(
            r"(?i)\b(bearer|basic|negotiate)(\s{1,4})(?!(?:realm|error|charset)=)"
            r"(?!(?:authentication|authorization|auth|credentials?|challenges?|tokens?|realms?)\b)"
            r"[a-z0-9._~+/-]{4,}=*"
        ),
        rf"\1\2{CUT}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9._-]*"), CUT),  # a JWT: `{"` in base64
    (re.compile(r"(?s)(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)(?:(?!-----END).)*"), rf"\1{CUT}"),
    (re.compile(r"(://)[^/\s?#\"'<>]*@"), rf"\1{CUT}@"),  # user and password of a URL
    (
        re.compile(r"(?i)(\bhttps?://[^\s?\"'<>]{0,2000}\?)[^\s\"'<>]+"),
        rf"\1{CUT}",
    ),  # of a signed URL, the query is the key
    (re.compile(rf"(?i)((?:{_BEFORE_EQUALS})[\w-]{{0,32}}[\"']?\s{{0,4}}=\s{{0,4}}[\"']?)[^\s&\"',;]+"), rf"\1{CUT}"),
    (re.compile(r"(?i)((?:password|passwd|passphrase|secret)\s{0,4}:\s{0,4})[^\s&\"',;]+"), rf"\1{CUT}"),
    (re.compile(rf"(?i)([\"']\w{{0,32}}(?:{_BEFORE_EQUALS})[\"']\s{{0,4}}:\s{{0,4}}[\"'])[^\"']+"), rf"\1{CUT}"),
)
# Each of the patterns above needs one of these; most fields of a line have none, and a line is written for each request.
_ANNOUNCES = re.compile(r"[\s=:]|eyJ|-----BEGIN")
# But for its colon: the reference of most requests, and the nine patterns cost as much as all the rest of a line.
_DIGEST = re.compile(r"sha(?:256|512):[0-9a-f]{64,128}")
# C0, DEL, C1, line and paragraph separators, and marks that turn the direction of what follows on a terminal.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def redact(text: str) -> str:
    """The text on one line, with each secret cut and each control character written as an escape."""
    return escape(cut(text))


def cut(text: str) -> str:
    if not _ANNOUNCES.search(text) or _DIGEST.fullmatch(text):
        return text
    for pattern, instead in _CUTS:
        text = pattern.sub(instead, text)
    return text


def escape(text: str) -> str:
    if text.isprintable():
        return text
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def redact_value(value: Any, name: str = "") -> Any:
    """Plain values of any depth, for JSON. `name` is the field that holds it: `password` and its like are cut whole."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if name and _names_a_secret(name):
        return CUT
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {escape(str(key)): redact_value(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(each) for each in value]
    return redact(str(value))


@lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    return _SECRET_FIELD.search(name) is not None
