import errno
import os

import pytest

from proxy.content.disk import (
    PIECE,
    SPARE,
    disk_errors,
    feed,
    free_bytes,
    make_folder,
    open_plain,
    publish,
    require_room,
    stands_at,
    storage_error,
    write_all,
)
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest, Hasher


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


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EFBIG, "full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.EPERM, "read-only"),
        (errno.EIO, "failing"),
        (errno.EXDEV, "failing"),
        (errno.ESTALE, "failing"),
        (errno.EMFILE, None),
        (errno.ENFILE, None),
    ],
)
def test_each_fault_says_whether_the_disk_is_why(number, trouble):
    assert storage_error(OSError(number, os.strerror(number))).trouble == trouble


def test_room_is_asked_for_with_a_little_to_spare(tmp_path):
    free = free_bytes(tmp_path)
    require_room(tmp_path, 0)
    require_room(tmp_path, min(free, 1))
    with pytest.raises(OSError, match="No space"):
        require_room(tmp_path, 2**60)
    found = os.statvfs(tmp_path)
    assert found.f_bavail * found.f_frsize - free <= SPARE + 2**30  # others write meanwhile


def test_a_beginning_is_hashed_and_no_byte_more(tmp_path):
    raw = os.urandom(PIECE + 100)
    (tmp_path / "x").write_bytes(raw)
    descriptor = os.open(tmp_path / "x", os.O_RDONLY)
    for until in (0, 1, PIECE, PIECE + 1, PIECE + 100):
        hasher = Hasher(Digest.of(raw[:until]))
        feed(hasher, descriptor, until=until)
        assert hasher.count == until
        hasher.prove()
    hasher = Hasher(Digest.of(raw))
    feed(hasher, descriptor, until=PIECE + 101)  # the file is shorter
    assert hasher.count == PIECE + 100
    os.close(descriptor)
