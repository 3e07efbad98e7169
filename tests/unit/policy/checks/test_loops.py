import pytest

from proxy.policy.checks.loops import builds_lists, first_loop, names_in


def found(text, start=0):
    loop = first_loop(text, start=start)
    return loop and (".".join(loop.path), loop.macro, text[loop.start : loop.end], loop.call)


@pytest.mark.parametrize(
    ("text", "path", "macro", "whole"),
    [
        ("components.exists(c, c.n == 1)", "components", "exists", "components.exists(c, c.n == 1)"),
        ("!a.all(x, x) && b", "a", "all", "a.all(x, x)"),
        ("predicate.runs[0].n == 1 || predicate.runs.filter(r, r.ok).size() > 0", "predicate.runs", "filter", None),
        ("size(ids.map(i, size(i))) == 3", "ids", "map", "ids.map(i, size(i))"),
        ("a ? b.exists(x, x) : c.all(x, x)", "b", "exists", "b.exists(x, x)"),
        ('a == ")" && b.exists(x, x == "(")', "b", "exists", 'b.exists(x, x == "(")'),
        ("a.exists(x, [1].exists(y, x == y)) || true", "a", "exists", "a.exists(x, [1].exists(y, x == y))"),
        ("a == r'\\' && b.exists(x, x == 1)", "b", "exists", "b.exists(x, x == 1)"),
        ("/* no comment */ a", None, None, None),
        ("a // b.exists(x, x)\n && c.exists(x, x)", "c", "exists", "c.exists(x, x)"),
        ("'''a.exists(x, x)''' == t && c.exists(x, x)", "c", "exists", "c.exists(x, x)"),
    ],
)
def test_a_loop_over_a_fact_or_a_part_of_one_is_found_whole(text, path, macro, whole):
    loop = found(text)
    assert (loop and loop[:2]) == (path and (path, macro))
    assert whole is None or loop[2] == whole


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2].exists(n, components.exists(c, c == n))",
        "f(a).exists(n, b.exists(c, c == n))",
        "a[0].all(n, b.exists(c, c == n))",
        "a.exists_one(n, b.exists(c, c == n))",
        "a.b(c).exists(n, b.exists(c, c == n))",
        "exists(a, b)",
        "a.size() == 1",
        "a.exists == 1",
    ],
)
def test_a_loop_inside_another_is_never_taken_out_for_its_names_may_be_the_other_ones(text):
    assert found(text) is None


def test_the_search_goes_on_behind_a_place():
    text = "a.exists(x, x) || b.all(y, y)"
    assert found(text, start=14)[0] == "b"
    assert found(text, start=1)[0] == "b"


def test_the_body_of_a_loop_is_told_apart_from_what_it_is_over():
    loop = first_loop("components.exists(c, c.name in banned)")
    assert loop is not None
    assert names_in(loop.body) == {"c", "name", "in", "banned"}
    assert not loop.is_builder


def test_what_builds_lists_is_known_outside_of_texts():
    assert builds_lists("a.map(x, x).size() == 1")
    assert builds_lists("a.exists(x, x.filter(y, y).size() == 1)")
    assert not builds_lists('a.exists(x, x == ".map(")')
    assert not builds_lists("a.exists(x, x.map == 1)")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a.exists(c, c.name == 'x')", {"name"}),
        ("a.exists(c, c.name == 'c' && has(c.version) && b.c == c.name)", {"name", "version"}),
        ("a.all(c, c.licences.exists(l, l == c.name))", {"licences", "name"}),
        ("a.all(c, true)", set()),
        ("a.exists(c, c == b)", None),
        ("a.exists(c, 'name' in c)", None),
        ("a.exists(c, c['na' + 'me'] == 'x')", None),
        ("a.exists(c, c.size() == 1)", None),
        ("a.exists(c, c.?name == 'x')", None),
        ("a.exists(c, c.`name` == 'x')", None),
        ("a.exists(c, {c: 1}.size() == 1)", None),
        ("a.exists(c, c.names.exists(c, c == 'x'))", None),
        ("a.map(c, c)", None),
        ("a.map(c, c.name)", {"name"}),
        ("a.filter(c, c.name == 'x')", None),
    ],
)
def test_what_a_loop_looks_at_is_known_only_where_it_names_it(text, fields):
    assert first_loop(text).fields == fields
