"""`pratique cache` as an operator uses it: beside a running proxy, and where none runs."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.bootstrap import Proxy
from proxy.demo.images import make_index
from proxy.oci.digest import Digest
from proxy.web.settings import TlsSettings
from tests.fakes.asking import make_certificate
from tests.fakes.house import UPSTREAM, House
from tests.fakes.keeping import KIB, Tight, layer_of

EVERYTHING = 1 << 60


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


class Desk(Tight):
    """The commands see the running proxy's port in a file of their own."""

    async def __call__(self, *arguments: str, given: str = "") -> Said:
        file = self.house.folder / "command.yaml"
        text = (self.house.folder / "pratique.yaml").read_text()
        if self.house.proxy.is_ready:
            text = text.replace("127.0.0.1:0", str(self.house.proxy.front.addresses["registry"]), 1)
        file.write_text(text)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "proxy", "cache", *arguments, "--config", str(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(given.encode())
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def desk(tmp_path):
    async with House(tmp_path) as house:
        yield Desk(house)


def reference(image, name: str = "acme/app") -> str:
    return f"{UPSTREAM}/{name}@{image.digest}"


async def test_ls_shows_images_with_their_bytes_pins_and_what_makes_them_stay(desk):
    pinned = desk.put("acme/app", "shared", layers=2, tag="v1")
    loose = desk.put("acme/app", "shared")
    await desk.pull("acme/app", pinned, tag="v1")
    await desk.pull("acme/app", loose)
    await desk.age(loose)

    said = await desk("ls", "-o", "json")

    assert (said.code, said.err) == (0, "")
    document = said.document
    images = {each["digest"]: each for each in document["images"]}
    first, second = images[str(pinned.digest)], images[str(loose.digest)]
    assert (first["tags"], first["stays"], first["missing"]) == (["v1"], "pinned", 0)
    assert second["tags"] == []
    assert first["sharedBytes"] == second["sharedBytes"] >= 100 * KIB
    held = document["bytes"]
    assert first["bytes"] + second["bytes"] > held["held"] >= first["bytes"]
    assert held["evictable"] + held["pinned"] <= held["held"]
    table = await desk("ls")
    assert f"{UPSTREAM}/acme/app:v1" in table.out
    assert "pinned" in table.out


async def test_gc_shows_a_plan_then_makes_room_while_the_proxy_runs(desk):
    old, kept = desk.put("acme/app", "old"), desk.put("acme/app", "kept", tag="v1")
    await desk.pull("acme/app", old)
    await desk.pull("acme/app", kept, tag="v1")
    await desk.age(old, kept)

    plan = await desk("gc", "--to", "110KiB", "--dry-run", "-o", "json")
    assert (plan.code, plan.err) == (2, "")
    assert plan.document["images"] == [reference(old)]
    assert desk.holds(layer_of(old))

    done = await desk("gc", "--to", "110KiB", "-o", "json")
    assert done.document["images"] == 1
    assert done.code == 0
    assert not desk.holds(layer_of(old))
    assert desk.holds(layer_of(kept))
    desk.house.upstream.forget()
    await desk.pull("acme/app", old)  # the running proxy knows that it went
    assert desk.house.upstream.sent("blob") >= 100 * KIB

    short = await desk("gc", "--to", "0")
    assert short.code == 3
    assert "are pinned" in short.err
    assert (await desk("gc")).code == 0
    assert (await desk("gc", "--to", "much")).code == 64


async def test_gc_waits_for_no_other_and_says_so(desk):
    image = desk.put("acme/app", "app")
    await desk.pull("acme/app", image)
    with desk.keeping.stock.alone() as is_ours:
        assert is_ours
        said = await desk("gc", "--to", "0")
    assert said.code == 75
    assert desk.holds(layer_of(image))


async def test_warm_fetches_through_the_running_proxy_what_is_not_here_and_proves_it(desk):
    children = [desk.put("acme/app", "multi", architecture=arch, is_signed=False) for arch in ("amd64", "arm64")]
    index = make_index(children)
    desk.house.upstream.put_image("acme/app", index, tag="v1")
    desk.house.sign(index, name="acme/app")

    said = await desk("warm", f"{UPSTREAM}/acme/app:v1", "-o", "json")

    assert said.code == 0, said
    (image,) = said.document["images"]
    assert (image["outcome"], image["digest"], image["blobs"]) == ("warm", str(index.digest), 4)
    assert image["fetchedBytes"] == sum(len(raw) for child in children for raw in child.blobs.values())
    await desk.house.settle()
    assert all(desk.holds(blob) for child in children for blob in child.blobs)
    desk.house.upstream.forget()
    again = await desk("warm", f"{UPSTREAM}/acme/app:v1", "-o", "json", "--quiet")
    assert (again.code, again.document["fetchedBytes"]) == (0, 0)
    assert again.document["verifiedBytes"] == said.document["verifiedBytes"]
    assert desk.house.upstream.count("blob") == 0


async def test_warm_knows_the_running_proxy_by_its_own_certificate_and_no_other(tmp_path):
    certificate, key = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other, _ = make_certificate(tmp_path / "other")
    tls = f"tls: {{ certificate: {certificate}, key: {key} }}"
    async with House(tmp_path) as house:
        await house.stop()
        file, start = tmp_path / "pratique.yaml", house.proxy.config
        sealed = start.listen.registry.model_copy(update={"tls": TlsSettings(certificate=certificate, key=key)})
        listen = start.listen.model_copy(update={"registry": sealed})
        house.proxy = Proxy(start.model_copy(update={"listen": listen}), fills_ahead=0)
        await house.proxy.start()
        desk = Desk(house)
        image = desk.put("acme/app", "app")
        text = file.read_text()
        file.write_text(text.replace("address: 127.0.0.1:0", f"address: 127.0.0.1:0, {tls}", 1))
        said = await desk("warm", reference(image), "-o", "json")
        assert (said.code, said.document["fetchedBytes"] > 100 * KIB) == (0, True), said
        another = desk.put("acme/app", "another")
        (tmp_path / "other" / "tls.key").replace(key)
        other.replace(certificate)
        said = await desk("warm", reference(another), "-o", "json")
        assert said.code == 75, said
        assert said.document["images"][0]["outcome"] == "unavailable"


async def test_warm_reads_the_lock_file_and_needs_no_running_proxy(desk):
    first, second = desk.put("acme/app", "one", tag="v1"), desk.put("acme/app", "two", tag="v2")
    lock = f"version: 1\npins:\n  {UPSTREAM}/acme/app:\n    v1: {first.digest}\n    v2: {second.digest}\n"
    (desk.house.folder / "pins.lock.yaml").write_text(lock)
    await desk.house.stop()

    said = await desk("warm", "-o", "json")

    assert said.code == 0, said
    assert {each["image"] for each in said.document["images"]} == {reference(first), reference(second)}
    assert said.document["fetchedBytes"] >= 200 * KIB
    again = await desk("warm", "-o", "json")
    assert (again.code, again.document["fetchedBytes"]) == (0, 0)
    await desk.house.upstream.__aexit__(None, None, None)
    await desk.house.start()
    desk.hasten()
    await desk.pull("acme/app", first, tag="v1")


async def test_warm_takes_a_list_and_says_what_was_refused_and_what_could_not_be_had(desk):
    good, evil = desk.put("acme/app", "good"), desk.put("acme/app", "evil", is_signed=False)
    listed = f"# nightly\n{reference(good)}\n\n{reference(evil)}\n"

    said = await desk("warm", "--from", "-", "-o", "json", given=listed)

    assert said.code == 1
    outcomes = {each["image"]: each["outcome"] for each in said.document["images"]}
    assert outcomes == {reference(good): "warm", reference(evil): "refused"}
    assert not desk.holds(layer_of(evil))
    broken = desk.put("acme/app", "broken")
    desk.house.upstream.knobs.fail(500, kinds={"blob"})
    assert (await desk("warm", reference(broken), reference(good))).code == 3
    assert (await desk("warm")).code == 64
    assert (await desk("warm", "NOT A NAME")).code == 64


async def test_scrub_finds_a_flipped_bit_and_puts_it_aside(desk):
    image = desk.put("acme/app", "app")
    await desk.pull("acme/app", image)
    assert (await desk("scrub", "-o", "json")).document["wrong"] == []
    path: Path = desk.path(layer_of(image))
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    said = await desk("scrub", "-o", "json", "--rate", "1GiB")
    assert (said.code, said.document["wrong"]) == (1, [str(layer_of(image))])
    assert not desk.holds(layer_of(image))
    answer = await desk.house.blob("acme/app", layer_of(image))
    assert Digest.of(answer.body) == layer_of(image)
