import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.policy.checks.where import Where


@pytest.mark.parametrize(
    ("written", "right", "wrong"),
    [
        (0, [0], [1, -1]),
        ("==5", [5], [4, 6]),
        ("5", [5], [4, 6]),
        ("<=5", [5, 0, -1], [6]),
        ("<5", [4], [5]),
        (">=3", [3, 4], [2]),
        (">3", [4], [3]),
        ("1..5", [1, 5], [0, 6]),
        (" <= 5 ", [5], [6]),
    ],
)
def test_numbers_are_compared_as_they_are_written(written, right, wrong):
    where = Where.number("high", written)
    assert all(where.matches(value) for value in right)
    assert not any(where.matches(value) for value in wrong)


@pytest.mark.parametrize("value", [None, True, False, "0", 0.0, "", [], {}, [None], ["0"]])
def test_t23_what_is_no_number_is_never_right(value):
    assert not Where.number("critical", "<=5").matches(value)
    assert not Where.number("critical", 0).matches(value)


@pytest.mark.parametrize("written", ["", "many", "=<5", "5..1", "1...5", "<=", True, None, 7.5, [1], "9" * 20, "<=5;"])
def test_a_wrong_number_is_refused(written):
    with pytest.raises(ConfigError):
        Where.number("critical", written)


def test_t28_a_text_is_matched_whole():
    where = Where.one_of("builder", "https://github.com/acme/*")
    assert where.matches("https://github.com/acme/builder")
    for value in (
        "https://evil.example/https://github.com/acme/builder",
        "https://github.com/acme/builder/more",
        "https://github.com/acme/builder\n",
        "https://GitHub.com/acme/builder",
        "https://github.com/acme",
    ):
        assert not where.matches(value)


def test_t37_a_builder_with_something_behind_it_is_another():
    where = Where.one_of("builder", "https://builder.example/ci")
    assert where.matches("https://builder.example/ci")
    assert not where.matches("https://builder.example/ci@evil")


def test_one_of_several_patterns_is_enough():
    where = Where.one_of("ref", ["refs/tags/*", "refs/heads/main"])
    assert where.matches("refs/heads/main")
    assert not where.matches("refs/heads/dev")


@pytest.mark.parametrize("value", [None, [], (), "", 5, True, ["b"], [None, 1]])
def test_t23_a_list_needs_one_that_is_right_and_an_empty_one_has_none(value):
    assert not Where.one_of("platforms", "a").matches(value)
    assert Where.one_of("platforms", "a").matches(["b", "a"])


@pytest.mark.parametrize("written", [5, None, True, [], ["a", 1], {"a": "b"}, "", ["a"] * 65, "***"])
def test_a_wrong_text_is_refused(written):
    with pytest.raises(ConfigError):
        Where.one_of("source", written)


def test_a_flag_is_true_or_false_and_nothing_like_it():
    assert Where.flag("isRoot", written=False).matches(False)
    assert Where.flag("isRoot", written=True).matches(True)
    for value in (None, 0, 1, "true", "", [True, False][:0]):
        assert not Where.flag("isRoot", written=False).matches(value)
    with pytest.raises(ConfigError, match="true or false"):
        Where.flag("isRoot", written=0)


def test_it_is_told_as_it_is_written():
    assert str(Where.number("high", "<= 5")) == "high: <=5"
    assert str(Where.one_of("ref", ["a", "b"])) == "ref: a | b"
    assert Where.one_of("ref", ["a", "b"]).plain() == {"ref": ["a", "b"]}
    assert Where.one_of("ref", "a | b").plain() != Where.one_of("ref", ["a", "b"]).plain()
    assert Where.number("high", 5).plain() == {"high": "5"}


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text() | st.integers()), st.floats()))
def test_any_value_is_right_or_not_and_never_an_error(value):
    for where in (Where.number("a", "<=5"), Where.one_of("a", "x*"), Where.flag("a", written=True)):
        assert where.matches(value) in (True, False)
