"""kill -9 after each step by name of an audit append, a migration of the state, and a pin's move. A step without a test fails.

After each: nothing wrong is visible, nothing that was answered for is lost, and the next process goes on.
The content directory's steps are test_steps.py's, an eviction's are test_evict.py's.
"""

import ast
import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import aiohttp
import pytest

from proxy.events import PolicyLoaded
from proxy.observe import audit as audits
from proxy.observe.audit import Audit
from proxy.oci.digest import Digest
from proxy.state.schema import MIGRATIONS
from proxy.state.sqlite import SqliteStore
from tests.fakes.dying import DIGESTS
from tests.fakes.house import UPSTREAM, House

ROOT = Path(__file__).parents[2]
# `torn` is a line that the machine's end cuts in two; `written` is a transaction that is not committed: no code of ours runs there.
STEPS = {
    "observe": ("created", "appended", "synced"),
    "state": ("stated", "noted", "numbered", "migrated"),
    "pipeline/tags": ("said", "set"),
}
KEY = ("reg.test", "acme/app", "1.0")


def steps_in_the_code(room):
    found = set()
    for file in (ROOT / "proxy" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in {"steps", "_steps"}:
                found.add(node.args[0].value)
    return found


def _name(called):
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


@pytest.mark.parametrize("room", STEPS)
def test_every_step_of_the_code_is_walked_here(room):
    assert steps_in_the_code(room) == set(STEPS[room])


def test_no_room_has_steps_that_nobody_walks():
    walked = {"content", "pipeline/keeping", *STEPS}
    rooms = {
        str(file.parent.relative_to(ROOT / "proxy"))
        for file in (ROOT / "proxy").rglob("*.py")
        if any(f'steps("{quote}' in file.read_text() for quote in "abcdefghijklmnopqrstuvwxyz")
    }
    assert {room for room in rooms if not room.startswith(tuple(walked))} == set()


async def begun(*words):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.dying", *map(str, words)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def ended(*words):
    """What it said, and how it ended."""
    process = await begun(*words)
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return said.decode().split(), process.returncode


# The audit


@pytest.mark.parametrize("turn", [1, 3])
@pytest.mark.parametrize("step", ["created", "appended", "torn", "synced"])
async def test_a_killed_process_leaves_an_audit_that_is_whole_or_says_what_is_missing(tmp_path, step, turn):
    said, code = await ended("audit", tmp_path, step, turn)
    if step == "created" and turn > 1:
        assert (code, len(said)) == (0, len(DIGESTS)), "a file is made once"
    else:
        assert code == -signal.SIGKILL
    records = list(audits.read(tmp_path))
    moved = [record["new"] for record in records if record["kind"] == "pinMoved"]
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1)), "no gap"
    assert moved[: len(said)] == said, "what was answered for is there"
    assert len(moved) <= len(said) + 1
    restored = audits.restore_pins(tmp_path)
    assert restored.get(KEY) == (Digest.parse(moved[-1]) if moved else None)
    for file in tmp_path.glob("*.jsonl"):
        os.utime(file, (1, 1))
    successor = Audit(tmp_path)
    successor.record(PolicyLoaded("loaded", 1, ""))
    successor.close()
    (opened,) = [each for each in audits.read(tmp_path) if each["kind"] == "opened" and each["process"] == os.getpid()]
    torn = opened.get("torn", [])
    assert [each["after"] for each in torn] == ([len(records)] if step == "torn" else [])


# A migration


@pytest.mark.parametrize(
    ("step", "turn"), [("stated", 1), ("stated", 2), ("noted", 1), ("numbered", 1), ("migrated", 1)]
)
async def test_a_killed_migration_is_whole_or_was_never_begun(tmp_path, step, turn):
    path = tmp_path / "state.db"
    store = await SqliteStore.open(path)
    await store.put("pins", "a", b"1")
    await store.close()
    said, code = await ended("migration", path, step, turn)
    assert (said, code) == ([], -signal.SIGKILL)
    with contextlib.closing(sqlite3.connect(path)) as found:
        version = found.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {row[1] for row in found.execute("PRAGMA table_info(entries)")}
    is_done = step == "migrated"
    assert version == len(MIGRATIONS) + is_done
    assert ("more" in tables, "proof" in columns) == (is_done, is_done)
    before = await SqliteStore.open(path)  # the program before the migration
    assert (await before.get("pins", "a")).value == b"1"
    await before.close()
    assert await ended("migration", path, "-", 1) == (["migrated"], 0)


