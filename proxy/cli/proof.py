"""What proved a Check, line by line: `Check.details` in words. Pure: a record in, lines out."""

import re
from collections.abc import Iterator, Mapping

_TAG_OF_DIGEST = re.compile(r"\b(sha(?:256|512)-[0-9a-f]{12})[0-9a-f]+")
LABEL = 11  # columns; the longest labels are `certificate` and `verified by`


def proof_lines(details: Mapping[str, str]) -> list[str]:
    """A line for each thing that was proved; none where nothing was recorded, as for a reviewed digest."""
    told = _told(details)
    return [f"{label:<{LABEL}} {words}" for label, words in told if words]


def moment(iso: str) -> str:
    """`2026-01-31 14:05:09 UTC` from ISO 8601."""
    from datetime import UTC, datetime

    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def short(digest: str) -> str:
    """Enough of a digest to tell it apart by eye."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm}:{encoded[:12]}"


def short_place(place: str) -> str:
    """A tag that is named by a digest, with enough of it to tell it apart by eye."""
    return _TAG_OF_DIGEST.sub(r"\1…", place)


def _told(details: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    said = details.get
    yield "identity", _identity(details)
    yield "signed as", _form(details)
    yield "statement", said("predicateType", "")
    yield "log entry", _log(details)
    yield "proved at", _moment(said("provedAt", "")) or ("nothing proves a time" if said("form") else "")
    yield "usable", f"until {_moment(said('validUntil', ''))}" if said("validUntil") else ""
    yield "certificate", _certificate(details)
    for name in sorted(name for name in details if name.startswith("extension.")):
        yield "", f"{name.removeprefix('extension.')}: {details[name]}"
    yield "not counted", said("suppressed", "")
    yield "verified by", said("opinions", "")


def _identity(details: Mapping[str, str]) -> str:
    signer = details.get("signer", "")
    name = f"{signer}: " if signer and signer != details.get("san") else ""
    if details.get("san") and details.get("issuer"):
        return f"{name}{details['san']} ({details.get('sanType', 'name')}), vouched for by {details['issuer']}"
    return f"{name}{details['identity']}" if details.get("identity") else ""


def _form(details: Mapping[str, str]) -> str:
    if not details.get("form"):
        return ""
    manifest = f", {short(details['manifest'])}" if details.get("manifest") else ""
    subject = f", of {short(details['subject'])}" if details.get("subject") else ""
    return f"{details['form']} ({short_place(details.get('place', '?'))}{manifest}){subject}"


def _log(details: Mapping[str, str]) -> str:
    if not details.get("logIndex"):
        return ""
    at = details.get("logIntegratedAt")
    when = f", integrated {_moment(at)}" if at else ""
    return f"{details.get('log', 'log')} #{details['logIndex']} ({details.get('logEntry', 'entry')}){when}"


def _certificate(details: Mapping[str, str]) -> str:
    if not details.get("certificateSha256"):
        return ""
    parts = [
        details.get("certificateSubject", ""),
        f"sha256 {details['certificateSha256'][:16]}",
        f"under {details['certificateAuthority'][:16]}" if details.get("certificateAuthority") else "",
        f"valid {_moment(details.get('certificateNotBefore', ''))} to {_moment(details.get('certificateNotAfter', ''))}",
    ]
    return ", ".join(part for part in parts if part)


def _moment(iso: str) -> str:
    return moment(iso) if iso else ""
