"""The policy file's shape, as `pratique config schema` prints it. Law: what is not a field here cannot be written.

An absent field is its empty default; nobody can write an empty one (`draft`), so the two are never confused.
"""

from typing import Literal

from proxy.settings import Count, Moment, Settings, Span, Texts


class SignerEntry(Settings):
    """Who may speak: by a bare key, or by a preset that is kept with the program. Paths are relative to this file."""

    key: str = ""
    preset: str = ""
    log: Literal["none"] | None = None
    hash: Literal["sha256", "sha384", "sha512"] | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class RequirementEntry(Settings):
    """One of `signature`, `digest` or `atLeast` with `of`. A list of requirements is AND."""

    signature: str = ""
    claims: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it for each entry
    digest: Texts = ()
    at_least: Count | None = None
    of: tuple["RequirementEntry", ...] = ()
    name: str = ""


class RuleEntry(Settings, json_schema_extra={"required": ["match", "require"]}):
    """What may be pulled. `**` crosses /, `*` does not; the most specific match governs."""

    match: str = ""
    mode: Literal["enforce", "warn"] | None = None
    tags: Texts = ()
    pinning: Literal["first", "follow", "locked"] = "first"
    ttl: Span | None = None
    platforms: Texts = ()
    require: tuple[RequirementEntry, ...] = ()
    signed_as: Texts = ()
    covers: Literal["index"] = "index"
    rollback: Literal["allow"] = "allow"
    regression: Literal["allow"] = "allow"


class ExceptionEntry(Settings, json_schema_extra={"required": ["match", "digest", "waive", "reason", "by", "until"]}):
    """Break-glass: one digest, requirements by name, a reason, a person and an end at most 30 days away."""

    match: str = ""
    digest: str = ""
    waive: Texts = ()
    reason: str = ""
    by: str = ""
    until: Moment | None = None


class RevokedEntry(Settings, json_schema_extra={"required": ["reason"]}):
    """What never again: a digest, or a key by its file or by the SHA-256 of its SubjectPublicKeyInfo in hex."""

    digest: str = ""
    key: str = ""
    reason: str = ""


class PolicyDocument(Settings):
    """policy.yaml: what may be pulled. An empty policy refuses everything."""

    version: Count = 1
    mode: Literal["enforce", "warn"] = "enforce"
    signers: dict[str, SignerEntry] = {}  # noqa: RUF012 - pydantic copies it
    images: tuple[RuleEntry, ...] = ()
    exceptions: tuple[ExceptionEntry, ...] = ()
    revoked: tuple[RevokedEntry, ...] = ()
