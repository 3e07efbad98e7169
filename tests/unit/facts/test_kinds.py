"""What facts are: frozen, and by one alias whatever the format."""

import dataclasses

import pytest

from proxy.facts import ALIASES, Facts, Unreadable, alias_of


def test_a_type_has_the_policys_word_for_it():
    assert (
        alias_of("https://slsa.dev/provenance/v0.2") == alias_of("https://slsa.dev/provenance/v1") == "slsa-provenance"
    )
    assert alias_of("https://spdx.dev/Document") == alias_of("https://cyclonedx.org/bom") == "sbom"
    assert alias_of("https://acme.test/x") is None


def test_facts_and_aliases_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Facts("sbom", "x", {}).alias = "vex"
    with pytest.raises(TypeError):
        ALIASES["sbom"] = ()


def test_unreadable_is_a_value_error():
    assert issubclass(Unreadable, ValueError)
