from datetime import timedelta

import pytest

from proxy.facts import ALIASES, FIELDS
from proxy.policy.checks.where import Where
from proxy.policy.words.attestations import _OF_OBJECTS
from tests.unit.policy.cases import policy, problems

SIGNERS = """
signers:
  team: { key: team.pub, log: none }
  ci: { issuer: 'https://ci.corp', subject: 'https://ci.corp/ml' }
"""


def text(entry):
    return f"{SIGNERS}images:\n  - match: ghcr.io/x\n    require: [{{ {entry} }}]\n"


def asked(entry):
    return policy(text(entry)).rules[0].require.of[0]


def test_an_alias_means_its_predicate_types_and_a_uri_itself():
    for alias, types in ALIASES.items():
        found = asked(f"attestation: {alias}, by: team")
        assert (found.kind, found.types) == (alias, types)
    found = asked("attestation: 'https://acme.test/scan/v1', by: team")
    assert (found.kind, found.types) == ("https://acme.test/scan/v1", ("https://acme.test/scan/v1",))


def test_all_that_an_attestation_can_be_asked():
    found = asked(
        "attestation: vuln, by: ci, maxAge: 7d, grace: 2d, covers: platform, vex: team, name: cves, "
        "where: { critical: 0, high: '<=5' }, condition: 'total < 100'"
    )
    assert (found.name, found.signer, found.vex, found.covers) == ("cves", "ci", "team", "platform")
    assert (found.max_age, found.grace) == (timedelta(days=7), timedelta(days=2))
    assert found.where == (Where.number("critical", 0), Where.number("high", "<=5"))
    assert found.condition == "total < 100"


def test_facts_of_a_uri_that_a_reader_knows_may_be_asked():
    found = asked("attestation: 'https://slsa.dev/provenance/v1', by: ci, where: { source: 'github.com/acme/*' }")
    assert found.types == ("https://slsa.dev/provenance/v1",)
    assert found.where == (Where.one_of("source", "github.com/acme/*"),)


def test_a_uri_without_a_reader_is_asked_by_a_condition_over_its_predicate():
    found = asked("attestation: 'https://acme.test/scan/v1', by: ci, condition: 'predicate.ok == true'")
    assert found.condition == "predicate.ok == true"
    (problem,) = problems(text("attestation: 'https://acme.test/scan/v1', by: ci, where: { ok: true }"))
    assert "no reader knows the facts of this type; use `condition` over `predicate`" in problem


def test_levels_are_given_to_builders_in_the_order_of_the_file():
    found = asked(
        "attestation: slsa-provenance, by: ci, where: { level: '>=3' }, "
        "levels: { 'https://ci.corp/isolated': 3, 'https://ci.corp/*': 2 }"
    )
    assert found.levels == (("https://ci.corp/isolated", 3), ("https://ci.corp/*", 2))
    assert found.where == (Where.number("level", ">=3"),)
    by_condition = asked(
        "attestation: slsa-provenance, by: ci, condition: 'level >= 3', levels: { 'https://ci.corp/*': 3 }"
    )
    assert by_condition.levels == (("https://ci.corp/*", 3),)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (alias, field)
        for alias in ALIASES
        for field in FIELDS[alias]
        if field.type in ("string", "int", "bool", "list") and field.name not in _OF_OBJECTS
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_t27_every_fact_can_be_asked_for_by_its_type_and_by_no_other(kind, field):
    right = {"string": "a", "int": 1, "bool": "true", "list": "[a, b]"}[field.type]
    wrong = {"string": 1, "int": "a", "bool": 1, "list": "[1]"}[field.type]
    assert len(asked(f"attestation: {kind}, by: team, where: {{ {field.name}: {right} }}").where) == 1
    (problem,) = problems(text(f"attestation: {kind}, by: team, where: {{ {field.name}: {wrong} }}"))
    assert f"where.{field.name}: " in problem


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (alias, field)
        for alias in ALIASES
        for field in FIELDS[alias]
        if field.type in ("time", "map") or field.name in _OF_OBJECTS
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_t27_a_fact_that_no_value_is_compared_with_is_an_error_and_not_ignored(kind, field):
    (problem,) = problems(text(f"attestation: {kind}, by: team, where: {{ {field.name}: a }}"))
    assert "use " in problem
    assert "`condition`" in problem


def test_lists_of_objects_are_those_that_the_facts_describe_as_such():
    described = {
        field.name for fields in FIELDS.values() for field in fields if field.type == "list" and "object" in field.doc
    }
    assert described <= _OF_OBJECTS
    assert {field.name for fields in FIELDS.values() for field in fields if field.type == "list"} >= _OF_OBJECTS


def test_all_that_the_image_itself_can_be_asked():
    found = asked(
        "image: { maxAge: 30d, where: { isRoot: false, layers: '<=50' }, condition: 'size < 1000' }, name: small"
    )
    assert (found.name, found.max_age, found.condition) == ("small", timedelta(days=30), "size < 1000")
    assert found.where == (Where.flag("isRoot", written=False), Where.number("layers", "<=50"))


@pytest.mark.parametrize("entry", ["attestation: vuln, by: ci", "image:"])
@pytest.mark.parametrize("nothing", ["''", "[]", "{}", "~"])
def test_t23_an_empty_where_is_never_read_as_any(entry, nothing):
    place = f"{entry}, where: {nothing}" if "by" in entry else f"image: {{ where: {nothing} }}"
    assert any("it is empty" in problem for problem in problems(text(place)))


def test_a_problem_of_an_attestation_is_told_once():
    assert len(problems(text("attestation: vlun, by: ci, where: { critical: 0 }, condition: 'high < 1'"))) == 1
    assert len(problems(text("attestation: vuln, by: ci, where: { critcal: 0 }"))) == 1
    assert len(problems(text("attestation: vuln, by: 12, maxAge: 7d"))) == 1
    assert len(problems(text("attestation: 12, by: ci"))) == 1
