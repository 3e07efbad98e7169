"""Memory that looks like a file, and gives back what was read."""

import mmap
import os
import socket

import pytest

from proxy.content.unkept.window import Window
from proxy.errors import StorageError

PAGE = mmap.ALLOCATIONGRANULARITY
RAW = os.urandom(64 * PAGE)


@pytest.fixture
def window():
    window = Window(10 * 2**30)
    yield window
    window.close()


def taken(window) -> int:
    return os.fstat(window.fileno()).st_blocks * 512


def test_bytes_stand_at_their_own_offsets_and_what_was_dropped_takes_nothing(window):
    at = 7 * 2**30
    window.begin(at)
    window.put(RAW, at)
    assert os.pread(window.fileno(), len(RAW), at) == RAW
    before = taken(window)
    window.drop(at + len(RAW) - 10)
    assert taken(window) < before / 30
    assert os.pread(window.fileno(), 10, at + len(RAW) - 10) == RAW[-10:]
    window.drop(at)
    window.drop(at + len(RAW))
    assert taken(window) == 0


def test_what_a_socket_was_given_stays_as_it_was_after_it_is_dropped(window):
    """sendfile hands over the pages themselves; nothing is ever written to them again."""
    here, there = socket.socketpair()
    window.put(RAW[:PAGE], 0)
    assert os.sendfile(here.fileno(), window.fileno(), 0, PAGE) == PAGE
    window.drop(PAGE)
    window.put(bytes(PAGE), PAGE)
    got = b""
    while len(got) < PAGE:
        got += there.recv(PAGE)
    assert got == RAW[:PAGE]
    here.close()
    there.close()


def test_a_closed_window_is_no_file(window):
    window.close()
    window.close()
    with pytest.raises(StorageError):
        window.put(b"x", 0)
