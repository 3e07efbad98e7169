"""`pratique config`: everything wrong at once, and schemas that say the same."""

import json


def test_a_right_configuration_is_exit_0_and_says_what_is_permitted(desk):
    said = desk("config", "check")
    assert said.code == 0
    assert said.out == "pratique.yaml is right. The policy permits reg.test/acme/**; everything else is refused.\n"


def test_every_problem_of_both_files_is_told_at_once_with_exit_64(desk, tmp_path):
    desk.settings["lisen"] = {}
    desk.policy["images"][0]["requires"] = []
    desk.write()
    said = desk("config", "check")
    assert said.code == 64
    assert said.out == ""
    assert "pratique.yaml:" in said.err
    assert "policy.yaml:" in said.err
    assert all(line.startswith("error: ") for line in said.err.splitlines())
    document = desk("config", "check", "-o", "json").document
    assert document["ok"] is False
    assert len(document["problems"]) == len(said.err.splitlines())


def test_a_warning_is_an_error_only_under_strict(desk):
    desk.policy["signers"]["idle"] = {"key": "team.pub", "log": "none"}
    desk.write()
    lenient, strict = desk("config", "check"), desk("config", "check", "--strict")
    assert (lenient.code, strict.code) == (0, 64)
    assert "warning: " in lenient.err
    assert "error: " in strict.err
    assert "is right" not in strict.out


def test_an_empty_policy_says_that_everything_is_refused(desk):
    desk.policy = {"version": 1}
    desk.write()
    assert "every pull is refused" in desk("config", "check").out


def test_the_schemas_are_printed_one_or_both(desk):
    both = json.loads(desk("config", "schema").out)
    assert set(both) == {"pratique.yaml", "policy.yaml"}
    assert json.loads(desk("config", "schema", "policy").out) == both["policy.yaml"]
    assert json.loads(desk("config", "schema", "pratique").out) == both["pratique.yaml"]
    assert desk("config", "schema", "other").code == 64
