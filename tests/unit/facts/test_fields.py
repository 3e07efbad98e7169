"""The table of facts is fit to be printed: one name, one type, one sentence each."""

from typing import get_args

from proxy.facts import ALIASES, FIELDS
from proxy.facts.kinds import Word


def test_every_alias_and_the_image_have_their_facts_documented():
    assert FIELDS.keys() == {*ALIASES, "image"}
    assert ALIASES.keys() >= {"slsa-provenance", "sbom", "vuln", "vex", "test", "vsa", "sign"}


def test_each_fact_has_a_name_of_its_own_a_type_and_sentences():
    for fields in FIELDS.values():
        assert len({field.name for field in fields}) == len(fields)
        for field in fields:
            assert field.name.isidentifier()
            assert field.type in get_args(Word)
            assert field.doc.endswith(".")
            assert field.doc[0].isupper() or field.doc[0] == "`"


def test_every_alias_tells_the_predicate_itself():
    assert all("predicate" in {field.name for field in FIELDS[alias]} for alias in ALIASES)


def test_no_predicate_type_has_two_aliases():
    listed = [kind for types in ALIASES.values() for kind in types]
    assert len(listed) == len(set(listed))
