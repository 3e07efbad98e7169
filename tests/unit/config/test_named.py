"""Every file and variable that settings name is found by its field's name alone, at any depth."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from proxy.config.named import Named, is_world_readable, named, problem_with_file, rebased
from proxy.settings import Settings


class Inner(Settings):
    password_file: Path | None = None
    token_env: str | None = None
    ca: Path | None = None


class Outer(Settings):
    one: Inner = Inner()
    many: tuple[Inner, ...] = ()
    by_name: Mapping[str, Inner] = MappingProxyType({})


WHOLE = Outer(one=Inner(password_file=Path("a")), many=(Inner(ca=Path("/b")),), by_name={"x": Inner(token_env="TOKEN")})


def test_files_and_variables_are_found_at_any_depth_under_the_names_of_the_file():
    assert list(named(WHOLE)) == [
        Named(("one", "passwordFile"), "password_file", Path("a")),
        Named(("many", 0, "ca"), "ca", Path("/b")),
        Named(("byName", "x", "tokenEnv"), "token_env", "TOKEN"),
    ]


def test_secrets_are_told_from_public_files_by_the_fields_name():
    assert [entry.is_secret for entry in named(WHOLE)] == [True, False, False]


def test_relative_paths_move_and_absolute_ones_stay():
    moved = rebased(WHOLE, Path("/etc/pratique"))

    assert moved.one.password_file == Path("/etc/pratique/a")
    assert moved.many[0].ca == Path("/b")
    assert WHOLE.one.password_file == Path("a")


def test_a_directory_a_missing_and_an_empty_file_are_of_no_use(tmp_path):
    (tmp_path / "empty").write_text(" \n")

    assert "is a directory" in problem_with_file(tmp_path, is_secret=False)
    assert "cannot be read" in problem_with_file(tmp_path / "absent", is_secret=False)
    assert "is empty" in problem_with_file(tmp_path / "empty", is_secret=False)


def test_a_file_far_too_large_is_the_wrong_one(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(5 * 1024 * 1024)

    assert "name the right file" in problem_with_file(path, is_secret=False)


def test_a_file_with_something_in_it_is_fine(tmp_path):
    (tmp_path / "file").write_text("x")

    assert problem_with_file(tmp_path / "file", is_secret=True) is None


def test_a_file_that_is_gone_is_not_world_readable(tmp_path):
    assert not is_world_readable(tmp_path / "absent")
