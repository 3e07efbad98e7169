import pytest

from tests.unit.policy.cases import IMAGE, OTHER, policy, problems, rule_text, signers, simple


def order(*matches):
    return problems(signers("team") + "images:\n" + "".join(rule_text(match=match) for match in matches))


def test_two_rules_of_equal_specificity_that_can_match_one_name_are_refused():
    (problem,) = order("ghcr.io/a*/b", "ghcr.io/*c/b")
    assert problem == (
        "policy.yaml:6: images[1].match: some name matches this and 'ghcr.io/a*/b' (line 4), and neither is more specific; "
        "change one so that they do not overlap"
    )


@pytest.mark.parametrize(
    "matches",
    [
        ("ghcr.io/a*/b", "ghcr.io/c*/b"),
        ("ghcr.io/a/**", "ghcr.io/b/**"),
        ("ghcr.io/**", "ghcr.io/a/**", "ghcr.io/a/*", "ghcr.io/a/b*", "ghcr.io/a/bc"),
        ("*.example/**", "ghcr.io/**"),
        ("**", "docker.io/**"),
    ],
)
def test_rules_that_share_no_name_or_differ_in_specificity_stand_together(matches):
    assert order(*matches) == ()


def test_a_duplicate_match_is_refused():
    assert "has a rule already, in line 4; make them one" in order("ghcr.io/a/**", "ghcr.io/a/**")[0]


@pytest.mark.parametrize("matches", [("*/**", "**/x"), ("**/x", "*/**"), ("h.io/*/**", "h.io/**/x")])
def test_a_rule_that_governs_nothing_is_refused(matches):
    (problem,) = order(*matches)
    assert "unreachable" in problem
    assert "remove one of them" in problem


def test_an_unused_signer_is_a_warning():
    assert simple(names=("team", "spare")).warnings == (
        "policy.yaml:4: signers.spare: no rule asks for this signer; remove it, or require its signature",
    )


def test_t31_a_window_that_is_past_is_a_warning():
    read = policy(f"signers: {{ team: {{ key: k, log: none, validUntil: 2026-01-01 }} }}\nimages:\n{rule_text()}")
    assert read.warnings == (
        "policy.yaml:1: signers.team.validUntil: past since 2026-01-01; this signer proves nothing",
    )


def test_a_match_that_names_no_host_is_a_warning():
    assert "does not look like a registry" in simple(match="nvidia/cuda").warnings[0]
    assert simple(match="localhost/cuda").warnings == ()


def test_a_trust_root_that_no_signer_stands_under_is_a_warning():
    read = policy(f"trustRoots:\n  corp: {{ certificates: ca.pem }}\n{signers('team')}images:\n{rule_text()}")
    assert read.warnings == (
        "policy.yaml:2: trustRoots.corp: no signer stands under it; remove it, or name it in a signer",
    )


BASED = """
signers: {{ team: {{ key: t, log: none }}, os: {{ key: o, log: none }}, other: {{ key: x, log: none }} }}
images:
  - {{ match: ghcr.io/acme/**, require: [{{ signature: team }}], base: {base} }}
  - {{ match: docker.io/**, require: [{{ signature: {os} }}] }}
exceptions:
  - {{ match: docker.io/a/b, digest: "{image}", waive: [signature], reason: {why}, by: me, until: 2026-11-20 }}
revoked:
  - {{ digest: "{gone}", reason: r }}
"""


def based(base, os="os", why="r", gone=OTHER):
    read = policy(BASED.format(base=base, os=os, image=IMAGE, why=why, gone=gone))
    return next(rule for rule in read.rules if rule.match == "ghcr.io/acme/**")


def test_a_base_is_judged_by_requirements_of_its_own_or_by_a_rule():
    asked = based("{ require: [{ signature: os }] }").base
    assert [leaf.signer for leaf in asked.require.of] == ["os"]
    assert (asked.rule, asked.is_own) == (None, False)
    named = based("{ rule: docker.io/** }").base
    assert (named.require, named.rule, named.is_own) == (None, "docker.io/**", False)
    assert based("{ rule: own }").base.is_own


def test_whoever_may_speak_for_a_base_counts_as_a_signer_of_the_rule():
    assert based("{ require: [{ signature: other }] }").signer_names == {"team", "other"}
    assert based("{ rule: docker.io/** }").signer_names == {"team", "os"}
    assert based("{ rule: own }").signer_names == {"team", "os"}


@pytest.mark.parametrize("base", ["{ rule: own }", "{ rule: docker.io/** }", "{ require: [{ signature: os }] }"])
def test_a_decision_changes_with_all_that_may_decide_about_its_base(base):
    once = based(base).fingerprint
    assert once == based(base).fingerprint
    changed = [based(base, os="other"), based(base, why="s"), based(base, gone=IMAGE)]
    assert len({once, *(rule.fingerprint for rule in changed)}) == 4


def test_a_rule_without_a_base_does_not_change_with_another_rule():
    read = policy(BASED.format(base="{ rule: own }", os="os", image=IMAGE, why="r", gone=OTHER))
    other = policy(BASED.format(base="{ require: [{ signature: os }] }", os="os", image=IMAGE, why="r", gone=IMAGE))
    assert read.rules[1].match == other.rules[1].match == "docker.io/**" or read.rules[0].match == "docker.io/**"
    prints = [{rule.match: rule.fingerprint for rule in each.rules} for each in (read, other)]
    assert prints[0]["docker.io/**"] == prints[1]["docker.io/**"]
    assert prints[0]["ghcr.io/acme/**"] != prints[1]["ghcr.io/acme/**"]
