"""An in-toto statement says a predicate of subjects, by digest. What it says of another digest is nothing here (T37).

Form: in-toto Statement v0.1 and v1. cosign v3 leaves out a subject's `name`, and before 3.0.5 the predicate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from proxy.oci.digest import Digest
from proxy.oci.mediatype import IN_TOTO
from proxy.oci.strictjson import as_object, parse
from proxy.verify.encoding import shown
from proxy.verify.evidence import Evidence, Found, NotProved
from proxy.verify.signers.signed import evidence_of
from proxy.verify.signers.voices import Voice

PAYLOAD_TYPE = IN_TOTO
TYPES = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")
SIGN = "https://sigstore.dev/cosign/sign/v1"  # the one predicate that signs its subject (evidence.md 0)
MAX_SUBJECTS = 1024
MAX_PREDICATE_TYPE = 1024  # characters; a URI
_FIELDS = frozenset({"_type", "subject", "predicateType", "predicate"})
_SUBJECT_FIELDS = frozenset({"name", "digest", "annotations"})


@dataclass(frozen=True, slots=True)
class Statement:
    """`predicate` is parsed JSON, None where there is none. `claims` are the annotations that `sign/v1` signs."""

    predicate_type: str
    predicate: Any = field(repr=False, hash=False)
    claims: Mapping[str, str] = field(hash=False)

    @property
    def is_signature(self) -> bool:
        """T26: nothing else that is said of an image signs it."""
        return self.predicate_type == SIGN


def parse_statement(raw: bytes, *, subject: Digest) -> Statement:
    """Return what is said of `subject`; raise NotProved or ManifestInvalid where that is nothing, or malformed."""
    document = as_object(parse(raw, what="statement"), what="statement", names=_FIELDS)
    if document.get("_type") not in TYPES:
        raise NotProved(f"the statement's _type is {shown(document.get('_type'))}, not an in-toto Statement v0.1 or v1")
    predicate_type = document.get("predicateType")
    if not isinstance(predicate_type, str) or not 0 < len(predicate_type) <= MAX_PREDICATE_TYPE:
        raise NotProved("the statement has no predicateType that is a URI")
    matching = _matching(document.get("subject"), subject)
    claims = _claims(matching) if predicate_type == SIGN else {}
    return Statement(predicate_type, document.get("predicate"), claims)


def speaker(found: Found, raw: bytes, *, subject: Digest, form: str) -> Callable[[Voice], Evidence]:
    """Return what makes Evidence of a Voice; the statement in `raw` is read for the first one, and may be refused then."""
    read = cache(partial(parse_statement, raw, subject=subject))

    def speak(voice: Voice) -> Evidence:
        statement = read()
        return evidence_of(
            voice,
            found,
            kind="signature" if statement.is_signature else "attestation",
            form=form,
            subject=subject,
            claims=statement.claims,
            predicate_type=statement.predicate_type,
            predicate=statement.predicate,
        )

    return speak


def _matching(value: Any, subject: Digest) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise NotProved("the statement names no subject; it says nothing of this image")
    if len(value) > MAX_SUBJECTS:
        raise NotProved(f"the statement names {len(value)} subjects; at most {MAX_SUBJECTS} are read")
    subjects = [as_object(each, what="statement's subject", names=_SUBJECT_FIELDS) for each in value]
    matching = [each for each in subjects if _digests(each).get(subject.algorithm) == subject.hex]
    if not matching:
        raise NotProved(f"it speaks of {_first(subjects, subject.algorithm)}, not of {subject}")
    return matching


def _digests(subject: Mapping[str, Any]) -> Mapping[str, Any]:
    """By algorithm; foreign ones beside ours (git commits, sha1) are not looked at."""
    return as_object(subject.get("digest"), what="digest of the statement's subject", names={"sha256", "sha512"})


def _first(subjects: list[dict[str, Any]], algorithm: str) -> str:
    others = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
    return f"{algorithm} {shown(_digests(subjects[0]).get(algorithm))}{others}"


def _claims(matching: list[dict[str, Any]]) -> Mapping[str, str]:
    """`cosign sign -a key=value` in cosign v3. Two subjects that are this image must not claim different things."""
    found = [_annotations(subject) for subject in matching]
    if any(each != found[0] for each in found):
        raise NotProved("the statement names this image twice, with different annotations; sign it again")
    return found[0]


def _annotations(subject: Mapping[str, Any]) -> Mapping[str, str]:
    if subject.get("annotations") is None:
        return {}
    annotations = as_object(subject["annotations"], what="annotations of the statement's subject")
    return {name: value for name, value in annotations.items() if isinstance(value, str)}
