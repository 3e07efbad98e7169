"""Wrong files are kept for a person, the last few of them."""

import itertools

from proxy.content.care.quarantine import KEPT_ASIDE, Quarantine
from proxy.oci.digest import Digest

DIGEST = Digest.of(b"right")


def test_a_wrong_file_is_kept_under_its_digest_and_the_time(tmp_path):
    (tmp_path / "file").write_bytes(b"wrong")
    Quarantine(tmp_path / "aside", clock=lambda: 1234.5).take(tmp_path / "file", DIGEST)
    (kept,) = (tmp_path / "aside").iterdir()
    assert kept.name.startswith(f"{DIGEST.dashed}.1234-")
    assert kept.read_bytes() == b"wrong"
    assert not (tmp_path / "file").exists()


def test_the_oldest_goes_where_there_are_too_many_and_none_takes_anothers_name(tmp_path):
    clock = itertools.repeat(7.0)
    quarantine = Quarantine(tmp_path / "aside", clock=lambda: next(clock))
    for number in range(KEPT_ASIDE + 3):
        (tmp_path / "file").write_bytes(b"%d" % number)
        quarantine.take(tmp_path / "file", DIGEST)
    kept = {int(path.read_bytes()) for path in (tmp_path / "aside").iterdir()}
    assert len(kept) == KEPT_ASIDE
    assert KEPT_ASIDE + 2 in kept


def test_what_is_gone_meanwhile_is_nobodys_fault(tmp_path):
    Quarantine(tmp_path / "aside", clock=lambda: 0.0).take(tmp_path / "file", DIGEST)
    assert list((tmp_path / "aside").iterdir()) == []


def test_whatever_stands_in_the_way_is_moved_as_it_is(tmp_path):
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "within").write_bytes(b"x")
    quarantine = Quarantine(tmp_path / "aside", clock=lambda: 0.0)
    quarantine.take(tmp_path / "file", DIGEST)
    (tmp_path / "file").symlink_to("nowhere")
    quarantine.take(tmp_path / "file", DIGEST)
    assert len(list((tmp_path / "aside").iterdir())) == 2
