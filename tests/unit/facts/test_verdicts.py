"""A verdict is one of its words, and one that contradicts itself is no verdict."""

import pytest

from proxy.facts import Unreadable, read
from tests.fakes.predicates import CUSTOM, TEST, VSA_V02, VSA_V1

VSA_TYPES = [
    ("https://slsa.dev/verification_summary/v0.2", VSA_V02),
    ("https://slsa.dev/verification_summary/v1", VSA_V1),
]
TEST_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
CUSTOM_TYPE = "https://cosign.sigstore.dev/attestation/v1"
SIGN_TYPE = "https://sigstore.dev/cosign/sign/v1"


@pytest.mark.parametrize(("kind", "predicate"), VSA_TYPES)
def test_both_versions_of_a_summary_come_to_the_same_facts(kind, predicate):
    values = read(kind, predicate).values
    assert values["verifier"] == "https://acme.test/verifier"
    assert values["resource"] == "ghcr.io/acme/ml/trainer"
    assert values["policy"] == "https://acme.test/policy"
    assert (values["result"], values["passed"]) == ("PASSED", True)
    assert values["timeVerified"] == "2026-11-01T00:00:00Z"
    assert list(values["dependencyLevels"].values()) == [7]
    assert values["levels"][0].endswith("LEVEL_3")


@pytest.mark.parametrize(
    "changes",
    [
        {"verificationResult": None},
        {"verificationResult": "passed"},
        {"verificationResult": "PASSED "},
        {"verificationResult": True},
        {"verificationResult": "PASSED", "verifiedLevels": ["FAILED"]},
        {"verifiedLevels": "SLSA_BUILD_LEVEL_3"},
        {"verifiedLevels": [3]},
        {"verifier": {}},
        {"verifier": "https://acme.test/verifier"},
        {"resourceUri": ""},
        {"timeVerified": "today"},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_2": -1}},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_2": True}},
    ],
)
def test_t22_a_summary_that_is_not_whole_is_unreadable(changes):
    with pytest.raises(Unreadable):
        read("https://slsa.dev/verification_summary/v1", {**VSA_V1, **changes})


def test_t22_a_summary_under_the_other_versions_type_is_unreadable():
    with pytest.raises(Unreadable):
        read("https://slsa.dev/verification_summary/v1", VSA_V02)
    with pytest.raises(Unreadable):
        read("https://slsa.dev/verification_summary/v0.2", VSA_V1)


def test_a_failed_summary_is_told_as_failed():
    values = read("https://slsa.dev/verification_summary/v1", {**VSA_V1, "verificationResult": "FAILED"}).values
    assert (values["result"], values["passed"]) == ("FAILED", False)


def test_t23_a_summary_without_levels_has_none():
    twin = {name: value for name, value in VSA_V1.items() if name != "verifiedLevels"}
    assert read("https://slsa.dev/verification_summary/v1", twin).values["levels"] == []


def test_a_test_result_is_read():
    values = read(TEST_TYPE, TEST).values
    assert (values["result"], values["passed"]) == ("PASSED", True)
    assert values["passedTests"] == ["unit", "e2e"]
    assert values["configuration"][0]["name"] == "ci.yml"


@pytest.mark.parametrize(("word", "passed"), [("PASSED", True), ("WARNED", False), ("FAILED", False)])
def test_only_passed_has_passed(word, passed):
    assert read(TEST_TYPE, {**TEST, "result": word}).values["passed"] is passed


@pytest.mark.parametrize(
    "changes",
    [
        {"result": None},
        {"result": "OK"},
        {"result": "passed"},
        {"failedTests": ["e2e"]},
        {"result": "WARNED", "failedTests": ["e2e"]},
        {"failedTests": "e2e"},
        {"passedTests": [1]},
        {"configuration": ["ci.yml"]},
        {"url": 5},
    ],
)
def test_t22_a_test_result_that_contradicts_itself_or_is_not_whole_is_unreadable(changes):
    with pytest.raises(Unreadable):
        read(TEST_TYPE, {**TEST, **changes})


def test_failed_tests_of_a_failed_run_are_told():
    assert read(TEST_TYPE, {**TEST, "result": "FAILED", "failedTests": ["e2e"]}).values["failedTests"] == ["e2e"]


def test_a_signature_statement_says_nothing_more():
    assert read(SIGN_TYPE, None).values == read(SIGN_TYPE, {}).values == {"predicate": {}}


@pytest.mark.parametrize(
    ("content", "text", "data"),
    [
        ('{"approved": true}', '{"approved": true}', {"approved": True}),
        (' {"a": 1}\n', ' {"a": 1}\n', {"a": 1}),
        ("hello", "hello", None),
        ("[1, 2]", "[1, 2]", None),
        ("{not json", "{not json", None),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}', None),
        ('{"a": NaN}', '{"a": NaN}', None),
        ("", "", None),
        ({"approved": True}, None, {"approved": True}),
        ([1], None, None),
        (None, None, None),
    ],
)
def test_t06_a_custom_predicates_text_is_an_object_only_where_it_has_one_meaning(content, text, data):
    values = read(CUSTOM_TYPE, {"Data": content}).values
    assert (values["text"], values["data"]) == (text, data)


def test_a_custom_predicates_time_is_told():
    assert read(CUSTOM_TYPE, CUSTOM).values["timestamp"] == "2026-11-01T00:00:00Z"
    with pytest.raises(Unreadable):
        read(CUSTOM_TYPE, {"Data": "x", "Timestamp": "now"})
