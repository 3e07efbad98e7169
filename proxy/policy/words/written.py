"""The policy file's shape, as `pratique config schema` prints it. Law: what is not a field here cannot be written.

An absent field is its empty default; nobody can write an empty one (`draft`), so the two are never confused.
"""

from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema

from proxy.settings import Count, Moment, Settings, Span, Texts

# What a fact must be; which of these a fact takes is known where its name is.
Wanted = Annotated[
    Any, WithJsonSchema({"type": ["integer", "boolean", "string", "array"], "items": {"type": "string"}})
]
Strictness = Literal["allow", "warn", "deny"]
Covers = Literal["index", "platform", "any"]


class TrustRootEntry(Settings):
    """Who runs the machinery: a Sigstore root by `file` or by `tuf`, or an X.509 store. Paths are relative to this file."""

    file: str = ""
    sha256: str = ""
    tuf: str = ""
    root: str = ""
    refresh: Span | None = None
    max_age: Span | None = None
    certificates: str = ""
    timestamps: str = ""
    revocation: Literal["enforce", "log", "skip"] | None = None
    hosts: Texts = ()
    crls: Texts = ()


class SignerEntry(Settings):
    """Who may speak: by a key, by a preset, by an identity, or by a certificate. Paths are relative to this file."""

    key: str = ""
    preset: str = ""
    parameters: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it for each entry
    log: Literal["none", "required"] | None = None
    timestamp: Literal["required"] | None = None
    trust_root: str = ""
    hash: Literal["sha256", "sha384", "sha512"] | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    issuer: str = ""
    subject: str = ""
    subject_regex: str = ""
    extensions: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it for each entry
    github: str = ""
    workflow: str = ""
    ref: str = ""
    x509: str = ""
    san: str = ""


class ImageEntry(Settings):
    """The image's own facts: its age by its config, and what `where` and `condition` ask."""

    max_age: Span | None = None
    where: dict[str, Wanted] = {}  # noqa: RUF012 - pydantic copies it for each entry
    condition: str = ""


class RequirementEntry(Settings):
    """One of `signature`, `attestation`, `image`, `digest`, or `atLeast` with `of`. A list of requirements is AND."""

    signature: str = ""
    claims: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it for each entry
    attestation: str = ""
    by: str = ""
    where: dict[str, Wanted] = {}  # noqa: RUF012 - pydantic copies it for each entry
    condition: str = ""
    max_age: Span | None = None
    grace: Span | None = None
    levels: dict[str, Count] = {}  # noqa: RUF012 - pydantic copies it for each entry
    vex: str = ""
    covers: Covers | None = None
    image: ImageEntry | None = None
    digest: Texts = ()
    at_least: Count | None = None
    of: tuple["RequirementEntry", ...] = ()
    name: str = ""


class BaseEntry(Settings):
    """What the base image must satisfy too: requirements of its own, or a rule."""

    require: tuple[RequirementEntry, ...] = ()
    rule: str = ""


class RuleEntry(Settings, json_schema_extra={"required": ["match", "require"]}):
    """What may be pulled. `**` crosses /, `*` does not; the most specific match governs."""

    match: str = ""
    mode: Literal["enforce", "warn"] | None = None
    tags: Texts = ()
    pinning: Literal["first", "follow", "locked"] = "first"
    ttl: Span | None = None
    after: Span | None = None
    platforms: Texts = ()
    require: tuple[RequirementEntry, ...] = ()
    base: BaseEntry | None = None
    signed_as: Texts = ()
    evidence_from: Texts = ()
    recheck: Span | None = None
    covers: Covers = "index"
    rollback: Strictness = "allow"
    regression: Strictness = "warn"


class ExceptionEntry(Settings, json_schema_extra={"required": ["match", "digest", "waive", "reason", "by", "until"]}):
    """Break-glass: one digest, requirements by name, a reason, a person and an end at most 30 days away."""

    match: str = ""
    digest: str = ""
    waive: Texts = ()
    reason: str = ""
    by: str = ""
    until: Moment | None = None


class RevokedEntry(Settings, json_schema_extra={"required": ["reason"]}):
    """What never again: a digest, a key by its file or by the SHA-256 of its SubjectPublicKeyInfo in hex, or an identity."""

    digest: str = ""
    key: str = ""
    issuer: str = ""
    subject: str = ""
    subject_regex: str = ""
    reason: str = ""


class PolicyDocument(Settings):
    """policy.yaml: what may be pulled. An empty policy refuses everything."""

    version: Count = 1
    mode: Literal["enforce", "warn"] = "enforce"
    trust_roots: dict[str, TrustRootEntry] = {}  # noqa: RUF012 - pydantic copies it
    signers: dict[str, SignerEntry] = {}  # noqa: RUF012 - pydantic copies it
    images: tuple[RuleEntry, ...] = ()
    exceptions: tuple[ExceptionEntry, ...] = ()
    revoked: tuple[RevokedEntry, ...] = ()
