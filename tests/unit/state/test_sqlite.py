import asyncio
import sqlite3
import subprocess
import sys

import pytest

from proxy.errors import StorageError
from proxy.state import connection
from proxy.state.sqlite import SqliteStore
from proxy.state.store import Change


async def test_is_new_says_that_there_was_no_state_before(tmp_path):
    path = tmp_path / "deep" / "state.db"
    store = await SqliteStore.open(path)
    assert store.is_new
    await store.close()
    store = await SqliteStore.open(path)
    assert not store.is_new
    await store.close()


async def test_what_was_put_survives_the_store(tmp_path):
    store = await SqliteStore.open(tmp_path / "state.db")
    entry = await store.put("pins", "a", b"1")
    await store.close()
    store = await SqliteStore.open(tmp_path / "state.db")
    assert await store.get("pins", "a") == entry
    assert (await store.put("pins", "b", b"2")).version > entry.version
    await store.close()


KILLED = """
import asyncio, os, pathlib, sys
from proxy.state.sqlite import SqliteStore
async def main():
    store = await SqliteStore.open(pathlib.Path(sys.argv[1]))
    await store.put("pins", "a", b"1")
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


async def test_what_was_answered_survives_kill_9(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "state.db"], check=False, timeout=60)
    assert ended.returncode == -9
    store = await SqliteStore.open(tmp_path / "state.db")
    assert not store.is_new
    assert (await store.get("pins", "a")).value == b"1"
    await store.close()


@pytest.mark.parametrize("raw", [b"this is not a database, " * 400, b"SQLite format 3\x00" + b"\xff" * 8176])
async def test_a_damaged_file_is_a_sentence_and_stays_as_it_is(tmp_path, raw):
    (tmp_path / "state.db").write_bytes(raw)
    with pytest.raises(StorageError, match="damaged; stop the proxy, restore the file") as caught:
        await SqliteStore.open(tmp_path / "state.db")
    assert "pins come back" in caught.value.message
    assert (tmp_path / "state.db").read_bytes() == raw


async def test_a_page_damaged_in_the_middle_is_found_at_the_start(tmp_path):
    path = tmp_path / "state.db"
    store = await SqliteStore.open(path)
    for number in range(100):
        await store.put("b", f"key{number:03}", b"x" * 1000)
    await store.close()
    raw = bytearray(path.read_bytes())
    for page in range(4096, len(raw), 4096):
        raw[page : page + 64] = b"\xff" * 64
    path.write_bytes(raw)
    with pytest.raises(StorageError, match="damaged"):
        await SqliteStore.open(path)


async def test_damage_while_running_is_a_sentence_and_never_a_crash(tmp_path):
    path = tmp_path / "state.db"
    store = await SqliteStore.open(path)
    for number in range(100):
        await store.put("b", f"key{number:03}", b"x" * 100_000)  # more than SQLite keeps in memory
    await store.close()
    store = await SqliteStore.open(path)
    raw = bytearray(path.read_bytes())
    for page in range(4096, len(raw), 4096):
        raw[page : page + 64] = b"\xff" * 64
    with path.open("r+b") as file:
        file.write(raw)
    with pytest.raises(StorageError, match="damaged"):
        await store.scan("b")
    await store.close()


async def test_a_folder_where_the_file_should_be_is_a_sentence(tmp_path):
    with pytest.raises(StorageError, match="cannot be opened"):
        await SqliteStore.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        await SqliteStore.open(tmp_path / "file" / "state.db")


async def test_a_reader_alone_reads_while_the_proxy_writes_and_cannot_write(tmp_path):
    writer = await SqliteStore.open(tmp_path / "state.db")
    reader = await SqliteStore.open(tmp_path / "state.db", read_only=True)
    await writer.put("pins", "a", b"1")
    assert not reader.is_new
    assert (await reader.get("pins", "a")).value == b"1"
    with pytest.raises(StorageError, match="cannot be written"):
        await reader.put("pins", "a", b"2")
    await writer.close()
    assert (await reader.get("pins", "a")).value == b"1"
    await reader.close()


async def test_a_reader_alone_reads_what_a_stopped_proxy_left(tmp_path):
    writer = await SqliteStore.open(tmp_path / "state.db")
    await writer.put("pins", "a", b"1")
    await writer.close()
    reader = await SqliteStore.open(tmp_path / "state.db", read_only=True)
    assert (await reader.get("pins", "a")).value == b"1"
    await reader.close()


async def test_many_processes_may_open_a_new_file_at_once(tmp_path):
    stores = await asyncio.gather(*(SqliteStore.open(tmp_path / "state.db") for _ in range(6)))
    assert sum(store.is_new for store in stores) == 1
    await asyncio.gather(*(store.put("b", str(number), b"") for number, store in enumerate(stores)))
    assert len(await stores[0].scan("b")) == 6
    await asyncio.gather(*(store.close() for store in stores))


def lock(path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def test_a_writer_waits_for_another_process_and_readers_do_not(tmp_path):
    path = tmp_path / "state.db"
    store, reader = await SqliteStore.open(path), await SqliteStore.open(path)
    other = lock(path)
    writing = asyncio.ensure_future(store.put("pins", "a", b"1"))
    assert await reader.get("pins", "a") is None
    assert not writing.done()
    other.execute("COMMIT")
    assert (await writing).value == b"1"
    other.close()
    await store.close()
    await reader.close()


async def test_a_lock_that_never_ends_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 0.05)
    store = await SqliteStore.open(tmp_path / "state.db")
    other = lock(tmp_path / "state.db")
    with pytest.raises(StorageError, match="locked by another process; try again") as caught:
        await store.put("pins", "a", b"1")
    assert caught.value.retry_after
    other.execute("ROLLBACK")
    other.close()
    assert (await store.put("pins", "a", b"1")).value == b"1"
    await store.close()


async def test_a_write_whose_asker_left_ends_whole_and_is_told(tmp_path):
    store = await SqliteStore.open(tmp_path / "state.db")
    other = lock(tmp_path / "state.db")
    begun = asyncio.ensure_future(store.put("pins", "begun", b"1"))
    waiting = asyncio.ensure_future(store.put("pins", "waiting", b"1"))
    while store._thread._work_queue.qsize() != 1:
        await asyncio.sleep(0)
    changes = store.watch()
    begun.cancel()
    waiting.cancel()
    await asyncio.gather(begun, waiting, return_exceptions=True)
    other.execute("COMMIT")
    other.close()
    assert await asyncio.wait_for(anext(changes), timeout=30) in (Change("pins", "begun"), Change("", ""))
    assert (await store.get("pins", "begun")).value == b"1"
    assert await store.get("pins", "waiting") is None
    await store.close()


async def test_closing_finishes_what_was_begun(tmp_path):
    store = await SqliteStore.open(tmp_path / "state.db")
    begun = [asyncio.ensure_future(store.put("b", str(number), b"")) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*begun)) == 20


async def test_nobody_polls_once_the_last_watcher_left(tmp_path):
    store = await SqliteStore.open(tmp_path / "state.db")
    changes = store.watch()
    assert not store._poller.done()
    del changes
    await asyncio.wait_for(store._poller, timeout=30)
    changes = store.watch()
    assert not store._poller.done()
    await store.close()
    with pytest.raises(StopAsyncIteration):
        await anext(changes)


async def test_a_key_that_is_not_text_is_a_storage_error(tmp_path):
    store = await SqliteStore.open(tmp_path / "state.db")
    with pytest.raises(StorageError):
        await store.put("b", "\ud800", b"")
    with pytest.raises(StorageError):
        await store.get("b", "\ud800")
    await store.close()


CLI = """
import asyncio, pathlib, sys
from proxy.state.sqlite import SqliteStore
async def main():
    store = await SqliteStore.open(pathlib.Path(sys.argv[1]))
    for number in range(50):
        await store.put("cli", str(number), b"")
    await store.close()
asyncio.run(main())
"""


async def test_a_command_writes_while_the_proxy_does(tmp_path):
    store = await SqliteStore.open(tmp_path / "state.db")
    changes = store.watch()
    command = await asyncio.create_subprocess_exec(sys.executable, "-c", CLI, tmp_path / "state.db")
    while command.returncode is None:
        await store.put("proxy", "counter", b"")
        await asyncio.sleep(0.001)
    assert command.returncode == 0
    assert len(await store.scan("cli")) == 50
    theirs = {Change("cli", str(number), by_others=True) for number in range(50)}
    heard: set[Change] = set()
    while not theirs <= heard:
        heard.add(await asyncio.wait_for(anext(changes), timeout=30))
    assert heard == {*theirs, Change("proxy", "counter")}
    await store.close()
