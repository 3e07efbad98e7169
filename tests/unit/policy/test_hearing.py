"""One hearing: a pure function of its Brief, in which two verifiers are asked and whatever one of them calls wrong is struck."""

import json
import pickle
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.demo.images import new_key
from proxy.errors import NotAllowed
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.policy import hearing
from proxy.policy.decision import Decision
from proxy.policy.evaluate import Wanted
from proxy.policy.hearing import Brief, Seen, asks_of_children, hear, key_of, rule_of
from proxy.policy.match import TextPattern
from proxy.verify import keys, trustedroot
from proxy.verify.crosscheck import Opinion
from proxy.verify.evidence import Found, Target
from proxy.verify.material import KeylessSigner, KeySigner, TrustMaterial
from tests.fakes.gathering import statement
from tests.fakes.signing import AT, GITHUB, Key, Sigstore, Workflow
from tests.unit.policy.cases import IMAGE, LINUX, NOW, OTHER, REPOSITORY, index, manifest, policy, rule_text, simple

TARGET = Target(REPOSITORY, IMAGE, mediatype.OCI_MANIFEST, 5)
OWN = "https://acme.test/review/v1"


def material(*names, **more):
    """Signers by key, whose private halves are made of their names."""
    signers = {}
    for name in names:
        key, spki = keys.load(new_key(name)[1])
        signers[name] = KeySigner(name, key, spki)
    return TrustMaterial(signers=signers, **more)


def attested(about=IMAGE, *, by="team", name="a"):
    raw = Key(new_key(by)[0]).dsse(statement(about, OWN, ok=True))
    return Found("referrers", Digest.of(name.encode()), Digest.of(raw), mediatype.DSSE, {}, raw)


def brief(*founds, gathered=True, **more):
    own = Seen(TARGET, founds, gathered=gathered)
    return Brief(more.pop("rule", "ghcr.io/acme/**"), manifest(), own, NOW, platform=LINUX, **more)


ATTESTED = simple(f"[{{ attestation: '{OWN}', by: team }}]")


def test_it_says_what_it_wants_and_then_decides_by_what_was_found():
    assert hear(brief(gathered=False), ATTESTED, material("team")) == Wanted("signatures")
    decision = hear(brief(attested()), ATTESTED, material("team"))
    assert isinstance(decision, Decision)
    assert decision.is_allow
    assert decision.opinions == ("pratique",), "a key's envelope has no bundle for a second one"
    assert not hear(brief(attested(by="other")), ATTESTED, material("team")).is_allow
    assert not hear(brief(attested(OTHER)), ATTESTED, material("team")).is_allow


def test_the_same_brief_gives_the_same_decision_wherever_it_is_held():
    held = brief(attested(), attested(by="other", name="b"))
    there = pickle.loads(pickle.dumps(held))  # noqa: S301 our own bytes
    assert hear(held, ATTESTED, material("team")) == hear(there, ATTESTED, material("team"))


def test_a_signer_who_is_not_believed_any_more_proves_nothing():
    assert not hear(brief(attested()), ATTESTED, material("other")).is_allow


def test_what_could_not_be_read_leaves_it_open_and_never_refused():
    held = brief()
    gapped = replace(held, own=replace(held.own, gaps=("the referrers could not be read",)))
    decision = hear(gapped, ATTESTED, material("team"))
    assert not decision.is_conclusive
    assert "could not be read" in decision.summary


def test_what_was_found_of_the_index_counts_for_the_index_and_names_the_child():
    above = Target(REPOSITORY, OTHER, mediatype.OCI_INDEX, 5)
    seen = Seen(above, (attested(OTHER),), gathered=True, raw=index(OTHER).raw)
    decision = hear(brief(index=seen), ATTESTED, material("team"))
    assert (decision.is_allow, decision.digest, decision.index) == (True, IMAGE, OTHER)
    stranger = replace(seen, founds=(attested(IMAGE),))
    assert not hear(brief(index=stranger), ATTESTED, material("team")).is_allow


