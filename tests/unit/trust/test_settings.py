"""A refreshed root is the word of one repository under one first root, and of no other."""

from dataclasses import replace

import pytest

from proxy.trust.settings import HeldRoot, KeySource, StoreSource, TufSource

SOURCE = TufSource("corp", "https://tuf.corp.example", b"the first root")


@pytest.mark.parametrize(
    "change",
    [{"url": "https://tuf.evil.example"}, {"root": b"another"}, {"target": "other.json"}],
    ids=("url", "root", "target"),
)
def test_another_repository_first_root_or_target_is_another_source(change):
    assert replace(SOURCE, **change).id != SOURCE.id
    assert not HeldRoot(b"", "tuf", source=SOURCE.id).is_from(replace(SOURCE, **change))


def test_a_name_and_a_slash_at_the_end_make_no_other_source():
    same = replace(SOURCE, name="renamed", url="https://tuf.corp.example/")
    assert same.id == SOURCE.id
    assert HeldRoot(b"", "tuf", source=SOURCE.id).is_from(same)


def test_parts_cannot_be_shifted_into_each_other():
    assert TufSource("a", "https://x", b"y", "z").id != TufSource("a", "https://xy", b"", "z").id


def test_what_a_record_holds_is_believed_as_it_stands():
    assert HeldRoot(b"", "tuf").is_from(SOURCE)


def test_no_bytes_of_material_stand_in_a_traceback():
    held = HeldRoot(b"bytes", "file")
    store = StoreSource("a", b"bytes", timestamps=b"bytes", crls=(b"bytes",))
    assert "bytes" not in f"{held}{SOURCE}{store}".replace("the first root", "")
    assert KeySource("team").needs_log is False
