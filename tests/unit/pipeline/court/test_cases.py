"""Case files: whole or not at all, bounded in number, size and time, and never a way to another file."""

import gzip
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError, StorageError
from proxy.pipeline.court import cases
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.cases import Cases, read_case, seal, unseal, write_case, write_whole
from tests.unit.policy.test_briefs import decision, whole

KEY = "ab" * 32


@dataclass(frozen=True)
class Snapshot:
    sha256: str = "x"


@dataclass(frozen=True)
class Standing:
    snapshot: Snapshot | None = Snapshot()


def plain(_snapshot: object) -> dict[str, str]:
    return {"policy": "version: 1"}


def write(folder: Path, key: str = KEY) -> None:
    write_case(folder, plain, Snapshot(), whole(), replace(decision(), key=key))


def test_what_was_written_is_read_again_and_is_sealed(tmp_path):
    write(tmp_path / "cases")
    record = unseal(read_case(tmp_path / "cases", KEY))
    assert record["schemaVersion"] == 1
    assert record["decision"] == replace(decision(), key=KEY).to_record()
    assert record["snapshot"] == plain(None)
    assert [each.name for each in (tmp_path / "cases").iterdir()] == [f"{KEY}.case"]
    assert (tmp_path / "cases").stat().st_mode & 0o77 == 0, "evidence of private images is nobody else's to read"


def test_the_oldest_go_first_and_what_an_ended_process_left_too(tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "MAX_FILES", 3)
    left = tmp_path / "x.case.1234.new"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    for number in range(5):
        write(tmp_path, f"{number:064x}")
        os.utime(tmp_path / f"{number:064x}.case", (10_000 + number, 10_000 + number))
    assert sorted(each.name[60:] for each in tmp_path.iterdir()) == ["0002.case", "0003.case", "0004.case"]
    monkeypatch.setattr(cases, "MAX_BYTES", 1)
    write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_is_too_large_is_not_kept_and_one_that_unpacks_to_too_much_is_not_read(tmp_path, monkeypatch):
    """A packed file of a few bytes may hold gigabytes: no more is unpacked than a case may be."""
    monkeypatch.setattr(cases, "MAX_CASE", 1000)
    with pytest.raises(OSError, match="is over"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f"{KEY}.case").write_bytes(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(StorageError, match="which none does"):
        read_case(tmp_path, KEY)


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"\x1f\x8b", gzip.compress(b"y", mtime=0)[:-3], gzip.compress(b"y", mtime=0)[:-1] + b"z"]
)
def test_a_broken_file_is_said_to_be_broken(tmp_path, raw):
    (tmp_path / f"{KEY}.case").write_bytes(raw)
    if raw == b"":
        assert read_case(tmp_path, KEY) == b""
        return
    with pytest.raises(StorageError, match="its case file is broken"):
        read_case(tmp_path, KEY)


@pytest.mark.parametrize("key", ["", "../x", "AB" * 32, "ab" * 31, f"{KEY}\n", f"../../{KEY}"[:64], "/" * 64])
def test_t39_a_key_is_never_a_path(tmp_path, key):
    with pytest.raises(StorageError, match="not the key of a Decision"):
        read_case(tmp_path, key)
    with pytest.raises(StorageError):
        write(tmp_path, key)


def test_a_link_is_neither_read_nor_written_through(tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(gzip.compress(b"kept", mtime=0))
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / f"{KEY}.case").symlink_to(precious)
    with pytest.raises(StorageError, match="broken"):
        read_case(folder, KEY)
    write(folder)
    assert gzip.decompress(precious.read_bytes()) == b"kept"
    assert not (folder / f"{KEY}.case").is_symlink()


def test_nothing_is_left_where_writing_fails(tmp_path):
    with pytest.raises(OSError):
        write_whole(tmp_path / "absent" / "x", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "folder", b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


@given(at=st.integers(0, 10_000), bit=st.integers(1, 255))
def test_a_seal_tells_each_changed_byte(at, bit):
    raw = bytearray(seal({"schemaVersion": 1, "a": "b" * 50}))
    raw[at % len(raw)] ^= bit
    with pytest.raises(ConfigError):
        unseal(bytes(raw))


@given(st.binary(max_size=300))
def test_t55_whatever_is_sealed_is_a_record_or_refused(raw):
    import hashlib

    for body in (raw, b'{"schemaVersion":1,"a":' + raw + b"}"):
        try:
            record = unseal(b"pratique-case " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        except ConfigError:
            continue
        assert record["schemaVersion"] == 1


async def test_hearings_are_kept_in_the_background_and_waited_for_at_the_end(tmp_path):
    bench = Bench()
    kept = Cases(tmp_path, plain, bench)
    kept.heard(Standing(), whole(), replace(decision(), key=KEY))
    kept.heard(Standing(None), whole(), replace(decision(), key="cd" * 32))
    await kept.close()
    assert [each.name for each in tmp_path.iterdir()] == [f"{KEY}.case"], (
        "without a snapshot there is nothing to replay by"
    )
    await bench.close()


async def test_a_disk_that_fails_takes_the_file_and_nothing_else(tmp_path, capsys):
    (tmp_path / "cases").write_text("no folder")
    bench = Bench()
    kept = Cases(tmp_path / "cases", plain, bench)
    kept.heard(Standing(), whole(), replace(decision(), key=KEY))
    await kept.close()
    await bench.close()
    assert "case-not-kept" in "".join(capsys.readouterr())


async def test_no_more_wait_than_memory_is_worth(tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "_WAITING", 2)
    bench = Bench()
    kept = Cases(tmp_path, plain, bench)
    for number in range(5):
        kept.heard(Standing(), whole(), replace(decision(), key=f"{number:064x}"))
    await kept.close()
    assert len(list(tmp_path.iterdir())) == 2
    await bench.close()