def test_a_rule_that_is_gone_judges_nothing():
    with pytest.raises(NotAllowed, match="no rule other"):
        hear(brief(attested(), rule="other/**"), ATTESTED, material("team"))


# What decides where it is held.


def test_its_size_is_all_that_must_be_read():
    found = attested()
    held = brief(found, config_raw=b"12345", revocation={"http://crl": b"123"})
    assert held.size == len(found.payload) + 8
    seen = Seen(TARGET, (found,), gathered=True)
    assert replace(held, index=seen).size == held.size + len(found.payload)


def test_only_small_signatures_are_light():
    simple_one = Found(
        "tag", IMAGE, OTHER, mediatype.SIMPLE_SIGNING, {"dev.cosignproject.cosign/signature": "x"}, b"{}"
    )
    assert brief(simple_one).is_light
    assert not brief(simple_one, attested()).is_light
    laden = replace(simple_one, annotations={"dev.sigstore.cosign/chain": "x" * 70_000})
    assert not brief(laden).is_light


# Rules and keys.

BASED = """\
version: 1
signers:
  team: { key: team.pub, log: none }
  other: { key: other.pub, log: none }
images:
"""


def based(base):
    more = f"base: {base}\nplatforms: [linux/arm64]\nmode: warn\ntags: ['v*']"
    return policy(f"{BASED}{rule_text(more=more)}{rule_text(match='docker.io/library/*')}")


def test_what_a_rule_requires_of_a_base_relaxes_nothing_and_is_about_any_name():
    made = rule_of(based("{ require: [ { signature: other } ] }"), "ghcr.io/acme/**", is_base=True)
    assert made.signer_names == frozenset({"other"})
    assert (made.mode, made.platforms, made.tags, made.base) == ("enforce", (), None, None)
    assert made.glob.matches("docker.io/library/debian")
    with pytest.raises(NotAllowed, match="asks nothing of a base"):
        rule_of(simple(), "ghcr.io/acme/**", is_base=True)


def test_a_rule_that_is_named_for_bases_counts_whatever_they_are_called():
    named = rule_of(simple(), "ghcr.io/acme/**", any_name=True)
    assert named.glob.matches("docker.io/library/debian")
    assert not rule_of(simple(), "ghcr.io/acme/**").glob.matches("docker.io/library/debian")


@pytest.mark.parametrize(
    ("require", "more", "asks"),
    [
        ("[{ signature: team }]", "", False),
        ("[{ signature: team, covers: platform }]", "", True),
        ("[{ signature: team }]", "covers: any", True),
        (f"[{{ atLeast: 1, of: [{{ attestation: '{OWN}', by: team, covers: platform }}] }}]", "", True),
        ("[{ signature: team }, { image: { maxAge: 30d } }]", "", True),
        ("[{ signature: team }]", "base: { require: [ { signature: team } ] }", True),
    ],
)
def test_a_child_is_judged_by_itself_where_something_is_asked_of_each(require, more, asks):
    assert asks_of_children(simple(require, more=more).rules[0]) == asks


def test_promise_5_a_decision_is_looked_up_by_everything_that_it_is_bound_to():
    one, trust = simple(), material("team")

    def key(policy=one, believed=trust, digest=IMAGE, repository=REPOSITORY, now=NOW, under=None):
        target = Target(repository, digest, "", 0)
        return key_of(policy, believed, policy.rules[0], target, now, index=under)

    waived = simple(
        after=f"exceptions:\n  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [team], reason: INC-1, by: j, "
        "until: 2026-11-20T00:00Z }\n",
        require="[{ signature: team, name: team }]",
    )
    keys = {
        key(),
        key(digest=OTHER),
        key(repository=replace(REPOSITORY, name="acme/other")),
        key(policy=simple(more="mode: warn")),
        key(policy=simple("[{ signature: team, name: renamed }]")),
        key(believed=replace(trust, signers={"team": replace(trust.signers["team"], spki="0" * 64)})),
        key(believed=TrustMaterial({})),
        key(under=OTHER),
        key(policy=waived),
        key(policy=waived, now=NOW + timedelta(days=20)),
    }
    assert len(keys) == 10
    assert key() == key(now=NOW + timedelta(days=20)), "time alone is no part of it"


