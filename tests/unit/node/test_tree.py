"""Writing onto a node: whole files or nothing, and what would happen said first."""

import pytest

from proxy.errors import ConfigError
from proxy.node.tree import existing_directories, write_tree

TREE = {"_default/hosts.toml": "one\n", "nvcr.io/hosts.toml": "one\n"}


def test_files_are_created_where_nothing_stood(tmp_path):
    written = write_tree(tmp_path / "certs.d", TREE, dry_run=False)

    assert written.created == tuple(TREE)
    assert (tmp_path / "certs.d/nvcr.io/hosts.toml").read_text() == "one\n"
    assert (tmp_path / "certs.d/nvcr.io/hosts.toml").stat().st_mode & 0o777 == 0o644


def test_a_dry_run_writes_nothing_and_says_the_same(tmp_path):
    planned = write_tree(tmp_path / "certs.d", TREE, dry_run=True)

    assert not (tmp_path / "certs.d").exists()
    assert planned == write_tree(tmp_path / "certs.d", TREE, dry_run=False)


def test_a_second_run_changes_nothing(tmp_path):
    write_tree(tmp_path, TREE, dry_run=False)

    again = write_tree(tmp_path, TREE, dry_run=False)

    assert again.unchanged == tuple(TREE)
    assert not again.has_changes


def test_a_file_that_says_something_else_is_replaced(tmp_path):
    (tmp_path / "nvcr.io").mkdir()
    (tmp_path / "nvcr.io/hosts.toml").write_text('server = "https://nvcr.io"\n')

    written = write_tree(tmp_path, TREE, dry_run=False)

    assert written.changed == ("nvcr.io/hosts.toml",)
    assert (tmp_path / "nvcr.io/hosts.toml").read_text() == "one\n"
    assert [entry.name for entry in (tmp_path / "nvcr.io").iterdir()] == ["hosts.toml"]


def test_a_directory_that_would_win_over_the_default_is_reported(tmp_path):
    (tmp_path / "quay.io").mkdir()

    assert write_tree(tmp_path, TREE, dry_run=True).strays == ("quay.io",)
    assert existing_directories(tmp_path) == ("quay.io",)


def test_existing_directories_of_a_folder_that_is_not_there_are_none(tmp_path):
    assert existing_directories(tmp_path / "absent") == ()


def test_what_cannot_be_written_is_said_with_its_path_and_leaves_no_part_behind(tmp_path):
    (tmp_path / "nvcr.io").write_text("a file where a directory belongs")

    with pytest.raises(ConfigError, match=r"nvcr\.io/hosts\.toml cannot be written"):
        write_tree(tmp_path, {"nvcr.io/hosts.toml": "x"}, dry_run=False)


def test_a_target_that_is_a_directory_is_refused(tmp_path):
    (tmp_path / "nvcr.io/hosts.toml").mkdir(parents=True)

    with pytest.raises(ConfigError, match="cannot be written"):
        write_tree(tmp_path, {"nvcr.io/hosts.toml": "x"}, dry_run=False)
    assert [entry.name for entry in (tmp_path / "nvcr.io").iterdir()] == ["hosts.toml"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be read"):
        write_tree(tmp_path / "file", TREE, dry_run=True)
