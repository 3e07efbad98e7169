"""The start-up line's words."""

from datetime import UTC, datetime

from proxy.cli.serve import permits
from proxy.policy.words.document import parse_policy

ZERO = datetime(2026, 1, 2, tzinfo=UTC)
RULE = "  - { match: reg.test/x%d, require: [ { digest: [ sha256:%s ] } ]%s }\n"


def policy(count: int, extra: str = ""):
    text = "version: 1\nimages:\n" + "".join(RULE % (number, "a" * 64, extra) for number in range(count))
    return parse_policy(text, file="policy.yaml", now=ZERO)


def test_an_empty_policy_denies_everything_and_says_so():
    assert "every pull is refused" in permits(parse_policy("version: 1\n", file="policy.yaml", now=ZERO))


def test_rules_are_named_and_the_rest_is_counted():
    words = permits(policy(8))
    assert "reg.test/x0" in words
    assert "and 2 more; everything else is refused" in words


def test_a_rule_that_only_warns_is_marked():
    assert "reg.test/x0 (warn)" in permits(policy(1, ", mode: warn"))
