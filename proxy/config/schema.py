"""The JSON Schemas of both files, for editors and reviews: `pratique config schema`. Pure.

They say what shape is right. What they cannot say, that fields agree and files can be read, `config check` does.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from proxy.config.descriptions import DESCRIPTIONS
from proxy.config.layout import ConfigFile
from proxy.policy.words.document import PolicyDocument
from proxy.settings import Settings
from proxy.web.settings import Address

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Fields have names and descriptions, no titles; an address is written as text."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Address) else super().encode_default(dft)


def schema() -> dict[str, Any]:
    """File name → its schema (draft 2020-12), with title and descriptions."""
    return {
        "pratique.yaml": _of(ConfigFile, title="pratique.yaml: where things are"),
        "policy.yaml": _of(PolicyDocument, title="policy.yaml: what may be pulled"),
    }


def _of(model: type[Settings], *, title: str) -> dict[str, Any]:
    found = _readable(model.model_json_schema(by_alias=True, schema_generator=_Generator))
    description = found.pop("description", "")
    return {"$schema": DIALECT, **found, "title": title, "description": description}


def _readable(node: Any) -> Any:
    """A schema as a person would write it: what cannot be written is not a property, and absence is not a value."""
    if isinstance(node, list):
        return [_readable(child) for child in node]
    if not isinstance(node, dict):
        return node
    node = {key: _readable(child) for key, child in node.items() if key != "default" or _is_told(child)}
    if {"type": "null"} in node.get("anyOf", ()):
        options = [option for option in node.pop("anyOf") if option != {"type": "null"}]
        node |= options[0] if len(options) == 1 else {"anyOf": options}
    if "title" in node and isinstance(node.get("properties"), dict):
        node["properties"] = {
            name: _described(child, DESCRIPTIONS.get((node["title"], name)))
            for name, child in node["properties"].items()
            if child.get("type") != "null" and "not" not in child
        }
    return node


def _is_told(default: Any) -> bool:
    return default not in (None, "") and not isinstance(default, dict | list)


def _described(field: dict[str, Any], description: str | None) -> dict[str, Any]:
    return field if description is None else {**field, "description": description}
