"""What a policy names is read once, bounded, and remembered; what is kept is read from nowhere else."""

from pathlib import Path

import pytest

from proxy.errors import ConfigError
from proxy.trust.reading import MAX_FILE, Reader


def test_a_name_is_relative_to_the_policys_folder_and_its_bytes_are_remembered(tmp_path: Path):
    (tmp_path / "team.pub").write_bytes(b"pem")
    reader = Reader(tmp_path)
    assert reader.read("team.pub") == b"pem"
    assert reader.seen == {"team.pub": b"pem"}


def test_an_absolute_name_is_itself(tmp_path: Path):
    (tmp_path / "team.pub").write_bytes(b"pem")
    assert Reader(Path("/elsewhere")).read(str(tmp_path / "team.pub")) == b"pem"


@pytest.mark.parametrize(
    ("name", "said"),
    [("absent.pub", "absent.pub cannot be read: No such file"), (".", "cannot be read: Is a"), ("a\0b", "not a path")],
)
def test_what_cannot_be_read_is_named_with_what_it_should_have_been(tmp_path: Path, name, said):
    with pytest.raises(ConfigError, match=said) as caught:
        Reader(tmp_path).read(name, what="trusted root")
    assert caught.value.message.startswith("the trusted root")


def test_an_endless_file_is_read_only_to_its_limit(tmp_path: Path):
    with (tmp_path / "large").open("wb") as opened:
        opened.truncate(2**40)
    with pytest.raises(ConfigError, match=r"large is larger than 4 MiB; name the right file"):
        Reader(tmp_path).read("large")
    with (tmp_path / "large").open("wb") as opened:
        opened.truncate(MAX_FILE)
    assert len(Reader(tmp_path).read("large")) == MAX_FILE


def test_a_replay_touches_no_disk(tmp_path: Path):
    (tmp_path / "team.pub").write_bytes(b"of today")
    reader = Reader(tmp_path, kept={"team.pub": b"of then"})
    assert reader.read("team.pub") == b"of then"
    with pytest.raises(ConfigError, match=r"other\.pub is not in the record"):
        reader.read("other.pub")
