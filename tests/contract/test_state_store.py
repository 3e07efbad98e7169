"""What every state store does. Run over each backend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import StorageError
from proxy.state.memory import MemoryStore
from proxy.state.sqlite import SqliteStore
from proxy.state.store import MAX_VALUE, Change, StateStore, scan_all


class HandClock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


Opener = Callable[[Path, HandClock], "contextlib.AbstractAsyncContextManager[StateStore]"]


@contextlib.asynccontextmanager
async def opened(backend: str, folder: Path, clock: HandClock) -> AsyncIterator[StateStore]:
    store: StateStore
    store = MemoryStore(clock) if backend == "memory" else await SqliteStore.open(folder / "state.db", clock=clock)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path, clock) -> AsyncIterator[StateStore]:
    async with opened(request.param, tmp_path, clock) as made:
        yield made


async def next_change(changes: AsyncIterator[Change]) -> Change:
    return await asyncio.wait_for(anext(changes), timeout=30)


async def is_silent(changes: AsyncIterator[Change]) -> bool:
    waiting = asyncio.ensure_future(anext(changes))
    for _ in range(5):
        await asyncio.sleep(0)
    was_silent = not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return was_silent


async def test_what_was_put_is_got(store):
    put = await store.put("pins", "a", b"\x00\xff value")
    got = await store.get("pins", "a")
    assert got == put
    assert (got.key, got.value, got.expires_at) == ("a", b"\x00\xff value", None)


async def test_books_are_strangers(store):
    await store.put("pins", "a", b"pin")
    await store.put("decisions", "a", b"decision")
    assert (await store.get("pins", "a")).value == b"pin"
    assert await store.get("refusals", "a") is None
    assert [entry.value for entry in await store.scan("decisions")] == [b"decision"]


async def test_a_version_is_positive_and_grows_with_each_change(store):
    first = await store.put("pins", "a", b"1")
    second = await store.put("pins", "a", b"1")
    assert 0 < first.version < second.version


async def test_a_version_is_never_used_again_after_a_deletion(store):
    first = await store.put("pins", "a", b"1")
    assert await store.delete("pins", "a")
    second = await store.put("pins", "a", b"1")
    assert second.version > first.version
    assert await store.compare_and_set("pins", "a", b"2", expected=first.version) is None


async def test_compare_and_set_writes_only_over_the_expected_version(store):
    first = await store.compare_and_set("pins", "a", b"1", expected=None)
    assert first is not None
    assert await store.compare_and_set("pins", "a", b"2", expected=None) is None
    assert await store.compare_and_set("pins", "a", b"2", expected=first.version + 1) is None
    assert (await store.get("pins", "a")).value == b"1"
    second = await store.compare_and_set("pins", "a", b"2", expected=first.version)
    assert second is not None
    assert second.version > first.version
    assert await store.get("pins", "a") == second


async def test_compare_and_set_of_an_absent_entry_needs_expected_none(store):
    assert await store.compare_and_set("pins", "a", b"1", expected=1) is None
    assert await store.get("pins", "a") is None


async def test_of_many_that_race_exactly_one_wins(store):
    tries = [store.compare_and_set("pins", "tag", str(number).encode(), expected=None) for number in range(20)]
    won = [entry for entry in await asyncio.gather(*tries) if entry is not None]
    assert len(won) == 1
    assert await store.get("pins", "tag") == won[0]


async def test_increments_by_compare_and_set_lose_nothing(store):
    await store.put("counts", "n", b"0")

    async def increment() -> None:
        while True:
            entry = await store.get("counts", "n")
            value = str(int(entry.value) + 1).encode()
            if await store.compare_and_set("counts", "n", value, expected=entry.version):
                return

    await asyncio.gather(*(increment() for _ in range(10)))
    assert (await store.get("counts", "n")).value == b"10"


async def test_delete_says_whether_something_went(store):
    entry = await store.put("pins", "a", b"1")
    assert not await store.delete("pins", "b")
    assert not await store.delete("pins", "a", expected=entry.version + 1)
    assert await store.delete("pins", "a", expected=entry.version)
    assert not await store.delete("pins", "a")
    assert await store.get("pins", "a") is None


async def test_an_entry_is_absent_from_the_moment_it_expires(store, clock):
    entry = await store.put("decisions", "a", b"1", expires_at=clock.now + 60)
    clock.now += 59.9
    assert await store.get("decisions", "a") == entry
    clock.now = entry.expires_at
    assert await store.get("decisions", "a") is None
    assert await store.scan("decisions") == ()
    assert not await store.delete("decisions", "a")


async def test_an_expired_entry_counts_as_absent_for_compare_and_set(store, clock):
    old = await store.put("decisions", "a", b"1", expires_at=clock.now + 60)
    clock.now += 60
    assert await store.compare_and_set("decisions", "a", b"2", expected=old.version) is None
    new = await store.compare_and_set("decisions", "a", b"2", expected=None)
    assert new is not None
    assert new.version > old.version


async def test_a_new_write_replaces_the_expiry_too(store, clock):
    await store.put("decisions", "a", b"1", expires_at=clock.now + 60)
    await store.put("decisions", "a", b"2")
    clock.now += 3600
    assert (await store.get("decisions", "a")).value == b"2"


async def test_expired_entries_do_not_shorten_a_page(store, clock):
    for number in range(10):
        await store.put("b", f"k{number}", b"", expires_at=clock.now + 1 if number < 5 else None)
    clock.now += 2
    assert [entry.key for entry in await store.scan("b", limit=5)] == ["k5", "k6", "k7", "k8", "k9"]


async def test_a_scan_is_read_in_pages_in_key_order(store):
    for number in (3, 1, 4, 0, 2):
        await store.put("b", f"k{number}", b"")
    first = await store.scan("b", limit=2)
    second = await store.scan("b", after=first[-1].key, limit=2)
    third = await store.scan("b", after=second[-1].key, limit=2)
    assert [entry.key for page in (first, second, third) for entry in page] == ["k0", "k1", "k2", "k3", "k4"]
    assert await store.scan("b", after="k4") == ()
    assert await store.scan("b", limit=0) == ()


async def test_a_scan_keeps_to_its_prefix_and_goes_on_after_a_key(store):
    for key in ("nvcr.io/a", "nvcr.io/b", "nvcr.io0", "nvcr.i", "nvcr.io/", "ghcr.io/a"):
        await store.put("pins", key, b"")
    found = [entry.key for entry in await store.scan("pins", prefix="nvcr.io/")]
    assert found == ["nvcr.io/", "nvcr.io/a", "nvcr.io/b"]
    assert [entry.key for entry in await store.scan("pins", prefix="nvcr.io/", after="nvcr.io/a")] == ["nvcr.io/b"]
    assert [entry.key for entry in await store.scan("pins", prefix="nvcr.io/", after="a")] == found


async def test_a_prefix_is_text_and_never_a_pattern(store):
    for key in ("a%b", "a_b", "axb", "a*b", "a"):
        await store.put("b", key, b"")
    for prefix in ("a%", "a_", "a*"):
        assert [entry.key for entry in await store.scan("b", prefix=prefix)] == [f"{prefix}b"]


async def test_scan_all_reads_every_page(store):
    for number in range(25):
        await store.put("b", f"p/{number:02}", b"")
    await store.put("b", "q", b"")
    assert len(await scan_all(store, "b", "p/")) == 25


@given(
    keys=st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4), max_size=8), cut=st.data()
)
def test_every_backend_scans_alike(keys, cut, tmp_path_factory):
    whole = st.sampled_from(sorted(keys)) if keys else st.just("")
    prefix = cut.draw(whole)[: cut.draw(st.integers(0, 2))]
    after = cut.draw(whole | st.just(""))

    async def found(backend: str) -> list[str]:
        async with opened(backend, tmp_path_factory.mktemp("scan"), HandClock()) as store:
            for key in keys:
                await store.put("b", key, b"")
            return [entry.key for entry in await store.scan("b", prefix=prefix, after=after)]

    expected = sorted(key for key in keys if key.startswith(prefix) and key > after)
    assert asyncio.run(found("memory")) == expected
    assert asyncio.run(found("sqlite")) == expected


async def test_a_lease_has_one_owner_until_it_ends(store, clock):
    assert await store.lease("refresh", owner="one", seconds=10)
    assert not await store.lease("refresh", owner="two", seconds=10)
    clock.now += 9
    assert not await store.lease("refresh", owner="two", seconds=10)
    clock.now += 1
    assert await store.lease("refresh", owner="two", seconds=10)
    assert not await store.lease("refresh", owner="one", seconds=10)


async def test_the_owner_renews_its_lease(store, clock):
    assert await store.lease("refresh", owner="one", seconds=10)
    clock.now += 9
    assert await store.lease("refresh", owner="one", seconds=10)
    clock.now += 9
    assert not await store.lease("refresh", owner="two", seconds=10)


async def test_only_the_owner_releases_a_lease(store):
    assert await store.lease("refresh", owner="one", seconds=10)
    await store.release("refresh", owner="two")
    assert not await store.lease("refresh", owner="two", seconds=10)
    await store.release("refresh", owner="one")
    assert await store.lease("refresh", owner="two", seconds=10)
    await store.release("nothing", owner="two")


async def test_of_many_that_want_a_lease_one_gets_it(store):
    got = await asyncio.gather(*(store.lease("refresh", owner=str(number), seconds=10) for number in range(10)))
    assert sum(got) == 1


async def test_a_watcher_hears_what_changed(store):
    changes = store.watch()
    await store.put("pins", "a", b"1")
    assert await next_change(changes) == Change("pins", "a")
    await store.compare_and_set("pins", "b", b"1", expected=None)
    assert await next_change(changes) == Change("pins", "b")
    await store.delete("pins", "a")
    assert await next_change(changes) == Change("pins", "a")


async def test_a_change_is_told_before_its_writer_goes_on(store):
    changes = store.watch()
    await store.put("revoked", "digest", b"")
    assert not await is_silent(changes)


async def test_a_watcher_hears_nothing_of_what_was_before_or_did_not_happen(store):
    await store.put("pins", "a", b"1")
    changes = store.watch()
    await store.compare_and_set("pins", "a", b"2", expected=None)
    await store.delete("pins", "b")
    await store.get("pins", "a")
    assert await is_silent(changes)


async def test_each_watcher_hears_every_change(store):
    one, two = store.watch(), store.watch()
    await store.put("pins", "a", b"1")
    assert await next_change(one) == await next_change(two) == Change("pins", "a")


async def test_a_watcher_that_falls_behind_hears_that_anything_may_have_changed(store):
    changes = store.watch()
    for number in range(1200):
        await store.put("pins", f"k{number}", b"")
    assert await next_change(changes) == Change(book="", key="")
    assert await next_change(changes) == Change("pins", "k1000")


async def test_closing_ends_the_watchers(store):
    changes = store.watch()
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, timeout=30)


async def test_a_closed_store_says_so_and_may_be_closed_again(store):
    await store.put("pins", "a", b"1")
    await store.close()
    await store.close()
    for operation in (
        store.get("pins", "a"),
        store.put("pins", "a", b"2"),
        store.compare_and_set("pins", "a", b"2", expected=None),
        store.delete("pins", "a"),
        store.scan("pins"),
        store.lease("l", owner="o", seconds=1),
        store.release("l", owner="o"),
    ):
        with pytest.raises(StorageError, match="closed"):
            await operation
    with pytest.raises(StorageError, match="closed"):
        store.watch()


async def test_a_value_is_at_most_one_mebibyte(store):
    await store.put("b", "k", b"x" * MAX_VALUE)
    with pytest.raises(StorageError, match="at most 1048576"):
        await store.put("b", "k", b"x" * (MAX_VALUE + 1))
    assert len((await store.get("b", "k")).value) == MAX_VALUE


async def test_an_empty_key_and_an_expiry_that_is_no_number_are_refused(store):
    with pytest.raises(StorageError, match="no key"):
        await store.put("b", "", b"")
    with pytest.raises(StorageError, match="no key"):
        await store.compare_and_set("b", "", b"", expected=None)
    with pytest.raises(StorageError, match="expiry is not a number"):
        await store.put("b", "k", b"", expires_at=float("nan"))
    assert await store.scan("b") == ()


async def test_an_asker_who_leaves_does_not_break_the_store(store):
    asked = [asyncio.ensure_future(store.put("b", f"k{number}", b"v")) for number in range(50)]
    await asyncio.sleep(0)
    for task in asked[::2]:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    kept = {entry.key for entry in await store.scan("b")}
    assert {f"k{number}" for number in range(1, 50, 2)} <= kept
    assert (await store.put("b", "after", b"v")).version > 0


# Two SqliteStores on one file stand for two processes: each has its own connection and thread.


@pytest.fixture
async def pair(tmp_path, clock) -> AsyncIterator[tuple[StateStore, StateStore]]:
    async with opened("sqlite", tmp_path, clock) as one, opened("sqlite", tmp_path, clock) as two:
        yield one, two


async def test_two_stores_on_one_file_see_each_others_writes(pair):
    one, two = pair
    entry = await one.put("pins", "a", b"1")
    assert await two.get("pins", "a") == entry
    assert await two.delete("pins", "a", expected=entry.version)
    assert await one.get("pins", "a") is None


async def test_two_stores_on_one_file_race_and_one_wins(pair):
    tries = [store.compare_and_set("pins", "tag", b"v", expected=None) for store in pair for _ in range(10)]
    assert sum(entry is not None for entry in await asyncio.gather(*tries)) == 1


async def test_two_stores_on_one_file_share_leases(pair, clock):
    one, two = pair
    assert await one.lease("refresh", owner="one", seconds=10)
    assert not await two.lease("refresh", owner="two", seconds=10)
    clock.now += 11
    assert await two.lease("refresh", owner="two", seconds=10)
    assert not await one.lease("refresh", owner="one", seconds=10)


async def test_t62_what_another_process_changed_is_heard_and_named(pair):
    one, two = pair
    changes = one.watch()
    await two.put("revoked", "digest", b"")
    assert await next_change(changes) == Change("revoked", "digest", by_others=True)
    await two.delete("revoked", "digest")
    assert await next_change(changes) == Change("revoked", "", by_others=True)


async def test_t62_a_change_right_before_the_first_poll_is_not_missed(pair):
    one, two = pair
    await two.put("revoked", "digest", b"")
    assert await next_change(one.watch()) == Change("revoked", "digest", by_others=True)


async def test_what_a_store_wrote_itself_is_not_told_as_anothers(pair):
    one, two = pair
    changes = one.watch()
    await one.put("pins", "mine", b"1")
    await two.put("pins", "theirs", b"1")
    await one.put("pins", "mine", b"2")
    assert await next_change(changes) == Change("pins", "mine")
    assert await next_change(changes) == Change("pins", "theirs", by_others=True)
    await two.put("pins", "last", b"1")
    assert await next_change(changes) == Change("pins", "last", by_others=True)
