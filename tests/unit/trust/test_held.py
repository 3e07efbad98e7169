"""What was refreshed survives a restart, whole or not at all; what is damaged or of another's word was never there."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.errors import StorageError
from proxy.trust.held import HeldRoots
from proxy.trust.settings import HeldRoot, TufSource
from proxy.trust.shipped import SHIPPED
from tests.fakes.signing import Sigstore

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOURCE = TufSource("corp", "https://tuf.corp.example", b"the first root")
ONE, TWO = Sigstore("one").logged, Sigstore("two").logged


@pytest.fixture
def held(tmp_path: Path) -> HeldRoots:
    return HeldRoots(tmp_path / "trust")


def file_of(held: HeldRoots) -> Path:
    (path,) = held.folder.glob("*.root")
    return path


def test_what_was_written_is_there_for_whoever_comes_next(held: HeldRoots):
    held.write(SOURCE, ONE, at=AT)
    again = HeldRoots(held.folder)
    assert again.get(SOURCE) == HeldRoot(ONE, "tuf", AT, SOURCE.id)
    assert again.all() == {"corp": again.get(SOURCE)}


def test_before_the_first_refresh_there_is_nothing(held: HeldRoots):
    assert held.get(SOURCE) is None
    assert held.all() == {}


def test_the_newer_one_takes_the_place_of_the_older_and_leaves_nothing_beside_it(held: HeldRoots):
    held.write(SOURCE, ONE, at=AT)
    held.write(SOURCE, TWO, at=AT + timedelta(days=1))
    assert held.get(SOURCE) == HeldRoot(TWO, "tuf", AT + timedelta(days=1), SOURCE.id)
    assert len(list(held.folder.iterdir())) == 1
    assert file_of(held).stat().st_mode & 0o077 == 0


def test_a_root_fetched_elsewhere_or_under_another_first_root_is_nobodys_word(held: HeldRoots):
    held.write(SOURCE, ONE, at=AT)
    assert held.get(TufSource("corp", "https://other.example", b"the first root")) is None
    assert held.get(TufSource("corp", "https://tuf.corp.example", b"another")) is None
    assert held.get(TufSource("other", "https://tuf.corp.example", b"the first root")) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b"fulcio", b"fulcia"),
        lambda raw: b"",
        lambda raw: b"\n" + raw,
        lambda raw: b"[" * 100_000,
        lambda raw: raw.replace(b'"at"', b'"on"'),
        lambda raw: raw.replace(b'"source"', b'"sorcery"'),
        lambda raw: raw.partition(b"\n")[2],
    ],
)
def test_what_is_damaged_was_never_refreshed(held: HeldRoots, damage):
    held.write(SOURCE, ONE, at=AT)
    file_of(held).write_bytes(damage(file_of(held).read_bytes()))
    assert held.get(SOURCE) is None
    assert held.all() == {}


def test_a_file_under_anothers_name_is_not_taken(held: HeldRoots):
    """Who can rename a file in the data directory makes no root out of another."""
    held.write(SOURCE, ONE, at=AT)
    other = TufSource("other", SOURCE.url, SOURCE.root)
    held.write(other, TWO, at=AT)
    first, second = sorted(held.folder.glob("*.root"))
    first.write_bytes(second.read_bytes())
    assert sum(held.get(each) is not None for each in (SOURCE, other)) == 1
    assert len(held.all()) == 1


def test_what_this_version_cannot_read_was_never_refreshed(held: HeldRoots):
    held.write(SOURCE, b'{"tlogs": []}', at=AT)
    assert held.get(SOURCE) is None


def test_a_root_older_than_the_one_that_the_program_brings_gives_way_to_it(held: HeldRoots):
    shipped = SHIPPED["sigstore"]
    source = TufSource("sigstore", shipped.tuf, b"root")
    held.write(source, shipped.held().raw, at=shipped.since - timedelta(days=1))
    assert held.get(source) is None
    held.write(source, shipped.held().raw, at=shipped.since + timedelta(days=1))
    assert held.get(source) is not None


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "x" * 300, "a\0b", "sigstore"])
def test_t39_a_name_never_becomes_a_path(held: HeldRoots, name: str):
    source = TufSource(name, SOURCE.url, SOURCE.root)
    held.write(source, SHIPPED["sigstore"].held().raw, at=AT)
    assert held.get(source) is not None
    assert file_of(held).parent == held.folder
    assert set(file_of(held).stem) <= set("0123456789abcdef")


def test_t56_a_disk_that_refuses_leaves_the_old_one_and_says_so(held: HeldRoots, monkeypatch):
    held.write(SOURCE, ONE, at=AT)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=r"cannot be kept in .*: No space left on device"):
        held.write(SOURCE, TWO, at=AT)
    monkeypatch.undo()
    assert held.get(SOURCE) == HeldRoot(ONE, "tuf", AT, SOURCE.id)
    assert len(list(held.folder.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "trust").touch()
    held = HeldRoots(tmp_path / "trust")
    with pytest.raises(StorageError, match="cannot be kept"):
        held.write(SOURCE, ONE, at=AT)
    assert held.all() == {}


def test_times_are_utc_whatever_was_written(held: HeldRoots):
    held.write(SOURCE, ONE, at=AT)
    head, _, raw = file_of(held).read_bytes().partition(b"\n")
    facts = json.loads(head) | {"at": "2026-11-20T14:00:00+02:00"}
    file_of(held).write_bytes(json.dumps(facts).encode() + b"\n" + raw)
    found = held.get(SOURCE)
    assert found is not None
    assert found.at == AT
