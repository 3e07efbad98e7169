"""What may be asked for at all, before any evidence. Law: nothing relaxes it: no exception, no `warn`, no pin."""

from proxy.errors import NotAllowed
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.policy.decision import Check
from proxy.policy.rules import Policy, Rule, most_specific


def permits_repository(policy: Policy, repository: Repository) -> Rule:
    """The rule that governs it; raise NotAllowed where there is none."""
    rule = most_specific(policy.rules, repository)
    if rule is None:
        raise NotAllowed(f"no rule matches {repository}; add one to the policy's images")
    return rule


def permits_tag(rule: Rule, tag: Tag) -> None:
    """Raise NotAllowed where the rule names tags and this is none of them."""
    if rule.tags is not None and not any(pattern.matches(tag.name) for pattern in rule.tags):
        named = ", ".join(pattern.text for pattern in rule.tags)
        raise NotAllowed(f"tag {tag} is not permitted; rule {rule.match} permits {named}")


def permits_platform(rule: Rule, platform: Platform | None, *, is_child: bool = False) -> Check:
    """Whether the rule names this platform. `unknown/unknown` is served as a child of an index, and is never the image."""
    if platform is not None and platform.is_unknown:
        summary = "an attestation, served only under its index"
        return Check("platforms", "platform", passed=is_child, summary=summary)
    if not rule.platforms:
        return Check("platforms", "platform", passed=True, summary="the rule permits every platform")
    named = ", ".join(map(str, rule.platforms))
    if platform is None:
        return Check("platforms", "platform", passed=False, summary=f"no platform is named; the rule permits {named}")
    passed = any(each.covers(platform) for each in rule.platforms)
    summary = f"platform {platform}" if passed else f"platform {platform} is not permitted; the rule permits {named}"
    return Check("platforms", "platform", passed=passed, summary=summary)


def revoked_reason(policy: Policy, digest: Digest) -> str | None:
    """Why this digest may never be served again, or None. Wins over every pin, rule and exception."""
    return policy.revoked_digests.get(digest)


def revoked_bytes(policy: Policy, raw: bytes) -> str | None:
    """The same of a manifest's bytes, by whichever digest they were asked for: SHA-512 is no way around SHA-256."""
    if not policy.revoked_digests:
        return None
    reasons = (revoked_reason(policy, each) for each in Digest.all_of(raw))
    return next((reason for reason in reasons if reason is not None), None)
