"""Where the source was: known forms come to one, unknown ones stay as they are, and two that differ are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.facts.origin import Origin, normalised, origin_of

SAME = "github.com/acme/ml"


@pytest.mark.parametrize(
    ("uri", "source", "ref"),
    [
        ("git+https://github.com/acme/ml@refs/heads/main", SAME, "refs/heads/main"),
        ("git+https://github.com/acme/ml.git@refs/tags/v1", SAME, "refs/tags/v1"),
        ("https://github.com/acme/ml", SAME, None),
        ("https://github.com/acme/ml/", SAME, None),
        ("https://GitHub.com/acme/ml.git", SAME, None),
        ("github.com/acme/ml", SAME, None),
        ("https://github.com/acme/ml.git#refs/tags/v1:docker", SAME, "refs/tags/v1"),
        ("https://github.com/acme/ml.git#4d329c75e7ec", SAME, "4d329c75e7ec"),
        ("ssh://git@github.com/acme/ml.git", SAME, None),
        ("git+ssh://git@github.com/acme/ml", SAME, None),
        ("git@github.com:acme/ml.git", SAME, None),
        ("https://gitlab.example:8443/a/b/c", "gitlab.example:8443/a/b/c", None),
        ("git+https://github.com/acme/ml@refs/tags/@acme/pkg@1.0.0", SAME, "refs/tags/@acme/pkg@1.0.0"),
        (None, None, None),
    ],
)
def test_a_source_comes_to_host_and_path(uri, source, ref):
    assert normalised(uri) == (source, ref)


@pytest.mark.parametrize(
    "uri",
    [
        "http://github.com/acme/ml",
        "git://github.com/acme/ml",
        "git+http://github.com/acme/ml",
        "file:///github.com/acme/ml",
        "https://github.com@evil.example/acme/ml",
        "https://github.com:x@evil.example/acme/ml",
        "https://evil.example/github.com/acme/ml",
        "https://evil.example/?github.com/acme/ml",
        "https://github.com/acme/../evil/ml/../../acme/ml",
        "https://github.com/acme/ml?ref=x",
        "https://github.com/acme/ml\n",
        " https://github.com/acme/ml",
        "https://github.com.evil.example/acme/ml",
        "https://github.com/acme/ml-evil",
        "https://github.com/acme/ml.git.git",
        "https://github.com/acme%2fml",
        "https://github.com/Acme/ml",
        "https://github.com\\@evil.example/acme/ml",
        "pkg:github/acme/ml",
        "",
    ],
)
def test_t28_what_is_another_source_never_comes_to_the_same(uri):
    assert normalised(uri)[0] != SAME


@given(st.text(max_size=60))
def test_t55_any_text_has_a_source(text):
    source, _ = normalised(text)
    assert isinstance(source, str)


@pytest.mark.parametrize(
    "parameters",
    [
        {"workflow": {"repository": "https://github.com/acme/ml", "ref": "refs/tags/v1", "path": "w.yml"}},
        {"buildConfigSource": {"repository": "https://github.com/acme/ml", "ref": "refs/tags/v1", "path": "w.yml"}},
        {"configSource": {"uri": "https://github.com/acme/ml.git#refs/tags/v1", "path": "w.yml"}},
        {"source": {"uri": "git+https://github.com/acme/ml@refs/tags/v1", "path": "w.yml"}},
        {"source": "git+https://github.com/acme/ml@refs/tags/v1", "entryPoint": "w.yml"},
    ],
)
def test_each_builders_parameters_tell_the_source(parameters):
    found = origin_of(parameters, [])
    assert (found.source, found.ref, found.workflow) == (SAME, "refs/tags/v1", "w.yml")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"workflow": "release.yml"},
        {"workflow": {"repository": 5}},
        {"workflow": {"repository": ""}},
        {"source": ["https://github.com/acme/ml"]},
        {"repository": "https://github.com/acme/ml"},
        {"workflow": {"repository": "https://github.com/acme/ml"}, "source": "https://github.com/evil/ml"},
    ],
)
def test_what_no_builder_means_and_what_differs_is_no_source(parameters):
    assert origin_of(parameters, []) == Origin()


def dependency(uri: str, commit: str) -> dict:
    return {"uri": uri, "digest": {"gitCommit": commit}}


def test_the_commit_is_that_of_the_dependency_which_is_the_source():
    workflow = {"workflow": {"repository": "https://github.com/acme/ml", "ref": "refs/tags/v1"}}
    ours = dependency("git+https://github.com/acme/ml@refs/tags/v1", "AA" * 20)
    other = dependency("git+https://github.com/evil/ml@refs/tags/v1", "bb" * 20)
    elsewhere = dependency("git+https://github.com/acme/ml@refs/heads/main", "cc" * 20)
    assert origin_of(workflow, [other, ours, elsewhere]).commit == "aa" * 20
    assert origin_of(workflow, [other, elsewhere]).commit is None
    assert origin_of(workflow, [ours, dependency("https://github.com/acme/ml", "dd" * 20)]).commit is None


def test_a_commit_beside_the_source_wins_over_dependencies():
    given_here = {"configSource": {"uri": "https://github.com/acme/ml", "digest": {"sha1": "11" * 20}}}
    assert origin_of(given_here, [dependency("https://github.com/acme/ml", "22" * 20)]).commit == "11" * 20
