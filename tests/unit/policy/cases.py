"""Small real values that the policy's tests judge."""

from datetime import UTC, datetime

from proxy.errors import ConfigError
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.policy.document import Policy, parse_policy
from proxy.policy.evaluate import Case, decision_key, exceptions_in_force, permits_repository
from proxy.verify.evidence import Evidence, Rejection

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
IMAGE = Digest.of(b"image")
OTHER = Digest.of(b"other")
REPOSITORY = Repository("ghcr.io", "acme/app")
LINUX = Platform("linux", "amd64")

_OCI = "application/vnd.oci.image."


def manifest(digest=IMAGE):
    config = Descriptor(_OCI + "config.v1+json", Digest.of(b"config"), 6)
    return Manifest(b"image", digest, _OCI + "manifest.v1+json", config, ())


def index(digest=IMAGE):
    return Index(b"index", digest, _OCI + "index.v1+json", ())


def policy(text, *, now=NOW):
    return parse_policy(text, file="policy.yaml", now=now)


def problems(text, *, now=NOW):
    try:
        parse_policy(text, file="policy.yaml", now=now)
    except ConfigError as error:
        return error.problems
    return ()


def signers(*names):
    lines = "".join(f"  {name}: {{ key: {name}.pub, log: none }}\n" for name in names)
    return f"signers:\n{lines}"


def rule_text(require="[{ signature: team }]", *, match="ghcr.io/acme/**", more=""):
    extra = "".join(f"    {line}\n" for line in more.splitlines())
    return f"  - match: '{match}'\n{extra}    require: {require}\n"


def simple(require="[{ signature: team }]", *, match="ghcr.io/acme/**", more="", names=("team",), after="") -> Policy:
    head = "version: 1\n" + (signers(*names) if names else "")
    return policy(f"{head}images:\n{rule_text(require, match=match, more=more)}{after}")


def proof(
    signer="team",
    *,
    key=None,
    subject=IMAGE,
    names=(str(REPOSITORY),),
    kind="signature",
    claims=None,
    until=None,
    source=None,
):
    blob = Digest.of(f"{source or signer} {subject}".encode())
    return Evidence(
        kind=kind,
        signer=signer,
        identity=f"key:{key or signer}",
        subject=subject,
        names=tuple(names),
        claims=claims or {},
        sources=(Digest.of(b"manifest of " + blob.hex.encode()), blob),
        place="tag",
        valid_until=until,
    )


def rejection(reason="the signature is of another key", source=b"x"):
    return Rejection("tag", Digest.of(source), reason)


def case(
    policy,
    *evidence,
    rejections=(),
    gaps=(),
    gathered=True,
    repository=REPOSITORY,
    digest=IMAGE,
    document=None,
    platform=LINUX,
    now=NOW,
    rule=None,
):
    rule = rule or permits_repository(policy, repository)
    exceptions = exceptions_in_force(policy, repository=repository, digest=digest, now=now)
    key = decision_key(
        repository=repository, digest=digest, rule=rule, exceptions=exceptions, trust_fingerprint="trust"
    )
    return Case(
        policy=policy,
        rule=rule,
        repository=repository,
        digest=digest,
        manifest=document or manifest(digest),
        platform=platform,
        evidence=evidence,
        rejections=tuple(rejections),
        gaps=tuple(gaps),
        gathered=gathered,
        exceptions=exceptions,
        key=key,
        now=now,
    )
