"""Bytes, counted once, and a folder that did not change not again."""

import os
import time

from proxy.content.keeping.tally import Holding, Tally
from proxy.oci.digest import Digest


def put(root, raw, *, beside=()):
    digest = Digest.of(raw)
    folder = root / "blobs" / "sha256" / digest.hex[:2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / digest.hex).write_bytes(raw)
    for kind in beside:
        (folder / f"{digest.hex}.{kind}").write_bytes(b"not counted")
    return folder


def settle(folder):
    os.utime(folder, (time.time() - 60,) * 2)


def test_an_empty_directory_holds_nothing(tmp_path):
    assert Tally(tmp_path / "absent").look() == Holding()


def test_blobs_are_counted_without_what_lies_beside_them(tmp_path):
    put(tmp_path, b"x" * 100, beside=("proof", "used"))
    put(tmp_path, b"y" * 50)
    found = Tally(tmp_path).look()
    assert (found.stored, found.blobs, found.present, found.spoken_for) == (150, 2, 150, 150)


def test_what_comes_and_goes_is_seen(tmp_path):
    tally = Tally(tmp_path)
    folder = put(tmp_path, b"x" * 100)
    assert tally.look().stored == 100
    put(tmp_path, b"y" * 50)
    assert tally.look().stored == 150
    for file in folder.iterdir():
        file.unlink()
    assert tally.look().stored == 50


def test_a_folder_that_did_not_change_is_not_read_again(tmp_path):
    tally = Tally(tmp_path)
    folder = put(tmp_path, b"x" * 100)
    settle(folder)
    assert tally.look().stored == 100
    (blob,) = folder.iterdir()
    with blob.open("ab") as file:  # a change that no folder shows: nobody here does it
        file.write(b"more")
    settle(folder)
    before = os.lstat(folder).st_mtime_ns
    tally._counted[folder] = (before, 100, 1)
    assert tally.look().stored == 100


def test_growing_files_count_with_what_was_reserved_for_them(tmp_path):
    partial = tmp_path / "partial"
    partial.mkdir()
    (partial / "sha256-aa").write_bytes(b"x" * 30)
    (partial / "sha256-aa.progress").write_bytes(b"p" * 10)
    for name, size in (("sha256-aa.reserved", 100), ("sha256-bb.reserved", 7)):
        with (partial / name).open("wb") as file:
            file.truncate(size)
    found = Tally(tmp_path).look()
    assert (found.growing, found.promised, found.spoken_for) == (40, 77, 117)


def test_what_was_put_aside_counts(tmp_path):
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / "sha256-aa.1-2-3").write_bytes(b"x" * 9)
    assert Tally(tmp_path).look().aside == 9
