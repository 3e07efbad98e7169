"""Small real values that the policy's tests judge."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from proxy.errors import ConfigError
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.policy.evaluate import Case, Child, decision_key, evaluate, exceptions_in_force, permits_repository
from proxy.policy.requirements import All
from proxy.policy.words.document import Policy, parse_policy
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


def index(digest=IMAGE, manifests=()):
    return Index(b"index", digest, _OCI + "index.v1+json", tuple(manifests))


def listed(name, platform=LINUX):
    """What an index says of a child."""
    return Descriptor(_OCI + "manifest.v1+json", Digest.of(name.encode()), 4, platform)


def config(**run):
    """The bytes of an image config, made on 1 November 2026, with two layers."""
    diff_ids = run.pop("diff_ids", [str(Digest.of(b"one")), str(Digest.of(b"two"))])
    created = run.pop("created", "2026-11-01T00:00:00Z")
    document = {"architecture": "amd64", "os": "linux", "created": created, "config": run}
    return json.dumps(document | {"rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()


def policy(text, *, now=NOW, timeless=()):
    return parse_policy(text, file="policy.yaml", now=now, timeless=timeless)


def problems(text, *, now=NOW, timeless=()):
    try:
        parse_policy(text, file="policy.yaml", now=now, timeless=timeless)
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
    **more,
):
    blob = Digest.of(f"{source or signer} {subject}".encode())
    made = Evidence(
        kind=kind,
        signer=signer,
        identity=f"key:{key or signer}",
        subject=subject,
        names=None if names is None else tuple(names),
        claims=claims or {},
        sources=(Digest.of(b"manifest of " + blob.hex.encode()), blob),
        place="tag",
        valid_until=until,
    )
    return replace(made, **more)


def statement(predicate, signer="scan", *, of="https://cosign.sigstore.dev/attestation/vuln/v1", at=None, **more):
    """An attestation by `signer`, as a form without a place for names carries it; `at` is its proved time."""
    told = {"names": None, "kind": "attestation", "form": "bundle", "source": f"{signer} {of} {at} {predicate}"} | more
    return proof(signer, predicate_type=of, predicate=predicate, proved_at=at, **told)


def rejection(reason="the signature is of another key", source=b"x", **more):
    return Rejection("tag", Digest.of(source), reason, **more)


def requiring(*requirements, match="ghcr.io/acme/**", **rule) -> Policy:
    """A policy of one rule that requires these values, whatever a file could say."""
    made = simple(match=match)
    changed = replace(made.rules[0], require=All(tuple(requirements)), **rule)
    return replace(made, rules=(changed,))


def child_of(policy, descriptor, *evidence, under, above=(), **more) -> Child:
    """A child, judged as the judge would, under the Index `under` about which `above` was proved."""
    judged = evaluate(
        case(
            policy,
            *evidence,
            digest=descriptor.digest,
            platform=descriptor.platform,
            index=under,
            index_evidence=tuple(above),
            **more,
        )
    )
    return Child(descriptor, judged)


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
    **more,
):
    rule = rule or permits_repository(policy, repository)
    exceptions = exceptions_in_force(policy, repository=repository, digest=digest, now=now, index=more.get("index"))
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
        **more,
    )
