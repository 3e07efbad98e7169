import pytest

from proxy.errors import NotAllowed
from proxy.oci.reference import Repository
from proxy.pipeline.court.standing import Regime
from proxy.policy.words.document import parse_policy
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
