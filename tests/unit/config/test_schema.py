"""What `pratique config schema` prints is what the loader reads."""

import json

import pytest

from proxy.config.descriptions import DESCRIPTIONS
from proxy.config.schema import schema


def objects(node):
    """Every object schema with properties, at any depth."""
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and node.get("type") == "object":
            yield node
        for child in node.values():
            yield from objects(child)
    elif isinstance(node, list):
        for child in node:
            yield from objects(child)


@pytest.fixture(params=["pratique.yaml", "policy.yaml"])
def one(request):
    return schema()[request.param]


def test_both_files_have_a_schema_of_draft_2020_12_with_title_and_description(one):
    assert one["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert one["title"].partition(":")[0] in schema()
    assert one["description"]


def test_it_is_plain_json(one):
    assert json.loads(json.dumps(one)) == one


def test_an_unknown_field_is_refused_everywhere(one):
    assert all(found["additionalProperties"] is False for found in objects(one))


def test_every_field_is_described(one):
    undescribed = [
        (found["title"], name)
        for found in objects(one)
        for name, field in found["properties"].items()
        if not field.get("description")
    ]

    assert undescribed == []


def test_every_description_is_of_a_field_that_is_there():
    fields = {
        (found["title"].partition(":")[0], name)
        for one in schema().values()
        for found in objects(one)
        for name in found["properties"]
    }

    assert {key for key in DESCRIPTIONS if key[0] != "PolicyDocument"} - fields == set()
    assert {name for model, name in DESCRIPTIONS if model == "PolicyDocument"} == set(
        schema()["policy.yaml"]["properties"]
    )


def test_defaults_are_as_a_person_writes_them():
    definitions = schema()["pratique.yaml"]["$defs"]

    assert definitions["RegistryListener"]["properties"]["address"]["default"] == "127.0.0.1:5000"
    assert definitions["StateSettings"]["properties"]["url"]["default"] == "sqlite:state.db"


def test_what_this_version_cannot_honour_is_no_field_of_the_schema():
    definitions = schema()["pratique.yaml"]["$defs"]

    assert "tokens" not in definitions["AdminListener"]["properties"]
    assert "passwordFile" not in definitions["StateSettings"]["properties"]


def test_fields_are_camel_case(one):
    assert not [name for found in objects(one) for name in found["properties"] if "_" in name]
