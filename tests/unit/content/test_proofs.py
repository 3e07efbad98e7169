"""Promise 2: what was changed through the file system since its proof shows."""

import os
import time

import pytest

from proxy.content.proofs import TICK, Proof, prove, recall, record, settled
from proxy.errors import ContentMismatch
from proxy.oci.digest import Digest

RAW = b"what was proved" * 1000


@pytest.fixture
def file(tmp_path):
    (tmp_path / "x").write_bytes(RAW)
    descriptor = os.open(tmp_path / "x", os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_a_file_is_proved_by_its_hash(file):
    assert prove(file, Digest.of(RAW)) == Proof.of(file)
    with pytest.raises(ContentMismatch, match="not what its digest says"):
        prove(file, Digest.of(b"else"))


def test_a_flipped_bit_shows_even_with_its_mtime_restored(file, tmp_path):
    proof = prove(file, Digest.of(RAW))
    before = os.fstat(file)
    os.pwrite(file, b"W", 0)
    os.utime(tmp_path / "x", ns=(before.st_atime_ns, before.st_mtime_ns))
    found = Proof.of(file)
    assert found.mtime == proof.mtime
    assert found != proof
    assert found.differs_in_ctime_only(proof)


def test_a_proof_waits_until_the_next_change_must_show(file):
    """Times are stamped with the kernel's tick: a proof taken within it would miss a second change."""
    for turn in range(20):
        os.pwrite(file, bytes([turn]), 0)
        proof = settled(file)
        assert (time.time_ns() - proof.ctime) / 1e9 > TICK
        os.pwrite(file, bytes([turn + 1]), 0)
        assert Proof.of(file) != proof


def test_a_file_that_another_program_keeps_changing_is_not_proved(file, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _seconds: os.pwrite(file, b"x", 0))
    os.pwrite(file, b"x", 0)
    with pytest.raises(ContentMismatch, match="being changed"):
        settled(file)


def test_a_change_while_it_is_hashed_shows(file, monkeypatch):
    real = os.preadv

    def meddle(descriptor, buffers, at):
        os.utime(descriptor)
        return real(descriptor, buffers, at)

    monkeypatch.setattr(os, "preadv", meddle)
    with pytest.raises(ContentMismatch, match="while it was hashed"):
        prove(file, Digest.of(RAW))


def test_a_proof_is_recalled_as_it_was_recorded(file, tmp_path):
    record(tmp_path / "x.proof", Proof.of(file))
    record(tmp_path / "x.proof", Proof.of(file))
    assert recall(tmp_path / "x.proof") == Proof.of(file)
    assert (tmp_path / "x.proof").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.proof"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"pratique-proof-1 1 2 3 4 5",
        b"pratique-proof-1 1 2 3 4\n",
        b"pratique-proof-2 1 2 3 4 5\n",
        b"pratique-proof-1 1 2 3 4 5 6\n",
        b"pratique-proof-1 1 2 3 4 x\n",
        b"\xff\xfe",
        b"\0" * 60,
    ],
)
def test_a_torn_or_foreign_proof_is_none(tmp_path, raw):
    (tmp_path / "x.proof").write_bytes(raw)
    assert recall(tmp_path / "x.proof") is None


def test_a_proof_is_never_read_through_a_link(tmp_path, file):
    record(tmp_path / "real", Proof.of(file))
    (tmp_path / "x.proof").symlink_to(tmp_path / "real")
    assert recall(tmp_path / "x.proof") is None
    assert recall(tmp_path / "absent") is None
