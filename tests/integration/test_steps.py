"""kill -9 after each step by name of everything that changes the content directory. A step that is not in the table fails.

After each: nothing wrong or partial is visible, nothing that was stored is lost, and the next process does the work again.
"""

import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.content.filesystem import FilesystemStore
from proxy.oci.digest import Digest
from tests.fakes import mortal

RAW = hashlib.shake_128(b"steps").digest(400_000)
DIGEST = Digest.of(RAW)
ROOT = Path(__file__).parents[2]

PROOF = ("proof-written", "proof-kept")
PUBLISHED = ("synced", "renamed", "listed")
STEPS = {
    "fill": ("written", "recorded", "proved", "released", *PUBLISHED, *PROOF, "attested"),
    "small": ("small-written", *PUBLISHED),
    "prove": PROOF,
    "condemn": ("proof-dropped", "aside"),
    "scrub": ("proof-dropped", "aside"),
    "delete": ("dropped", "proof-dropped"),
    "evict": ("blob-removed", "marks-removed"),
}
# Once this step is done the blob is gone, or is there, for whoever opens it next.
GONE = {"condemn": None, "scrub": "proof-dropped", "delete": "dropped", "evict": "blob-removed"}


def steps_in_the_code() -> set[str]:
    """Every literal that is handed to a `steps` in the room."""
    found = set()
    for file in (ROOT / "proxy" / "content").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in {"steps", "_steps"}:
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{file.name}: a step is named in its own line"
                found.add(argument.value)
    return found


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def test_every_step_of_the_code_is_walked_here():
    assert steps_in_the_code() == {step for steps in STEPS.values() for step in steps}
    assert set(STEPS) == set(mortal.OPERATIONS)


@pytest.fixture
async def store(tmp_path):
    found = FilesystemStore(tmp_path / "content", rotted=lambda *_: None)
    yield found
    found.close()


async def prepared(store, operation):
    """What stands there when the operation begins."""
    if operation in {"fill", "small"}:
        return
    await mortal.fill(store, RAW)
    if operation == "prove":
        store._shelf.proof(DIGEST).unlink()
    elif operation == "condemn":
        with store._shelf.blob(DIGEST).open("r+b") as file:
            file.write(b"rot")
    elif operation == "scrub":
        mortal.rot(store, DIGEST)


def run(tmp_path, operation, step="-"):
    (tmp_path / "raw").write_bytes(RAW)
    words = [sys.executable, "-m", "tests.fakes.mortal", operation, tmp_path / "content", tmp_path / "raw", step]
    ended = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0 if step == "-" else 9, "")
    return tuple(ended.stdout.split())


async def whole(store):
    body = await store.open(DIGEST)
    if body is None:
        return None
    try:
        assert await body.more(body.size) == len(RAW)
        return os.pread(body.fileno(), len(RAW) + 1, 0)
    finally:
        body.close()


@pytest.mark.parametrize("operation", STEPS)
async def test_an_operation_does_the_steps_of_the_table_in_its_order(store, tmp_path, operation):
    await prepared(store, operation)
    done = run(tmp_path, operation)
    assert tuple(dict.fromkeys(done)) == STEPS[operation]


@pytest.mark.parametrize(("operation", "step"), [(name, step) for name, steps in STEPS.items() for step in steps])
async def test_promise_2_killed_at_any_step_nothing_wrong_is_visible_and_nothing_is_lost(
    store, tmp_path, operation, step
):
    await prepared(store, operation)
    assert run(tmp_path, operation, step)[-1] == step
    again = FilesystemStore(tmp_path / "content", rotted=lambda *_: None)
    try:
        await again.tidy()
        assert await whole(again) == expected(operation, step)
        await restored(again)
        assert await whole(again) == RAW
        assert list((tmp_path / "content" / "partial").iterdir()) == []
    finally:
        again.close()


def expected(operation, step):
    """What whoever opens it next gets."""
    steps = STEPS[operation]
    if operation in GONE:
        gone_at = GONE[operation]
        return RAW if gone_at is not None and steps.index(step) < steps.index(gone_at) else None
    if operation == "prove":
        return RAW
    return RAW if steps.index(step) >= steps.index("renamed") else None


async def restored(store):
    """What came is taken up: a fill that was killed has every byte of it already."""
    if await store.size(DIGEST) is None:
        await mortal.fill(store, RAW)


@pytest.mark.parametrize("step", STEPS["fill"][:5])
async def test_a_fill_that_was_killed_is_taken_up_with_every_byte_that_was_written(store, tmp_path, step):
    run(tmp_path, "fill", step)
    partial = await store.partial(DIGEST, len(RAW))
    assert partial.received >= (mortal.CHUNK if step in {"written", "recorded"} else len(RAW))
    await partial.write(RAW[partial.received :])
    await partial.commit()
    assert await whole(store) == RAW


async def test_what_was_put_aside_is_kept_to_be_looked_at(store, tmp_path):
    await prepared(store, "condemn")
    run(tmp_path, "condemn", "aside")
    (kept,) = (tmp_path / "content" / "quarantine").iterdir()
    assert kept.read_bytes() == b"rot" + RAW[3:]
