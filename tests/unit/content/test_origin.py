import os

import pytest

from proxy.content.origin import remember, remember_and_close, remembered


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path / "growing", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def keeps(descriptor):
    """Whether this file system keeps attributes of files at all."""
    try:
        os.setxattr(descriptor, "user.pratique.test", b"x")
    except OSError:
        pytest.skip("this file system keeps no attributes")


@pytest.mark.usefixtures("keeps")
def test_what_was_said_of_a_file_goes_with_it_and_can_be_taken_back(descriptor, tmp_path):
    remember(descriptor, '"abc"')
    (tmp_path / "growing").rename(tmp_path / "elsewhere")
    again = os.open(tmp_path / "elsewhere", os.O_RDONLY)
    assert remembered(again) == '"abc"'
    remember_and_close(again, None)
    assert remembered(descriptor) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(again)


@pytest.mark.usefixtures("keeps")
@pytest.mark.parametrize("raw", [b"", b"\r\nX-Evil: 1", b"\xff\xfe", b"x" * 2000, '"é"'.encode()])
def test_what_another_program_wrote_there_never_becomes_a_header(descriptor, raw):
    os.setxattr(descriptor, "user.pratique.validator", raw)
    assert remembered(descriptor) is None


def test_where_nothing_can_be_remembered_nothing_is(tmp_path):
    reader, writer = os.pipe()  # keeps no attributes
    remember(writer, '"abc"')
    assert remembered(writer) is None
    os.close(reader)
    os.close(writer)
    assert not list(tmp_path.iterdir())