# The second opinion.


@pytest.fixture
def bundled():
    """A bundle by a workflow under a private Sigstore, and the policy and material that admit it."""
    sigstore = Sigstore()
    san = "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1"
    made = Workflow(sigstore, san).bundle(statement(IMAGE, OWN, ok=True))
    root = trustedroot.parse("private", sigstore.logged)
    signer = KeylessSigner("team", root.name, GITHUB, TextPattern.exact(san))
    return made, TrustMaterial({"team": signer}, roots={root.name: root})


def found_bundle(bundle, name="bundle"):
    raw = json.dumps(bundle).encode()
    return Found("referrers", Digest.of(name.encode()), Digest.of(raw), mediatype.SIGSTORE_BUNDLE, {}, raw)


@pytest.fixture(autouse=True)
def _no_opinions_of_before():
    hearing._OPINIONS.clear()


def test_both_are_asked_of_a_bundle_and_the_decision_says_who_agreed(bundled):
    bundle, trust = bundled
    decision = hear(replace(brief(found_bundle(bundle)), now=AT), ATTESTED, trust)
    assert decision.is_allow, decision.summary
    assert decision.opinions == ("pratique", "sigstore-python")


def test_what_the_library_calls_wrong_is_struck_with_an_alarm_and_denied(bundled, monkeypatch):
    bundle, trust = bundled
    monkeypatch.setattr(hearing, "second_opinion", lambda *_, **__: Opinion("wrong", "the log is another", "library"))
    decision = hear(replace(brief(found_bundle(bundle)), now=AT), ATTESTED, trust)
    assert (decision.is_allow, decision.reason) == (False, "verifiers-disagree")
    (alarm,) = decision.alarms
    assert "the log is another" in alarm
    assert decision.is_alarm


def test_what_the_library_cannot_read_is_no_opinion(bundled, monkeypatch):
    bundle, trust = bundled
    monkeypatch.setattr(hearing, "second_opinion", lambda *_, **__: Opinion("unsupported", "it reads no such thing"))
    decision = hear(replace(brief(found_bundle(bundle)), now=AT), ATTESTED, trust)
    assert decision.is_allow
    assert decision.opinions == ("pratique",)
    assert decision.alarms == ()


def test_an_opinion_is_asked_once_for_the_same_bytes_root_and_subject(bundled, monkeypatch):
    bundle, trust = bundled
    asked = []

    def opinion(raw, **_):
        asked.append(raw)
        return Opinion("agrees", by="library")

    monkeypatch.setattr(hearing, "second_opinion", opinion)
    monkeypatch.setattr(hearing, "_MOST_OPINIONS", 2)
    held = replace(brief(found_bundle(bundle)), now=AT)
    assert hear(held, ATTESTED, trust) == hear(held, ATTESTED, trust)
    assert len(asked) == 1
    assert len(hearing._OPINIONS) == 1


def test_what_the_library_never_saw_is_not_asked_of_it(monkeypatch):
    def opinion(*_, **__):
        raise AssertionError("it is no bundle")

    monkeypatch.setattr(hearing, "second_opinion", opinion)
    assert hear(brief(attested()), ATTESTED, material("team")).is_allow


def test_a_root_that_must_not_be_used_leaves_it_open(bundled):
    bundle, trust = bundled
    stale = replace(trust, roots={}, stale={"private": "trust root private is 31 days old"})
    decision = hear(replace(brief(found_bundle(bundle)), now=AT), ATTESTED, stale)
    assert not decision.is_conclusive
    assert "31 days old" in decision.summary
