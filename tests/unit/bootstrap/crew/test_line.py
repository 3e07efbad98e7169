"""The line between a supervisor and a worker: words there and back, and an end that everybody notices."""

import asyncio
import socket
from contextlib import asynccontextmanager

from proxy.bootstrap.crew.line import Line


class End:
    """One end, and what it heard. It answers a word with what `answers` has for it."""

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers = answers
        self.heard: list[object] = []
        self.news = asyncio.Event()

    async def hear(self, word):
        self.heard.append(word)
        self.news.set()
        answer = self.answers[word]
        return await answer() if callable(answer) else answer


@asynccontextmanager
async def line(answers):
    ours, theirs = socket.socketpair()
    here, there = End({}), End(answers)
    lines = [await Line.open(ours, here.hear), await Line.open(theirs, there.hear)]
    listening = [asyncio.create_task(each.listen()) for each in lines]
    try:
        yield *lines, there
    finally:
        for each in lines:
            each.close()
        async with asyncio.timeout(30):
            await asyncio.gather(*listening)


async def test_a_word_that_is_asked_is_answered_and_one_that_is_told_is_heard():
    async with line({"how many": 3, "lead": None}) as (here, _, there):
        assert await here.ask("how many", seconds=30) == 3
        here.tell("lead")
        async with asyncio.timeout(30):
            while there.heard != ["how many", "lead"]:
                there.news.clear()
                await there.news.wait()


async def test_answers_may_come_in_another_order_and_are_each_ones_own():
    go = asyncio.Event()

    async def late():
        await go.wait()
        return "late"

    async with line({"slow": late, "quick": "quick"}) as (here, _, _there):
        slow = asyncio.create_task(here.ask("slow", seconds=30))
        assert await here.ask("quick", seconds=30) == "quick"
        assert not slow.done()
        go.set()
        assert await slow == "late"


async def test_who_is_silent_has_no_answer_and_a_late_one_is_nobodys():
    go = asyncio.Event()

    async def late():
        await go.wait()
        return "late"

    async with line({"slow": late, "quick": "quick"}) as (here, _, _there):
        assert await here.ask("slow", seconds=0.01) is None
        go.set()
        assert await here.ask("quick", seconds=30) == "quick"


async def test_a_defect_in_one_word_ends_no_line():
    async with line({"quick": "quick"}) as (here, _, _there):
        assert await here.ask("unknown", seconds=30) is None
        assert await here.ask("quick", seconds=30) == "quick"


async def test_when_the_other_end_is_gone_whoever_asks_has_no_answer_at_once():
    asked = asyncio.Event()

    async def never():
        asked.set()
        await asyncio.Event().wait()

    async with line({"never": never}) as (here, there, _end):
        waiting = asyncio.create_task(here.ask("never"))
        await asked.wait()
        there.close()
        assert await waiting is None
        assert await here.ask("never") is None
        here.tell("never")


async def test_a_large_word_comes_whole():
    raw = b"x" * 5_000_000
    async with line({raw: len(raw)}) as (here, _, _there):
        assert await here.ask(raw, seconds=30) == len(raw)
