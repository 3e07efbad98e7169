"""Secrets are never values, and nothing is left empty."""

import pytest

from proxy.config.written import problems_as_written
from proxy.settings import spell
from proxy.yamlfile import parse


def problems(text):
    return [(spell(at), said) for at, said in problems_as_written(parse(text, file="pratique.yaml"))]


@pytest.mark.parametrize("name", ["password", "token", "secret", "passphrase", "Password", "identitytoken"])
def test_a_secret_as_a_value_is_refused_with_the_field_to_use_and_not_repeated(name):
    (problem,) = problems(f"upstreams:\n  nvcr.io: {{ credentials: {{ {name}: hunter2 }} }}\n")

    assert problem == (
        f"upstreams.nvcr.io.credentials.{name}",
        "- secrets are never values here; name a file with passwordFile",
    )


def test_a_secret_is_said_once_and_not_again_as_an_unknown_field(site):
    text = "policy: p\nupstreams:\n  nvcr.io: { credentials: { username: u, password: hunter2 } }\n"

    found = site.problems(text)

    assert [problem for problem in found if "password:" in problem] == found[:1]
    assert not any("hunter2" in problem for problem in found)


@pytest.mark.parametrize("field", ["url", "proxy"])
def test_a_url_with_a_password_is_refused_and_not_repeated(site, field):
    (problem,) = site.problems(f"policy: p\nupstreams:\n  a.b: {{ {field}: 'http://u:hunter2@a.b' }}\n")

    assert "secrets are never values here" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("value", ["[]", "", '""'])
def test_a_field_that_is_left_empty_is_refused(value):
    assert problems(f"clients:\n  open: {value}\n") == [("clients.open", "it is empty; give it a value or remove it")]


def test_the_two_that_may_be_empty_are():
    assert problems("listen: { mirrors: [] }\nupstreams:\n  docker.io:\n") == []


def test_files_and_variables_of_secrets_may_be_named():
    assert problems("a: { passwordFile: /run/secrets/x, tokenEnv: TOKEN }\n") == []
