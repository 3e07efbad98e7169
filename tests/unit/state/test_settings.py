from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.settings import explain
from proxy.state.settings import StateSettings
from proxy.yamlfile import parse


def problems(text: str) -> list[str]:
    document = parse(text, file="pratique.yaml")
    with pytest.raises(ValidationError) as caught:
        StateSettings.model_validate(document.values)
    return list(explain(caught.value, document))


def test_the_default_is_a_sqlite_file_in_the_data_folder():
    assert StateSettings().path == Path("state.db")


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:a/b.db", "a/b.db"), ("sqlite:/var/lib/state.db", "/var/lib/state.db")]
)
def test_the_file_stands_behind_sqlite(url, path):
    assert StateSettings(url=url).path == Path(path)


@pytest.mark.parametrize("url", ["redis://h", "rediss://h:6379/0"])
def test_redis_is_refused_with_a_sentence(url):
    assert problems(f"url: {url}") == [
        "pratique.yaml:1: url: Redis is not supported by this version; write sqlite:state.db"
    ]


@pytest.mark.parametrize("field", ["passwordFile", "keyFile"])
def test_fields_of_redis_are_refused_where_they_stand(field):
    assert problems(f"url: sqlite:state.db\n{field}: /run/secrets/x") == [
        f"pratique.yaml:2: {field}: not supported by this version; remove it"
    ]


@pytest.mark.parametrize(
    "url", ["", "state.db", "sqlite:", "sqlite:///x.db", "sqlite::memory:", "sqlite:x?mode=ro", "sqlite:x/"]
)
def test_what_names_no_file_is_refused(url):
    (problem,) = problems(f'url: "{url}"')
    assert "write sqlite: and the name of a file" in problem


def test_an_unknown_field_is_refused():
    assert "no such field" in problems("file: state.db")[0]
