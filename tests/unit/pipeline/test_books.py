from proxy.pipeline.books import Book
from proxy.state.memory import MemoryStore
from tests.fakes.clock import HandClock


async def test_what_was_written_is_read_and_what_others_wrote_after_forgetting():
    store = MemoryStore(clock=HandClock())
    book, other = Book(store, "facts", limit=10), Book(store, "facts", limit=10)
    assert await book.get("a") is None
    await other.put("a", {"n": 1})
    assert await book.get("a") is None  # it remembers that there was nothing
    book.forget()
    assert (await book.get("a"))[0] == {"n": 1}


async def test_compare_and_set_needs_the_version_that_was_read():
    store = MemoryStore(clock=HandClock())
    book = Book(store, "facts", limit=10)
    assert await book.compare_and_set("a", {"n": 1}, expected=None)
    assert not await book.compare_and_set("a", {"n": 2}, expected=None)
    _, version, _ = await book.get("a")
    assert await book.compare_and_set("a", {"n": 2}, expected=version)


async def test_memory_is_bounded_and_loses_nothing():
    store = MemoryStore(clock=HandClock())
    book = Book(store, "facts", limit=2)
    for number in range(5):
        await book.put(str(number), {"n": number})
    assert len(book._memory) == 2
    assert (await book.get("0"))[0] == {"n": 0}


async def test_an_entry_that_is_no_json_counts_as_absent():
    store = MemoryStore(clock=HandClock())
    await store.put("facts", "a", b"\xff{")
    book = Book(store, "facts", limit=2)
    assert await book.get("a") is None
    assert list(await book.scan()) == []


async def test_a_scan_sees_only_what_begins_alike():
    store = MemoryStore(clock=HandClock())
    book = Book(store, "facts", limit=2)
    for key in ("a:1", "a:2", "b:1"):
        await book.put(key, {"k": key})
    assert [key for key, _ in await book.scan("a:")] == ["a:1", "a:2"]
