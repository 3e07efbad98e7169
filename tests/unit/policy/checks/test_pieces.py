import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.checks.pieces import EXHAUSTED, Fault, Run, Unanswered, evaluated, is_large

TYPES = {"predicate": cel.Type.DYN}


def compiled(text, types):
    return cel.NewEnv(variables=dict(types)).compile(text)


def run(text, values, **limits):
    return Run(compiled, dict(TYPES), dict(values), **limits).whole(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "n"]), inner, max_size=3),
    max_leaves=12,
)
TEXTS = [
    "predicate.exists(x, x == 1)",
    "predicate.all(x, x != 1)",
    "predicate.a.exists(x, x.n == 1) || predicate.b.all(x, x == 2)",
    "predicate.filter(x, x == 1).size() == 1",
    "predicate.map(x, x).exists(y, y == 1)",
    "predicate.exists(x, predicate.exists(y, x == y))",
    "!(predicate.a.exists(x, x.b) && predicate.all(x, true))",
    "has(predicate.a) && predicate.a.filter(x, x == 'a').all(x, x == 'a')",
    "predicate == [] || predicate.map(x, x.n).filter(n, n > 1).size() < 2",
]


@pytest.mark.parametrize("text", TEXTS)
@settings(max_examples=60, deadline=None)
@given(predicate=JSON)
def test_pieces_give_the_answer_that_the_whole_gives(text, predicate):
    values = {} if predicate is None else {"predicate": predicate}
    whole = evaluated(compiled(text, TYPES), values)
    in_pieces = run(text, values, piece=1, built=1)
    assert isinstance(in_pieces, Fault) == isinstance(whole, Fault)
    if not isinstance(whole, Fault):
        assert in_pieces is whole


def test_the_library_ends_at_its_own_budget_and_says_so():
    values = {"predicate": [1] * 10_001}
    assert evaluated(compiled("predicate.exists(x, x == 2)", TYPES), values) is EXHAUSTED
    assert evaluated(compiled("predicate.exists(x, x == 1)", TYPES), values) is True
    assert run("predicate.exists(x, x == 2)", values) is False


def test_effort_ends():
    with pytest.raises(Unanswered, match="more steps"):
        run("predicate.exists(x, x == 2)", {"predicate": [1] * 600}, piece=1)


def test_what_would_hold_up_the_interpreter_is_run_in_pieces_from_the_start():
    assert is_large("predicate.exists(x, x)", {"predicate": [1] * 2001})
    assert not is_large("predicate.exists(x, x)", {"predicate": [1] * 2000})
    assert not is_large("other.exists(x, x)", {"predicate": [1] * 2001})
    assert is_large("predicate.a.map(x, x) == []", {"predicate": {"a": [{"b": [1] * 251}]}})
