import asyncio

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


class Slow(MemoryStore):
    """A store that answers the first read when it is told to, with what stood there when it was asked."""

    def __init__(self):
        super().__init__(clock=HandClock())
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def get(self, book, key):
        found = await super().get(book, key)
        if not self.asked.is_set():
            self.asked.set()
            await self.go.wait()
        return found


async def test_t62_what_others_wrote_while_it_was_read_is_read_again():
    store = Slow()
    book, other = Book(store, "facts", limit=10), Book(store, "facts", limit=10)
    await other.put("a", {"n": 1})
    reading = asyncio.create_task(book.get("a"))
    await store.asked.wait()
    await other.put("a", {"n": 2})
    book.forget()
    store.go.set()
    assert (await reading)[0] == {"n": 2}
    assert (await book.get("a"))[0] == {"n": 2}


async def test_pages_hold_everything_that_can_be_read_once():
    store = MemoryStore(clock=HandClock())
    book = Book(store, "facts", limit=2)
    for number in range(7):
        await book.put(str(number), {"n": number})
    await store.put("facts", "3", b"\xff{")
    pages = [page async for page in book.pages(size=3)]
    assert [len(page) for page in pages] == [3, 2, 1]
    assert [key for page in pages for key, _ in page] == ["0", "1", "2", "4", "5", "6"]


async def test_one_entry_is_forgotten_and_the_others_stay_in_memory():
    store = MemoryStore(clock=HandClock())
    book, other = Book(store, "facts", limit=2), Book(store, "facts", limit=2)
    await book.put("a", {"n": 1})
    await book.put("b", {"n": 1})
    await other.put("a", {"n": 2})
    await other.put("b", {"n": 2})
    book.forget("a")
    assert book.remembered("a") == (False, None)
    assert book.remembered("b") == (True, {"n": 1})
    assert (await book.get("a"))[0] == {"n": 2}
    assert book.is_whole
    await book.put("c", {"n": 1})
    assert not book.is_whole, "one had to make room"
    book.forget()
    assert book.is_whole
