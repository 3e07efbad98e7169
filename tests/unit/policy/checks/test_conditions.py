import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.facts import ALIASES, FIELDS
from proxy.policy.checks.conditions import LONGEST, Unanswered, compiled, image_variables, variables_of

SBOM = variables_of("sbom")
MANY = 30_000  # components: three times what the library takes in one evaluation


def holds(text, facts, variables=SBOM):
    return compiled(text, variables).holds(facts)


def sbom(count, *more):
    components = [{"name": f"part{number}", "version": "1", "licences": ["MIT"]} for number in range(count)]
    return {"components": [*components, *more], "count": count + len(more), "format": "spdx"}


def test_the_conditions_of_the_specification_are_true_and_false():
    ban = '!components.exists(c, c.name == "banned-package")'
    assert holds(ban, sbom(3))
    assert not holds(ban, sbom(3, {"name": "banned-package"}))
    user = 'config.user != "" && config.user != "root"'
    assert holds(user, {"config": {"user": "65532"}}, image_variables())
    assert not holds(user, {"config": {"user": "root"}}, image_variables())
    assert not holds(user, {"config": {"user": ""}}, image_variables())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("components", "the condition gives list<dyn>, not true or false; compare it with something"),
        ("predicate.x", "the condition gives dyn, not true or false"),
        ("count", "the condition gives int"),
        ("components.exists(c, c.name", "the condition is wrong at column 28: Syntax error"),
        ("count == 1 &&\n && true", "the condition is wrong at line 2, column 2"),
        ('count == "one"', "found no matching overload"),
        ("user == ''", "there is no 'user' in conditions here; there are components, count,"),
        ("", "the condition is wrong"),
        ("true" + " " * LONGEST, f"longer than {LONGEST} bytes"),
        ("(" * 500 + "true" + ")" * 500, "recursion limit"),
        ("now() > createdAt", "there is no 'now' in conditions here"),
    ],
)
def test_what_is_no_condition_is_refused_at_load_with_a_sentence(text, sentence):
    with pytest.raises(ConfigError) as refused:
        compiled(text, SBOM)
    assert sentence in refused.value.message
    assert "\n" not in refused.value.message


def test_every_fact_that_is_documented_can_be_named_with_its_type():
    for alias, fields in FIELDS.items():
        variables = image_variables() if alias == "image" else variables_of(alias)
        for field in fields:
            ask = {"list": "size({}) == 0", "map": "size({}) == 0", "bool": "{}", "int": "{} == 1"}
            ask |= {"string": "{} == ''", "time": "{} < timestamp('2026-01-01T00:00:00Z')"}
            assert compiled(ask[field.type].format(field.name), variables)


def test_a_predicate_type_has_the_facts_of_its_alias_and_an_unknown_one_only_itself():
    for alias, types in ALIASES.items():
        assert all(variables_of(each) == variables_of(alias) for each in types)
    assert variables_of("https://acme.example/v1") == {"predicate": "any"}
    assert holds("predicate.ok == true", {"predicate": {"ok": True}}, variables_of("https://acme.example/v1"))
    assert holds("level >= 3", {"level": 3}, variables_of("slsa-provenance"))


@pytest.mark.parametrize(
    ("text", "facts", "sentence"),
    [
        ("name == 'x'", {"name": None}, "name is not told"),
        ("createdAt < timestamp('2026-01-01T00:00:00Z')", {}, "createdAt is not told"),
        ("predicate.missing == 1", {"predicate": {}}, 'Key not found in map : "missing"'),
        ("count / 0 == 1", {"count": 1}, "divide by zero"),
        ("count + 9223372036854775807 > 0", {"count": 1}, "overflow"),
        ("predicate.n > 1", {"predicate": {"n": 2**70}}, "out of range"),
        ("predicate.n", {"predicate": {"n": "text"}}, "gives dyn"),
        ("components[7].name == 'x'", {"components": []}, "index=7 size=0"),
        ("predicate.t == 'a'", {"predicate": {"t": "\ud800"}}, ""),
        ("predicate.t == 'a'", {"predicate": {"t": object()}}, ""),
    ],
)
def test_a_condition_without_an_answer_is_a_sentence_and_never_true(text, facts, sentence):
    with pytest.raises((Unanswered, ConfigError)) as unanswered:
        holds(text, facts)
    told = str(unanswered.value)
    assert sentence in told
    assert told.isprintable()
    assert len(told) < 400


