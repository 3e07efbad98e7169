import errno
import os

import pytest

from proxy.content.disk import disk_errors, make_folder, open_plain, publish, stands_at, write_all
from proxy.errors import ContentMismatch, StorageError


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "disk of the content store is full"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "failed to read or write"),
        (errno.EMFILE, "too many open files"),
        (errno.EXDEV, "different file systems"),
        (errno.EACCES, "not ours to use"),
        (errno.ENOTCONN, "look at the log"),
    ],
)
def test_t56_each_fault_of_the_disk_is_a_sentence_that_says_what_to_do(number, sentence):
    with pytest.raises(StorageError, match=sentence) as caught, disk_errors():
        raise OSError(number, os.strerror(number), "/secret/path")
    assert "/secret" not in caught.value.message
    assert caught.value.status == 503


def test_nothing_there_is_none(tmp_path):
    assert open_plain(tmp_path / "absent") is None


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe"])
def test_only_a_regular_file_is_opened(tmp_path, kind):
    path = tmp_path / "x"
    (tmp_path / "real").write_bytes(b"real")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / ("real" if kind == "link" else "absent"))
    with pytest.raises(ContentMismatch):
        open_plain(path)


def test_many_chunks_are_written_one_after_another(tmp_path):
    chunks = [bytes([at % 251]) * (at % 7) for at in range(3000)]
    descriptor = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    write_all(descriptor, chunks, 5)
    os.close(descriptor)
    assert (tmp_path / "x").read_bytes() == b"\0" * 5 + b"".join(chunks)


def test_a_write_that_the_kernel_cuts_short_goes_on(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda file, views, at: real(file, b"".join(views)[:3], at))
    descriptor = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    write_all(descriptor, [b"abcd", b"", b"efghij"], 0)
    os.close(descriptor)
    assert (tmp_path / "x").read_bytes() == b"abcdefghij"


def test_folders_are_for_our_own_eyes(tmp_path):
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_a_file_is_durable_before_it_is_visible_and_its_name_after(tmp_path, monkeypatch):
    """Promise 2: fsync, rename, directory fsync, in this order."""
    done = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: done.append("fsync") or real(file))
    (tmp_path / "fresh").write_bytes(b"x")
    (tmp_path / "to").mkdir()
    descriptor = os.open(tmp_path / "fresh", os.O_RDWR)
    publish(descriptor, tmp_path / "fresh", tmp_path / "to" / "x", done.append)
    assert done == ["fsync", "synced", "renamed", "fsync", "listed"]
    assert stands_at(tmp_path / "to" / "x", descriptor)
    assert not stands_at(tmp_path / "fresh", descriptor)
    os.close(descriptor)
