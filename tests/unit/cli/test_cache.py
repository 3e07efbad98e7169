"""`pratique cache` before there is anything: words and codes."""

import json

import pytest


@pytest.mark.parametrize("verb", [("ls",), ("gc",), ("gc", "--dry-run")])
def test_without_a_state_it_says_who_makes_one(desk, verb):
    said = desk("cache", *verb)
    assert said.code == 75
    assert "`pratique serve` makes it" in said.err


def test_an_empty_store_has_nothing_to_list_and_nothing_to_remove(desk):
    desk.pin()
    said = desk("cache", "ls", "-o", "json")
    assert (said.code, said.document["images"], said.document["schemaVersion"]) == (0, [], 1)
    assert "may go" in desk("cache", "ls").out
    assert desk("cache", "gc", "--to", "0", "--dry-run").code == 0
    assert "Nothing must go" in desk("cache", "gc", "--to", "1GiB").out


def test_a_wrong_size_is_told(desk):
    said = desk("cache", "gc", "--to", "a lot")
    assert said.code == 64
    assert "is not a size" in said.err
    assert desk("cache", "scrub", "--rate", "-1").code == 64


def test_a_scrub_of_nothing_is_right(desk):
    said = desk("cache", "scrub", "-o", "json", "--quiet")
    assert said.code == 0
    assert json.loads(said.out)["files"] == 0
