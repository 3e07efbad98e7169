"""One door: every reader fills exactly its documented fields, with their types, or says in a sentence why not."""

import base64
import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.facts import ALIASES, FIELDS, Facts, Unreadable, read
from proxy.facts.reading import READERS
from proxy.facts.shapes import moment_of
from proxy.oci.strictjson import parse
from tests.fakes.layouts import VECTORS, needs_vectors
from tests.fakes.predicates import GOOD, SLSA_V1, VEX

CASES = [(kind, predicate) for kind, predicates in GOOD.items() for predicate in predicates]
IDS = [f"{kind.removeprefix('https://')}-{number}" for number, (kind, _) in enumerate(CASES)]
TYPES = {"string": str, "int": int, "bool": bool, "list": list, "map": dict}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=10,
)


def require_documented(facts: Facts) -> None:
    assert facts.values.keys() == {field.name for field in FIELDS[facts.alias]}
    for field in FIELDS[facts.alias]:
        value = facts.values[field.name]
        if value is None:
            continue
        if field.type == "time":
            assert moment_of(value, what=field.name) is not None
            assert value.endswith("Z")
        else:
            assert type(value) is TYPES[field.type], field.name


def require_documented_or_unreadable(kind: str, predicate) -> None:
    """Facts, or a sentence that fits a line and is printable; nothing else."""
    try:
        facts = read(kind, predicate)
    except Unreadable as error:
        sentence = str(error)
    else:
        require_documented(facts)
        return
    assert sentence.startswith(("the ", "a ", "component "))
    assert sentence.isprintable()
    assert len(sentence) < 400


@pytest.mark.parametrize(("kind", "predicate"), CASES, ids=IDS)
def test_every_reader_fills_exactly_its_documented_fields(kind, predicate):
    facts = read(kind, predicate)
    require_documented(facts)
    assert kind in ALIASES[facts.alias]
    assert facts.predicate_type == kind
    assert facts.values["predicate"] == (predicate or {})
    assert json.loads(json.dumps(facts.values)) == facts.values


def test_every_field_of_every_alias_is_told_by_some_good_predicate():
    told = {
        (read(kind, each).alias, name)
        for kind, each in CASES
        for name, value in read(kind, each).values.items()
        if value is not None
    }
    documented = {(alias, field.name) for alias, fields in FIELDS.items() for field in fields if alias != "image"}
    assert told == documented


def test_every_type_of_every_alias_has_a_reader_and_no_other():
    assert READERS.keys() == {kind for types in ALIASES.values() for kind in types}


def test_a_type_that_no_reader_knows_has_its_predicate_and_nothing_else():
    for predicate in ({"passed": True}, [1], "text", None):
        assert read("https://acme.test/scan/v1", predicate) == Facts(
            None, "https://acme.test/scan/v1", {"predicate": predicate}, None
        )


def test_a_type_is_compared_as_a_whole():
    for kind in (
        "https://slsa.dev/provenance/v1/",
        "https://slsa.dev/provenance/v1.1",
        "HTTPS://slsa.dev/provenance/v1",
    ):
        assert read(kind, SLSA_V1).alias is None


def test_the_time_that_a_predicate_claims_is_told():
    assert read("https://slsa.dev/provenance/v1", SLSA_V1).created == datetime(2026, 11, 1, 10, 5, tzinfo=UTC)
    assert read("https://openvex.dev/ns", VEX).created == datetime(2026, 11, 1, tzinfo=UTC)
    assert read("https://sigstore.dev/cosign/sign/v1", {}).created is None


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("predicate", [[], "text", 5, True, 1.5, [{}]])
def test_t22_what_is_no_object_is_unreadable(kind, predicate):
    with pytest.raises(Unreadable) as caught:
        read(kind, predicate)
    assert str(caught.value).startswith("the ")


@pytest.mark.parametrize(
    "kind", READERS.keys() - {"https://sigstore.dev/cosign/sign/v1", "https://cosign.sigstore.dev/attestation/v1"}
)
@pytest.mark.parametrize("predicate", [{}, None])
def test_t23_what_says_nothing_is_unreadable(kind, predicate):
    with pytest.raises(Unreadable):
        read(kind, predicate)


@given(st.sampled_from(sorted(READERS)), JSON)
@example("https://spdx.dev/Document", {"spdxVersion": []})
@example("https://cyclonedx.org/bom", {"bomFormat": "CycloneDX", "specVersion": {}, "components": []})
def test_t55_any_json_is_facts_or_unreadable(kind, predicate):
    require_documented_or_unreadable(kind, predicate)


def places(value, path=()):
    """Every place in a JSON value, as a path."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        yield from places(each, (*path, key))


def spoiled(value, path, wrong):
    """The value with something else at the path."""
    if not path:
        return wrong
    twin = copy.deepcopy(value)
    holder = twin
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = wrong
    return twin


@pytest.mark.parametrize(("kind", "predicate"), CASES, ids=IDS)
def test_t55_a_good_predicate_with_any_one_thing_spoiled_is_facts_or_unreadable(kind, predicate):
    for path in places(predicate):
        for wrong in (
            None,
            0,
            -1,
            1.5,
            True,
            "",
            "wrong",
            "\ud800",
            [],
            [None],
            ["x"],
            [[]],
            {},
            {"id": []},
            {"": None},
        ):
            require_documented_or_unreadable(kind, spoiled(predicate, path, wrong))


def statements():
    """Every statement among the vectors: what real tools wrote."""
    for place in sorted(VECTORS.rglob("*")):
        if place.is_file() and place.stat().st_size < 1_000_000 and place.read_bytes()[:1] == b"{":
            yield from _within(parse(place.read_bytes()))


def _within(document):
    if "predicateType" in document:
        yield document
    for holder in (document, document.get("dsseEnvelope")):
        if isinstance(holder, dict) and "payloadType" in holder:
            inner = parse(base64.b64decode(holder["payload"]))
            if isinstance(inner, dict) and "predicateType" in inner:
                yield inner


@needs_vectors
def test_every_predicate_that_real_tools_wrote_is_read():
    seen = set()
    for statement in statements():
        facts = read(statement["predicateType"], statement.get("predicate"))
        seen.add(facts.alias)
        if facts.alias is not None:
            require_documented(facts)
    assert seen == {"slsa-provenance", "sbom", "vuln", "vex", "sign", "custom", None}
