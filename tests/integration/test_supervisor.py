"""The supervisor before workers that do what no worker should: real processes, which speak over the line and serve nothing."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from proxy.bootstrap.crew import hand, supervisor
from proxy.bootstrap.crew.supervisor import Crew
from proxy.config.loader import load
from proxy.errors import ConfigError
from proxy.observe import machine

CONFIG = """\
listen: { registry: { address: 127.0.0.1:0 }, admin: { address: 127.0.0.1:0 } }
policy: policy.yaml
upstreams: { reg.test: { url: http://127.0.0.1:9 } }
limits: { drainSeconds: 1, connections: 100, connectionsPerClient: 11 }
"""
WORKER = """
import asyncio, os, pathlib, socket, sys
from proxy.bootstrap.crew.line import Line
from proxy.bootstrap.crew.words import *
async def main():
    async def hear(word):
        match word:
            case Begin():
                pathlib.Path(f"began-{word.number}-{os.getpid()}").write_text(
                    f"{word.orders.snapshot.text}\\n{word.config.limits.connections} {word.config.limits.connections_per_client}"
                )
                BEGIN
                return True
            case Take():
                TAKE
                return True
            case Noticed(repository, digest):
                pathlib.Path("noticed").write_text(f"{os.getpid()} {repository}@{digest}")
            case Count():
                return {'pratique_requests_total{kind="manifest",outcome="hit"}': 5.0, "pratique_policy_rules": 0.0}
            case Drain() | End():
                os._exit(0)
    global line
    line = await Line.open(socket.socket(fileno=int(sys.argv[-2])), hear)
    await line.listen()
asyncio.run(main())
"""


def worker(*, begin: str = "pass", take: str = "pass") -> tuple[str, ...]:
    return ("-c", WORKER.replace("BEGIN", begin).replace("TAKE", take))


class Folder:
    def __init__(self, path) -> None:
        self.path = path
        (path / "pratique.yaml").write_text(CONFIG)
        self.set_policy("version: 1\n")

    def set_policy(self, text: str) -> None:
        (self.path / "policy.yaml").write_text(text)

    @property
    def began(self) -> dict[int, str]:
        """What each worker that began was told, by its process id."""
        return {int(file.name.rpartition("-")[2]): file.read_text() for file in self.path.glob("began-*")}

    @asynccontextmanager
    async def crew(self, command: tuple[str, ...], *, count: int = 2):
        made = Crew(load(self.path / "pratique.yaml", env={}), count=count, command=command)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.getcwd())  # noqa: PTH109 — where these tests' own code is
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


async def until(is_so) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_each_worker_gets_its_part_of_what_may_be_connected(folder):
    async with folder.crew(worker(), count=3) as crew:
        assert crew.code is None
        assert {told.splitlines()[-1] for told in folder.began.values()} == {"34 4"}


async def test_when_no_worker_can_be_started_any_more_it_is_over_with_its_code(folder, monkeypatch):
    monkeypatch.setattr(supervisor, "_FAILED_STARTS", 2)
    monkeypatch.setattr(supervisor, "_LONGEST_PAUSE", 0.01)
    async with folder.crew(worker(begin="asyncio.get_running_loop().call_later(0.05, os._exit, 3)"), count=1) as crew:
        async with asyncio.timeout(60):
            await crew.lost()
        assert crew.code == 3
        assert len(folder.began) >= 2


async def test_a_worker_that_cannot_begin_ends_all_with_its_code(folder):
    async with folder.crew(worker(begin="os._exit(64)"), count=2) as crew:
        assert crew.code == 64
        assert len(folder.began) == 1, "the others wait for the first"


async def test_t62_a_worker_that_does_not_take_a_new_policy_is_ended_and_its_successor_stands_on_it(
    folder, monkeypatch
):
    monkeypatch.setattr(hand, "TAKE_SECONDS", 0.2)
    async with folder.crew(worker(take="await asyncio.sleep(3600)"), count=1) as crew:
        (first,) = folder.began
        folder.set_policy("version: 1\nmode: warn\n")
        await crew.reload()
        assert "mode: warn" in crew.loaded.snapshot.text
        await until(lambda: len(folder.began) == 2)
        (second,) = folder.began.keys() - {first}
        assert "mode: warn" in folder.began[second]
        await until(lambda: crew._hands[0].is_up)


async def test_a_wrong_policy_is_nobodys(folder):
    async with folder.crew(worker(), count=1) as crew:
        before = crew.loaded
        folder.set_policy("images: 7\n")
        await crew.reload()
        assert crew.loaded is before


async def test_what_a_worker_counted_stays_counted_when_it_is_gone(folder):
    requests = 'pratique_requests_total{kind="manifest",outcome="hit"}'
    async with folder.crew(worker(), count=2) as crew:
        found = machine.samples(await crew._render())
        assert (found[requests], found["pratique_workers"], found["pratique_policy_rules"]) == (10, 2, 0)
        killed = crew._hands[0].pid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: crew._hands[0].is_up and crew._hands[0].pid != killed)
        found = machine.samples(await crew._render())
        assert found[requests] == 15
        assert found['pratique_worker_ends_total{cause="signal"}'] == 1
        assert found["pratique_workers"] == 2


RENEWED = """if word.number == 1:
                    text = word.orders.snapshot.text + "mode: warn\\n"
                    orders = Orders(dataclasses.replace(word.orders.snapshot, text=text), word.orders.lock)
                    line.tell(Renewed(orders, "of before" if LATE else word.orders.snapshot.sha256))"""


@pytest.mark.parametrize("is_late", [False, True])
async def test_what_the_worker_that_refreshes_trust_has_learned_is_what_all_stand_on_unless_it_is_late(folder, is_late):
    begin = "import dataclasses\n                " + RENEWED.replace("LATE", str(is_late))
    take = "pathlib.Path(f'took-{os.getpid()}').write_text(word.orders.snapshot.text)"
    async with folder.crew(worker(begin=begin, take=take), count=2) as crew:
        if is_late:
            await crew.reload()  # what was told before is dealt with when this returns
            assert crew.loaded.snapshot.text == "version: 1\n"
        else:
            await until(lambda: len(list(folder.path.glob("took-*"))) == 2)
            assert crew.loaded.snapshot.text == "version: 1\nmode: warn\n"


async def test_other_evidence_that_a_worker_noticed_is_told_to_the_one_that_leads(folder):
    begin = """if word.number == 1:
                    from proxy.oci.digest import Digest
                    from proxy.oci.reference import Repository
                    line.tell(Noticed(Repository("reg.test", "acme/app"), Digest.of(b"")))"""
    async with folder.crew(worker(begin=begin), count=2) as crew:
        told = folder.path / "noticed"
        await until(lambda: told.exists() and told.read_text())
        assert told.read_text().startswith(f"{crew._hands[0].pid} reg.test/acme/app@sha256:e3b0")


async def test_the_directory_and_the_ports_are_free_again_when_it_could_not_start(folder):
    folder.set_policy("images: 7\n")
    crew = Crew(load(folder.path / "pratique.yaml", env={}), count=2, command=worker())
    with pytest.raises(ConfigError):
        await crew.start()
    folder.set_policy("version: 1\n")
    async with folder.crew(worker(), count=1) as again:
        assert again.code is None
