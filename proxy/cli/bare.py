"""`pratique verify --bundle`: a bare Sigstore bundle, offline. No configuration is read, and nothing is fetched."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli.exits import OK, REFUSED
from proxy.cli.output import Format, emit, paragraph, say
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from proxy.config.bare import Speaker
    from proxy.oci.digest import Digest
    from proxy.verify.evidence import Proved

_MAX_BUNDLE = 32 * 1024 * 1024  # bytes; one that holds an SBOM has some ten million
_MAX_FILE = 4 * 1024 * 1024  # of a key or a trusted root
_MAX_ARTIFACT = 1024 * 1024 * 1024  # it is held in memory, since a message signature is over its bytes


@dataclass(frozen=True, slots=True)
class Question:
    """The options as they were given; which of them belong together is checked here."""

    bundle: Path
    digest: str | None = None
    artifact: Path | None = None
    key: Path | None = None
    identity: str | None = None
    identity_regex: str | None = None
    issuer: str | None = None
    trusted_root: Path | None = None


_ADD_A_SIGNER = "; add a signer for this identity, or ask the publisher"


def verify_bundle(asked: Question, output: Format) -> int:
    """Exit 0 where the bundle proves that this signer signed this artifact, else 1. Raise ConfigError for a misuse."""
    from datetime import UTC, datetime

    from proxy.config.bare import material_for, prove

    _require_one_signer(asked)
    artifact, digest = _subject(asked)
    material = material_for(_speaker(asked))
    raw = _read(asked.bundle, "bundle", _MAX_BUNDLE)
    proved = prove(raw, artifact=artifact, digest=digest, material=material, now=datetime.now(UTC))
    document = _document(asked, digest, proved)
    emit(document, output=output, show=lambda: _show(document))
    return OK if document["verified"] else REFUSED


def _require_one_signer(asked: Question) -> None:
    """Exactly one of key, identity and expression; an identity means nothing without who vouched for it (T29)."""
    who = {"--key": asked.key, "--identity": asked.identity, "--identity-regex": asked.identity_regex}
    named = [name for name, value in who.items() if value is not None]
    if len(named) != 1:
        said = f"{' and '.join(named)} are different signers" if named else "nobody is named who must have signed"
        raise ConfigError(f"{said}; name --key K, or --identity I (or --identity-regex RE) with --issuer O")
    if asked.key is not None and asked.issuer is not None:
        raise ConfigError("nobody vouches for a key; remove --issuer, or name --identity instead of --key")
    if asked.key is None and not asked.issuer:
        raise ConfigError(f"an identity counts only with who vouched for it; add --issuer O to {named[0]}")
    if asked.identity is not None and not asked.identity:
        raise ConfigError("--identity is empty, which is nobody's; write it as it stands in the certificate")


def _subject(asked: Question) -> "tuple[bytes | None, Digest]":
    from proxy.oci.digest import Digest

    if (asked.digest is None) == (asked.artifact is None):
        raise ConfigError("say what the bundle must be about: one of --digest D and --artifact FILE")
    if asked.digest is not None:
        return None, Digest.parse(asked.digest)
    assert asked.artifact is not None
    artifact = _read(asked.artifact, "artifact", _MAX_ARTIFACT)
    return artifact, Digest.of(artifact)


def _speaker(asked: Question) -> "Speaker":
    from proxy.config.bare import ROOT, Speaker
    from proxy.policy.match import TextPattern

    subject = None
    if asked.identity is not None:
        subject = TextPattern.exact(asked.identity)
    elif asked.identity_regex is not None:
        subject = TextPattern.regex(asked.identity_regex)
    return Speaker(
        name=str(asked.key) if asked.key is not None else asked.identity or asked.identity_regex or "",
        key=_read(asked.key, "key file", _MAX_FILE) if asked.key is not None else None,
        subject=subject,
        issuer=asked.issuer or "",
        root=_read(asked.trusted_root, "trusted root", _MAX_FILE) if asked.trusted_root is not None else None,
        root_shown=str(asked.trusted_root or ROOT),
    )


def _read(file: Path, what: str, limit: int) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(limit + 1)
    except OSError as error:
        raise ConfigError(f"the {what} {file} cannot be read: {error.strerror or 'unknown reason'}") from error
    if len(raw) > limit:
        raise ConfigError(f"the {what} {file} is over {limit // (1024 * 1024)} MiB; name the right file, or its digest")
    return raw


def _document(asked: Question, digest: "Digest", proved: "Proved") -> dict[str, Any]:
    from proxy.policy.checks.details import details_of

    evidence = [dict(details_of(each)) for each in proved.evidence]
    rejections = [
        {"reason": each.reason, "signer": each.signer, "isAlarm": each.is_alarm} for each in proved.rejections
    ]
    return {
        "bundle": str(asked.bundle),
        "digest": str(digest),
        "verified": bool(evidence),
        "evidence": evidence,
        "rejections": rejections,
    }


def _show(document: Mapping[str, Any]) -> None:
    from proxy.cli.proof import proof_lines

    word, style = ("verified", "bold green") if document["verified"] else ("not verified", "bold red")
    paragraph(f"{word}: ", f"{document['bundle']} of {document['digest']}", style=style)
    for details in document["evidence"]:
        for line in proof_lines(details):
            say(f"  {line}")
    for rejection in document["rejections"]:
        # There is no policy here to add a signer to.
        paragraph("  ", rejection["reason"].removesuffix(_ADD_A_SIGNER))
