"""Promise 2: the last block leaves only while the file is what it was when it was proved."""

import os

import pytest

from proxy.content import proofs
from proxy.content.hands import Hands
from proxy.content.store import TAIL
from proxy.content.stored import StoredBody
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest

RAW = b"stored" * TAIL


@pytest.fixture
def body(tmp_path):
    (tmp_path / "x").write_bytes(RAW)
    hands = Hands(1)
    descriptor = os.open(tmp_path / "x", os.O_RDONLY)
    found = StoredBody(Digest.of(RAW), descriptor, proofs.prove(descriptor, Digest.of(RAW)), hands=hands)
    yield found
    found.close()
    hands.close()


async def test_all_but_the_tail_is_released_at_once(body):
    assert body.released == len(RAW) - TAIL
    assert await body.more(0) == len(RAW) - TAIL
    assert await body.more(len(RAW) - TAIL) == len(RAW)


async def test_a_flipped_bit_with_its_mtime_restored_never_completes(body, tmp_path):
    before = (tmp_path / "x").stat()
    with (tmp_path / "x").open("r+b") as file:
        file.write(b"S")
    os.utime(tmp_path / "x", ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ContentMismatch, match="not what its digest says"):
        await body.more(body.released)
    with pytest.raises(ContentMismatch):
        await body.more(body.released)


@pytest.mark.parametrize("how", ["flip", "truncate", "extend", "touch"])
async def test_a_file_that_was_written_to_while_it_was_read_never_completes(body, tmp_path, how):
    path = tmp_path / "x"
    if how == "flip":
        with path.open("r+b") as file:
            file.write(b"S")
    elif how == "touch":
        path.touch()
    else:
        os.truncate(path, len(RAW) + (1 if how == "extend" else -1))
    with pytest.raises(ContentMismatch, match="changed while it was read"):
        await body.more(body.released)


@pytest.mark.parametrize("how", ["unlink", "rename", "chmod", "link"])
async def test_a_file_that_was_moved_away_but_not_written_to_is_hashed_again_and_ends_well(body, tmp_path, how):
    path = tmp_path / "x"
    {
        "unlink": path.unlink,
        "rename": lambda: path.rename(tmp_path / "y"),
        "chmod": lambda: path.chmod(0o640),
        "link": lambda: os.link(path, tmp_path / "y"),
    }[how]()
    assert await body.more(body.released) == len(RAW)


def test_a_closed_reader_has_no_descriptor(body):
    body.close()
    body.close()
    with pytest.raises(StorageError):
        body.fileno()


async def test_a_reader_that_could_not_read_it_says_by_which_proof_it_was_opened(tmp_path):
    (tmp_path / "x").write_bytes(RAW)
    hands, doubted = Hands(1), []
    descriptor = os.open(tmp_path / "x", os.O_RDONLY)
    proof = proofs.prove(descriptor, Digest.of(RAW))
    body = StoredBody(Digest.of(RAW), descriptor, proof, hands=hands, doubt=doubted.append)
    body.doubt()
    assert doubted == [proof]
    body.close()
    hands.close()
