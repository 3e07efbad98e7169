from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.words.draft import Draft
from proxy.yamlfile import parse


def draft(text="a: [x, y, z]\nb: { c: 1, d: 2 }\n"):
    return Draft(parse(text, file="f.yaml"))


def test_what_is_pruned_is_gone_and_the_rest_keeps_its_place_in_the_file():
    written = draft()
    assert written.prune(("a", 0))
    assert written.prune(("b", "c"))
    assert written.plain() == {"a": ["y", "z"], "b": {"d": 2}}
    assert written.original(("a", 0)) == ("a", 1)
    assert written.original(("a", 1)) == ("a", 2)
    assert written.original(("b", "d")) == ("b", "d")


def test_what_is_not_there_is_pruned_with_what_is_above_it():
    written = draft()
    assert written.prune(("b", "missing", 3))
    assert written.plain() == {"a": ["x", "y", "z"]}
    assert not written.prune(("b", "other"))


def test_what_lost_a_part_is_no_longer_whole():
    written = draft()
    written.prune(("b", "c"))
    assert not written.is_whole(("b",))
    assert not written.is_whole(("b", "c"))
    assert written.is_whole(("b", "d"))
    assert written.is_whole(("a",))


def test_problems_are_told_once_in_the_order_of_the_lines():
    written = draft()
    written.problem(("b",), "second")
    written.problem(("a", 1), "first")
    written.problem(("a", 1), "first")
    assert written.problems == ("f.yaml:1: a[1]: first", "f.yaml:2: b: second")


def test_t23_whatever_is_written_and_empty_is_told():
    written = draft("a: []\nb: { c: {} }\nd:\ne: ''\nf: 0\ng: false\n")
    written.prune_empty()
    assert [problem.split(": ")[1] for problem in written.problems] == ["a", "b.c", "d", "e"]
    assert written.plain() == {"b": {}, "f": 0, "g": False}


@given(st.sets(st.integers(0, 6)))
def test_places_in_what_is_left_lead_to_the_places_in_the_file(out):
    written = draft("a: [0, 1, 2, 3, 4, 5, 6]\n")
    for index in out:
        written.prune(("a", index))
    left = written.plain()["a"]
    assert [written.original(("a", at))[1] for at in range(len(left))] == left
