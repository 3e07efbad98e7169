import re

from proxy.errors import Inconclusive, NotAllowed, Unverified
from proxy.events import Client, Refused
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline import refusals
from proxy.pipeline.answers import Asker
from proxy.pipeline.refusals import Refusals, read_refusal
from proxy.state.memory import MemoryStore
from tests.fakes.clock import HandClock

NODE = Asker(Client("10.0.0.1"), "request-1")
OTHER = Asker(Client("10.0.0.2"), "request-2")
NAME = "reg.test/acme/app"


class Desk:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.store = MemoryStore(clock=self.clock)
        self.events: list[Refused] = []
        self.refusals = Refusals(self.store, self.events.append, self.clock)

    async def say(self, asker=NODE, reference="v1", error=None):
        return await self.refusals.say(asker, name=NAME, reference=reference, error=error or NotAllowed("no rule"))


async def test_the_client_gets_the_reference_the_reason_and_an_id():
    said = await Desk().say()
    assert said.message == "reg.test/acme/app:v1: no rule"
    assert re.fullmatch(r"r-[2-9a-z]{6}", said.refusal)
    assert isinstance(said, NotAllowed)


async def test_one_id_for_one_client_reference_and_decision_for_ten_minutes():
    desk = Desk()
    first = await desk.say()
    assert (await desk.say()).refusal == first.refusal
    desk.clock.forward(minutes=9)
    assert (await desk.say()).refusal == first.refusal
    desk.clock.forward(minutes=2)
    assert (await desk.say()).refusal != first.refusal
    assert len(desk.events) == 2


async def test_two_workers_give_one_id_and_record_it_once():
    desk = Desk()
    other = Refusals(desk.store, desk.events.append, desk.clock)
    first = await desk.say()
    second = await other.say(NODE, name=NAME, reference="v1", error=NotAllowed("no rule"))
    assert second.refusal == first.refusal
    assert len(desk.events) == 1
    desk.clock.forward(minutes=11)
    third = await other.say(NODE, name=NAME, reference="v1", error=NotAllowed("no rule"))
    assert third.refusal != first.refusal
    assert (await desk.say()).refusal == third.refusal


async def test_an_id_whose_worker_died_before_it_recorded_the_refusal_is_recorded_by_the_next():
    desk = Desk()
    first = await desk.say()
    await desk.store.delete("refusals", first.refusal)
    other = Refusals(desk.store, desk.events.append, desk.clock)
    assert (await other.say(NODE, name=NAME, reference="v1", error=NotAllowed("no rule"))).refusal == first.refusal
    assert (await read_refusal(desk.store, first.refusal))["message"] == first.message


async def test_another_client_reference_or_decision_is_another_id():
    desk = Desk()
    ids = {
        (await desk.say()).refusal,
        (await desk.say(OTHER)).refusal,
        (await desk.say(reference="v2")).refusal,
        (await desk.say(error=Unverified("no signature"))).refusal,
    }
    assert len(ids) == 4


async def test_everything_refused_is_recorded_with_its_checks():
    desk = Desk()
    record = {
        "key": "k",
        "upstream": "reg.test",
        "repository": "acme/app",
        "digest": str(Digest.of(b"x")),
        "checks": [{"name": "signature"}],
    }
    said = await desk.say(error=Unverified("no signature by team", record=record))
    kept = await read_refusal(desk.store, said.refusal)
    assert kept["decision"]["checks"] == [{"name": "signature"}]
    assert kept["client"] == "10.0.0.1"
    assert kept["asked"] == "reg.test/acme/app:v1"
    assert desk.refusals.of_root(Repository("reg.test", "acme/app"), Digest.of(b"x")) == said.refusal


async def test_what_could_not_be_judged_is_recorded_and_stays_temporary():
    desk = Desk()
    said = await desk.say(error=Inconclusive("the upstream is slow", retry_after=7))
    assert isinstance(said, Inconclusive)
    assert said.retry_after == 7
    assert (await read_refusal(desk.store, said.refusal))["reason"] == "inconclusive"


async def test_a_digest_is_named_with_an_at_sign():
    digest = str(Digest.of(b"x"))
    assert (await Desk().say(reference=digest)).message.startswith(f"reg.test/acme/app@{digest}: ")


async def test_who_is_refused_without_end_fills_no_disk(monkeypatch):
    """One id stands for what a client is refused beyond a bound; what each is refused for is still told."""
    monkeypatch.setattr(refusals, "_NEW", 5)
    desk = Desk()
    first = await desk.say(reference="v0")
    said = [await desk.say(reference=f"v{number}") for number in range(200)]
    assert [each.message for each in said] == [f"{NAME}:v{number}: no rule" for number in range(200)]
    assert len({each.refusal for each in said}) == 6
    assert len(desk.events) == 6
    assert "and more" in desk.events[-1].message
    assert (await desk.say(reference="v0")).refusal == first.refusal
    assert (await desk.say(OTHER, reference="v199")).refusal != said[-1].refusal, "of another client nothing is known"
    desk.clock.forward(minutes=11)
    assert (await desk.say(reference="v199")).refusal != said[-1].refusal
