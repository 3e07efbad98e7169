from datetime import timedelta

import pytest

from proxy.errors import NotAllowed
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.court.standing import Regime
from proxy.policy.hearing import key_of
from proxy.policy.words.document import parse_policy
from proxy.verify.evidence import Target
from proxy.verify.material import TrustMaterial
from tests.fakes.clock import START

REPOSITORY = Repository("reg.test", "acme/app")
POLICY = """\
version: 1
images:
  - match: reg.test/acme/**
    require: [ { digest: [ "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" ] } ]
"""


def policy(text: str):
    return parse_policy(text, file="policy.yaml", now=START)


def test_a_replacement_is_one_step_and_drops_the_rules_that_were_remembered():
    regime = Regime(policy(POLICY), TrustMaterial({}), {})
    before = regime.current
    assert before.rule(REPOSITORY).match == "reg.test/acme/**"
    seen = []
    regime.on_change(lambda: seen.append(regime.current.generation))
    regime.replace(policy("version: 1\n"), TrustMaterial({}), {})
    assert seen == [1]
    with pytest.raises(NotAllowed):
        regime.current.rule(REPOSITORY)
    assert before.rule(REPOSITORY).match == "reg.test/acme/**", "who works with the old one sees all of the old one"


def test_what_no_rule_names_is_not_remembered():
    standing = Regime(policy(POLICY), TrustMaterial({}), {}).current
    for number in range(3):
        with pytest.raises(NotAllowed):
            standing.rule(Repository("reg.test", f"other/{number}"))
    assert standing._rules == {}


IMAGE = Digest.of(b"image")
EXCEPTED = f"""\
{POLICY}exceptions:
  - {{ match: reg.test/acme/app, digest: "{IMAGE}", waive: [digest], reason: INC-1, by: j.doe, until: 2026-06-10T00:00Z }}
"""


def standing(text):
    return Regime(policy(text), TrustMaterial({}), {}).current


def test_a_key_is_what_the_judge_makes_of_the_same_things_and_is_remembered():
    one = standing(POLICY)
    key = one.key(REPOSITORY, IMAGE, START)
    assert key == key_of(
        one.policy, one.material, one.rule(REPOSITORY), Target(REPOSITORY, IMAGE, "", 0), START, index=None
    )
    assert one.key(REPOSITORY, IMAGE, START) is key
    others = {one.key(REPOSITORY, IMAGE, START, index=IMAGE), one.key(REPOSITORY, Digest.of(b"x"), START)}
    assert len({key, *others}) == 3
    with pytest.raises(NotAllowed):
        one.key(Repository("reg.test", "other/app"), IMAGE, START)


def test_an_exception_is_in_the_key_while_it_is_in_force_and_no_longer():
    one = standing(EXCEPTED)
    before = one.key(REPOSITORY, IMAGE, START)
    after = one.key(REPOSITORY, IMAGE, START + timedelta(days=30))
    assert before != after
    assert after == standing(POLICY).key(REPOSITORY, IMAGE, START)
    assert one.key(REPOSITORY, IMAGE, START) == before


def test_keys_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.court.standing._KEYS", 3)
    one = standing(POLICY)
    keys = {one.key(REPOSITORY, Digest.of(str(number).encode()), START) for number in range(9)}
    assert len(keys) == 9
    assert len(one._keys) <= 3
