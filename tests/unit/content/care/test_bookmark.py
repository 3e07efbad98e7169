"""Where a scrub was: kept in a file that is its lock."""

import pytest

from proxy.content.care.bookmark import Bookmark, Round, last_round
from proxy.errors import StorageError


def test_a_round_is_found_again_as_it_was_kept(tmp_path):
    bookmark = Bookmark.take(tmp_path / "content")
    assert bookmark.round == Round()
    bookmark.round = Round(began=5.0, after="sha256:ab", files=3, bytes=70, wrong=1)
    bookmark.keep()
    bookmark.release()
    assert last_round(tmp_path / "content") == Round(5.0, 0.0, "sha256:ab", 3, 70, 1)
    again = Bookmark.take(tmp_path / "content")
    assert again.round == Round(5.0, 0.0, "sha256:ab", 3, 70, 1)
    again.round = Round()
    again.keep()
    assert last_round(tmp_path / "content") == Round()
    again.release()


def test_one_process_scrubs_at_a_time(tmp_path):
    bookmark = Bookmark.take(tmp_path)
    with pytest.raises(StorageError, match="another process scrubs"):
        Bookmark.take(tmp_path)
    bookmark.release()
    Bookmark.take(tmp_path).release()


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"form":2}', b'{"form":1}', b'{"form":1,"began":"x"}', b"\xff\xff", b"null"]
)
def test_what_is_torn_or_foreign_counts_as_the_beginning(tmp_path, raw):
    (tmp_path / "scrub").write_bytes(raw)
    assert last_round(tmp_path) == Round()
    bookmark = Bookmark.take(tmp_path)
    assert bookmark.round == Round()
    bookmark.release()


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "scrub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        Bookmark.take(tmp_path / "content")
    assert last_round(tmp_path / "content") == Round()
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_it_is_time_to_keep_it_each_64_mib():
    round_ = Round(began=1.0)
    assert not round_.add("a", 60 * 2**20, is_wrong=False)
    assert round_.add("b", 5 * 2**20, is_wrong=True)
    assert not round_.add("c", 0, is_wrong=False)
    assert (round_.after, round_.files, round_.wrong) == ("c", 3, 1)


def test_a_round_goes_on_from_its_begin_to_its_end():
    assert [Round().is_going_on, Round(began=1.0).is_going_on, Round(began=1.0, ended=2.0).is_going_on] == [
        False,
        True,
        False,
    ]


def test_a_thread_that_comes_after_the_release_writes_nothing(tmp_path):
    """Its descriptor may be another file's by then."""
    bookmark = Bookmark.take(tmp_path)
    bookmark.round = Round(began=1.0)
    bookmark.release()
    (tmp_path / "other").touch()
    with (tmp_path / "other").open("r+b"):
        bookmark.keep()
    bookmark.release()
    assert (tmp_path / "other").read_bytes() == b""
    assert last_round(tmp_path) == Round()