@pytest.mark.parametrize(
    ("step", "turn"), [("stated", 1), ("stated", 4), ("noted", 1), ("numbered", 1), ("migrated", 1)]
)
async def test_a_first_start_that_was_killed_is_a_first_start_again(tmp_path, step, turn):
    path = tmp_path / "state.db"
    assert await ended("migration", path, step, turn) == ([], -signal.SIGKILL)
    store = await SqliteStore.open(path)
    assert store.is_new == (step != "migrated")
    assert await store.get("pins", "a") is None
    await store.put("pins", "a", b"1")
    await store.close()


# A pin's move, by a whole proxy

FOLLOW = """\
version: 1
signers:
  team: { key: team.pub, log: none }
images:
  - { match: reg.test/acme/**, pinning: follow, ttl: 1s, require: [ { signature: team } ] }
"""
MANIFEST = f"/v2/acme/app/manifests/1.0?ns={UPSTREAM}"


@contextlib.asynccontextmanager
async def process(house, step, turn=1):
    """A proxy of its own on the house's files."""
    made = await begun("pin", house.folder / "pratique.yaml", step, turn)
    try:
        address = (await asyncio.wait_for(made.stdout.readline(), 60)).decode().strip()
        assert address
        yield made, f"http://{address}"
    finally:
        made.stdin.close()
        await asyncio.wait_for(made.wait(), 60)


async def asked(url):
    """The tag's digest; None where the connection ended without an answer."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url + MANIFEST) as answer:
            assert answer.status == 200
            return answer.headers["Docker-Content-Digest"]
    except aiohttp.ClientConnectionError:
        return None


@contextlib.asynccontextmanager
async def at_rest(tmp_path):
    """A house whose own proxy has ended, with an image that its upstream calls 1.0."""
    async with House(tmp_path, policy=FOLLOW) as house:
        house.first = house.put("acme/app", "first", tag="1.0")
        await house.stop()
        yield house


async def stands(house):
    """Where state and audit say that the tag leads."""
    store = await SqliteStore.open(house.folder / "data" / "state.db", read_only=True)
    try:
        entry = await store.get("pins", "reg.test/acme/app:1.0")
    finally:
        await store.close()
    in_state = json.loads(entry.value)["digest"] if entry else None
    in_audit = audits.restore_pins(house.folder / "data" / "audit").get(KEY)
    return in_state, str(in_audit) if in_audit else None


@pytest.mark.parametrize("step", ["said", "written", "set"])
async def test_promise_3_a_first_pin_that_was_killed_is_never_one_that_the_audit_does_not_know(tmp_path, step):
    async with at_rest(tmp_path) as house:
        first = str(house.first.digest)
        async with process(house, step) as (killed, url):
            assert await asked(url) is None
            assert await killed.wait() == -signal.SIGKILL
        in_state, in_audit = await stands(house)
        assert (in_state, in_audit) == (first if step == "set" else None, first)
        async with process(house, "-") as (_, url):
            assert await asked(url) == first
        assert await stands(house) == (first, first)


@pytest.mark.parametrize("step", ["said", "written", "set"])
async def test_promise_3_a_pins_move_that_was_killed_leads_to_the_one_digest_or_to_the_other(tmp_path, step):
    async with at_rest(tmp_path) as house:
        async with process(house, "-") as (_, url):
            assert await asked(url) == str(house.first.digest)
        second = house.put("acme/app", "second", tag="1.0")
        old, new = str(house.first.digest), str(second.digest)
        await asyncio.sleep(1.1)  # the pin's ttl
        async with process(house, step) as (killed, url):
            assert await asked(url) is None
            assert await killed.wait() == -signal.SIGKILL
        in_state, in_audit = await stands(house)
        assert in_state == (new if step == "set" else old)
        assert in_audit == new, "the audit is never behind the state"
        async with process(house, "-") as (_, url):
            assert await asked(url) == new
        assert await stands(house) == (new, new)