def test_strangers_texts_in_an_error_are_printable_and_bounded():
    facts = {"predicate": {"a": 1}, "name": "\x1b[31m" + "x" * 5000}
    with pytest.raises(Unanswered) as unanswered:
        holds("predicate[name] == 1", facts)
    assert str(unanswered.value).isprintable()
    assert len(str(unanswered.value)) <= 160


def test_times_are_compared_as_times():
    before = "createdAt < timestamp('2026-11-01T00:00:00Z')"
    assert holds(before, {"createdAt": "2026-10-31T23:59:59Z"})
    assert not holds(before, {"createdAt": "2026-11-01T00:00:00Z"})


def test_what_is_not_told_is_no_error_where_it_does_not_decide():
    assert holds("count == 3 || name == 'x'", {"count": 3, "name": None})
    assert holds("name == 'x' || count == 3", {"count": 3, "name": None})


def test_patterns_are_linear_in_time():
    assert not holds("name.matches('^(a+)+$')", {"name": "a" * 5000 + "!"})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('!components.exists(c, c.name == "banned")', False),
        ('!components.exists(c, c.name == "absent")', True),
        ('components.all(c, c.name != "banned")', False),
        ('components.all(c, c.name != "absent")', True),
        ('components.filter(c, c.name == "banned").size() == 1', True),
        ('components.map(c, c.name).filter(n, n.startsWith("ban")) == ["banned"]', True),
        ("components.map(c, c.name).size() == count", True),
        ("count > 0 && components.exists(c, 'GPL' in c.licences)", True),
        ("components.filter(c, c.licences.exists(l, l == 'GPL')).all(c, c.name == 'banned')", True),
        ("size(components) == count", True),
        ("components.exists(c, c.licences.filter(l, l == 'GPL').size() > 0)", True),
        ("predicate.parts.exists(p, p == 29999)", True),
        ("predicate.none.exists(p, p == 1) || count > 3", True),
    ],
)
def test_an_sbom_of_many_components_is_judged_as_a_small_one_is(text, answer):
    facts = sbom(MANY, {"name": "banned", "licences": ["MIT", "GPL"]}) | {"predicate": {"parts": list(range(MANY))}}
    assert holds(text, facts) is answer


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("components.exists(c, components.exists(d, d.name == c.name + 'x'))", "takes more steps"),
        ("components.exists_one(c, c.name == 'part7')", "takes more steps"),
        ("predicate.all.exists(i, predicate.all.map(j, j).size() == i)", "a list of more than 1000 items"),
        ("[components].exists(l, l.map(c, c.name).size() == 1)", "a list of more than 1000 items"),
        ("components.all(c, c.zip == 1)", 'Key not found in map : "zip"'),
    ],
)
def test_what_would_take_too_long_is_a_sentence(text, sentence):
    facts = sbom(MANY) | {"predicate": {"all": list(range(MANY))}}
    with pytest.raises(Unanswered, match=sentence):
        holds(text, facts)


def test_a_nested_loop_is_halved_until_it_fits():
    facts = sbom(5000) | {"tools": ["a"] * 40}
    assert not holds("components.exists(c, tools.exists(t, t == c.name))", facts)


def test_an_error_in_one_piece_is_taken_as_cel_takes_it():
    facts = sbom(5000, {"name": "banned", "zip": 1})
    assert holds("components.exists(c, c.zip == 1)", facts)
    assert not holds("components.all(c, c.zip == 2)", facts)
    with pytest.raises(Unanswered, match="Key not found"):
        holds("components.exists(c, c.zip == 2)", facts)
    assert holds("components.exists(c, c.zip == 2) || count > 3", facts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "n"]), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60), predicate=JSON)
def test_whatever_is_written_gives_a_boolean_or_a_sentence(text, predicate):
    try:
        answer = holds(text, {"predicate": predicate}, {"predicate": "any"})
    except (ConfigError, Unanswered) as error:
        answer = str(error)
    assert isinstance(answer, bool) or answer.isprintable()
