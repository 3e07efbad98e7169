"""Trust material in a running proxy: refreshed by TUF over HTTP, rotated, gone stale, revoked; and what becomes of Decisions.

Two private Sigstores, each behind a TUF repository on loopback; an image of each, signed by a workflow under its root.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.cli.app import run
from proxy.demo.images import Image, make_image, signature_manifest
from proxy.events import Judged, TrustRefreshed
from proxy.oci.reference import EvidenceTag
from tests.fakes import pki
from tests.fakes.house import UPSTREAM, Got, House
from tests.fakes.signing import GITHUB, Key, Sigstore, Workflow
from tests.fakes.site import simple_payload
from tests.fakes.tufs import TARGET, FakeTuf

SAN = "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1"
ROOTS = ("one", "two")


@dataclass
class Port:
    """The house, and behind each trust root its Sigstore and its TUF repository."""

    house: House
    sigstores: dict[str, Sigstore] = field(default_factory=lambda: {name: Sigstore(name) for name in ROOTS})
    tufs: dict[str, FakeTuf] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def policy(self, *, more: str = "", rest: str = "") -> str:
        roots = "".join(f"  {name}: {{ tuf: '{self.urls[name]}', root: {name}.json{more} }}\n" for name in ROOTS)
        signers = "".join(
            f"  ci-{name}: {{ issuer: '{GITHUB}', subject: '{SAN}', trustRoot: {name} }}\n" for name in ROOTS
        )
        rules = "".join(
            f"  - {{ match: reg.test/{name}/**, require: [ {{ signature: ci-{name} }} ] }}\n" for name in ROOTS
        )
        team = "  - { match: reg.test/acme/**, require: [ { signature: team } ] }\n"
        return (
            f"version: 1\ntrustRoots:\n{roots}signers:\n  team: {{ key: team.pub, log: none }}\n"
            f"{signers}images:\n{team}{rules}{rest}"
        )

    def publish(self, root: str, raw: bytes) -> None:
        self.tufs[root].targets[TARGET] = raw
        self.tufs[root].publish()

    def put(self, root: str, label: str = "app", *, by: Workflow | Key | None = None) -> Image:
        """An image at `<root>/app`, tagged and labelled `label`, that its workflow signed."""
        name, image = f"{root}/app", make_image(f"{root} {label}")
        voice = by or Workflow(self.sigstores[root], SAN)
        self.house.upstream.put_image(name, image, tag=label)
        layer = voice.simple(simple_payload(image.digest, f"{UPSTREAM}/{name}"))
        signature = signature_manifest(name, layers=[layer])
        self.house.upstream.put_image(name, signature, tag=EvidenceTag(image.digest, ".sig").tag.name)
        return image

    async def pull(self, root: str, reference: object = "app") -> Got:
        return await self.house.manifest(f"{root}/app", reference)

    async def look(self) -> list[tuple[str, str]]:
        """One round of the refresher, as it makes each minute; what was said in it."""
        before = len(self.said())
        await self.house.proxy.refresher.look()
        return self.said()[before:]

    async def refreshed(self) -> None:
        """The first round, which the proxy makes by itself."""
        async with asyncio.timeout(10):
            while len({root for root, _ in self.said()}) < len(ROOTS):
                await asyncio.sleep(0.01)
            while self.house.proxy.pipeline.regime.current.material.stale:
                await asyncio.sleep(0.01)

    def said(self) -> list[tuple[str, str]]:
        return [(each.root, each.outcome) for each in self.house.events if isinstance(each, TrustRefreshed)]

    def records(self, image: Image) -> list[dict[str, Any]]:
        """The Decisions about it, in the order in which they were made."""
        return [each.record for each in self.house.events if isinstance(each, Judged) and each.digest == image.digest]

    def judged(self, image: Image) -> list[str]:
        return [each["verdict"] for each in self.records(image)]

    def metric(self, series: str) -> float | None:
        text = self.house.proxy.metrics.render().decode()
        found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")]
        return float(found[0]) if found else None


@asynccontextmanager
async def opened(folder: Path, *, more: str = "", unreached: tuple[str, ...] = ()) -> AsyncIterator[Port]:
    """`more` are fields of both roots; `unreached` repositories serve nothing yet."""
    port = Port(House(folder))
    async with AsyncExitStack() as stack:
        for name in ROOTS:
            port.tufs[name] = FakeTuf({TARGET: port.sigstores[name].logged})
            if name in unreached:
                port.tufs[name].served["timestamp.json"] = None
            port.urls[name] = await stack.enter_async_context(port.tufs[name].listening())
            (folder / f"{name}.json").write_bytes(port.tufs[name].root)
        (folder / "policy.yaml").write_text(port.policy(more=more))
        await stack.enter_async_context(port.house)
        if not unreached:
            await port.refreshed()
        yield port


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    async with opened(tmp_path) as port:
        yield port


def message(got: Got) -> str:
    return str(json.loads(got.body)["errors"][0]["message"])


def without_authority(raw: bytes) -> bytes:
    """The root, as a publisher has it who lost a CA and replaced it."""
    document, other = json.loads(raw), json.loads(Sigstore("replaced").logged)
    document["certificateAuthorities"] = other["certificateAuthorities"]
    return json.dumps(document).encode()


def with_another_log(raw: bytes) -> bytes:
    """The root with one more log, as rotation begins."""
    document, other = json.loads(raw), json.loads(Sigstore("next").logged)
    document["tlogs"] += other["tlogs"]
    return json.dumps(document).encode()


def with_closed_window(raw: bytes, end: str = "2026-11-15T00:00:00Z") -> bytes:
    """The root whose CA ended after it signed what it signed: the item is another, and what it proved is proved still."""
    document = json.loads(raw)
    document["certificateAuthorities"][0]["validFor"]["end"] = end
    return json.dumps(document).encode()


def with_window_closed_before(raw: bytes) -> bytes:
    """T21, T31: it ended before it signed, so somebody else had its key."""
    return with_closed_window(raw, "2026-10-15T00:00:00Z")


# A refresh makes exactly the Decisions again that used what changed.


async def test_images_under_two_roots_that_tuf_brought_are_admitted(port: Port):
    for name in ROOTS:
        port.put(name)
        assert (await port.pull(name)).status == 200
    assert sorted(port.said()) == [("one", "refreshed"), ("two", "refreshed")]


@pytest.mark.parametrize(
    ("change", "verdicts", "status"),
    [
        (with_closed_window, ["allow", "allow"], 200),
        (with_window_closed_before, ["allow", "deny"], 403),
        (without_authority, ["allow", "deny"], 403),
        (with_another_log, ["allow"], 200),
    ],
    ids=[
        "its authority's window closed",
        "it closed before it signed",
        "its authority was taken away",
        "a log was added that it does not use",
    ],
)
async def test_a_refresh_makes_exactly_the_decisions_again_that_used_what_changed(port, change, verdicts, status):
    one, two = (port.put(name) for name in ROOTS)
    for _ in range(2):  # cold, and from memory
        for name in ROOTS:
            assert (await port.pull(name)).status == 200
    assert (port.judged(one), port.judged(two)) == (["allow"], ["allow"])
    port.publish("one", change(port.sigstores["one"].logged))
    port.house.clock.forward(hours=24)
    assert sorted(await port.look()) == [("one", "refreshed"), ("two", "unchanged")]
    for _ in range(2):
        assert (await port.pull("one")).status == status
        assert (await port.pull("two")).status == 200
    assert port.judged(one) == verdicts
    assert port.judged(two) == ["allow"], "nothing that it used has changed"


async def test_it_is_made_again_from_what_is_stored_without_the_upstream(port: Port):
    port.put("one")
    assert (await port.pull("one")).status == 200
    await port.house.settle()
    await port.house.upstream.stop()
    port.publish("one", with_closed_window(port.sigstores["one"].logged))
    port.house.clock.forward(hours=24)
    await port.look()
    assert (await port.pull("one")).status == 200


async def test_t62_blobs_of_an_image_whose_authority_was_taken_away_are_refused_too(port: Port):
    image = port.put("one")
    assert (await port.pull("one")).status == 200
    for digest in image.blobs:
        assert (await port.house.blob("one/app", digest)).status == 200
    port.publish("one", without_authority(port.sigstores["one"].logged))
    port.house.clock.forward(hours=24)
    await port.look()
    for reference in ("app", image.digest):
        assert (await port.pull("one", reference)).status == 403
    for digest in image.blobs:
        assert (await port.house.blob("one/app", digest)).status == 403


async def test_what_was_denied_for_want_of_a_log_is_admitted_once_a_refresh_brought_it(port: Port):
    """As when Sigstore turns to a new log shard, and this proxy has not heard of it yet."""
    stranger = Sigstore("next")
    image = port.put("one", by=Workflow(stranger, SAN))
    assert (await port.pull("one")).status == 403
    port.publish("one", stranger.logged)
    port.house.clock.forward(hours=24)
    await port.look()
    assert (await port.pull("one")).status == 200
    assert port.judged(image) == ["deny", "allow"]


# T38 through the proxy: a bad refresh takes nothing away.


def signed_by_others(port: Port) -> None:
    port.publish("one", without_authority(port.sigstores["one"].logged))
    port.tufs["one"].forge("targets", FakeTuf({}).keys["targets"])


def expired(port: Port) -> None:
    tuf = port.tufs["one"]
    tuf.expires["timestamp"] = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    port.publish("one", without_authority(port.sigstores["one"].logged))


def of_another_hash(port: Port) -> None:
    good = port.sigstores["one"].logged
    port.publish("one", with_another_log(good))
    (path,) = (each for each, raw in port.tufs["one"].published.items() if raw == with_another_log(good))
    port.tufs["one"].served[path] = without_authority(good)


def no_trusted_root(port: Port) -> None:
    port.publish("one", b'{"mediaType": "text/html"}')


def endless(port: Port) -> None:
    port.publish("one", without_authority(port.sigstores["one"].logged))
    port.tufs["one"].served["timestamp.json"] = b"{" * 100_000


def gone(port: Port) -> None:
    port.tufs["one"].served["timestamp.json"] = None


@pytest.mark.parametrize("attack", [signed_by_others, expired, of_another_hash, no_trusted_root, endless, gone])
async def test_t38_a_bad_refresh_leaves_the_last_good_root_in_force_and_is_counted(port: Port, attack):
    image = port.put("one")
    assert (await port.pull("one")).status == 200
    attack(port)
    port.house.clock.forward(hours=24)
    assert ("one", "failed") in await port.look()
    assert (await port.pull("one")).status == 200
    assert port.judged(image) == ["allow"]
    assert port.metric('pratique_trust_refresh_total{outcome="failed",root="one"}') == 1
    port.put("one", "new")
    assert (await port.pull("one", "new")).status == 200, "and new images are judged by it still"


async def test_t38_a_repository_that_is_played_back_brings_no_old_root_back(port: Port):
    """What was taken away stays away: here the authority of which somebody stole the key."""
    good = port.sigstores["one"].logged
    image, before = port.put("one"), port.tufs["one"].keep()
    assert (await port.pull("one")).status == 200
    port.publish("one", without_authority(good))
    port.house.clock.forward(hours=24)
    await port.look()
    assert (await port.pull("one")).status == 403
    port.tufs["one"].replay(before, *before)
    port.house.clock.forward(hours=24)
    assert ("one", "failed") in await port.look()
    for restarted in (False, True):
        if restarted:
            await port.house.restart()
            await port.look()
        assert (await port.pull("one", image.digest)).status == 403


async def test_t38_root_rotation_is_followed_while_the_proxy_runs(port: Port):
    port.tufs["one"].rotate()
    port.publish("one", without_authority(port.sigstores["one"].logged))
    port.house.clock.forward(hours=24)
    assert ("one", "refreshed") in await port.look()
    port.put("one")
    assert (await port.pull("one")).status == 403


async def test_t39_t58_a_repository_leads_nowhere_else(port: Port, tmp_path: Path):
    """Neither by the names that it gives nor by a redirect: only its own address is asked, and only hashes are file names."""
    other = FakeTuf({TARGET: without_authority(port.sigstores["one"].logged)})
    async with other.listening() as elsewhere:
        port.tufs["one"].delegated = {f"{elsewhere}/x": {}, "../../../escaped": {}}
        port.tufs["one"].publish()
        port.tufs["one"].leads["timestamp.json"] = f"{elsewhere}/timestamp.json"
        port.house.clock.forward(hours=24)
        assert ("one", "failed") in await port.look()
        assert other.asked == []
    files = [each for each in (tmp_path / "data" / "trust").rglob("*") if each.is_file()]
    assert files
    assert {each.parent.name for each in files} <= {"trust", "root_history", *(f.parent.name for f in files)}
    assert not list(tmp_path.rglob("*escaped*"))
    port.put("one")
    assert (await port.pull("one")).status == 200


# Held on the disk: a restart, and no network.


async def test_what_was_refreshed_survives_a_restart_and_judges_new_images_without_the_repositories(port: Port):
    port.publish("one", with_closed_window(port.sigstores["one"].logged))
    port.house.clock.forward(hours=24)
    await port.look()
    for tuf in port.tufs.values():
        tuf.served["timestamp.json"] = None
    await port.house.restart()
    port.put("one")
    assert (await port.pull("one")).status == 200
    held = port.house.proxy.pipeline.regime.current.material.roots["one"]
    assert held.raw == with_closed_window(port.sigstores["one"].logged)


async def test_a_root_that_was_damaged_on_the_disk_is_not_believed_after_a_restart(port: Port, tmp_path: Path):
    await port.house.stop()
    for tuf in port.tufs.values():
        tuf.served["timestamp.json"] = None
    for file in (tmp_path / "data" / "trust").glob("*.root"):
        file.write_bytes(file.read_bytes().replace(b"fulcio", b"fulcia"))
    await port.house.start()
    port.put("one")
    got = await port.pull("one")
    assert got.status == 503
    assert "was never fetched" in message(got)


async def test_before_its_root_was_ever_fetched_an_image_can_not_be_judged_and_others_can(tmp_path: Path):
    async with opened(tmp_path, unreached=("one",)) as port:
        port.put("one")
        signed = port.house.put("acme/app", "app", tag="v1")
        got = await port.pull("one")
        assert got.status == 503
        assert "trust root one was never fetched; run `pratique trust refresh one`" in message(got)
        assert got.headers["Retry-After"]
        assert (await port.house.manifest("acme/app", signed.digest)).status == 200
        port.tufs["one"].served.clear()
        port.house.clock.forward(minutes=10)
        await port.look()
        assert (await port.pull("one")).status == 200, "Inconclusive is never remembered"


# maxAge.


async def test_past_its_max_age_nothing_rests_on_a_root_any_more_until_it_is_refreshed(tmp_path: Path):
    async with opened(tmp_path, more=", maxAge: 30d") as port:
        image = port.put("one")
        assert (await port.pull("one")).status == 200
        for tuf in port.tufs.values():
            tuf.served["timestamp.json"] = None
        port.house.clock.forward(days=30, hours=-1)
        await port.look()
        assert (await port.pull("one")).status == 200, "until then it is good"
        port.house.clock.forward(hours=2)
        assert ("one", "stale") in await port.look()
        for reference in ("app", image.digest):
            got = await port.pull("one", reference)
            assert got.status == 503
            assert "trust root one was refreshed 30 days ago, longer than its maxAge" in message(got)
        assert port.metric('pratique_trust_refresh_total{outcome="stale",root="one"}') == 1
        for tuf in port.tufs.values():
            tuf.served.clear()
        port.house.clock.forward(minutes=10)
        assert ("one", "unchanged") in await port.look()
        assert (await port.pull("one")).status == 200


async def test_without_max_age_what_is_held_stays_good_as_long_as_its_own_windows(port: Port):
    port.put("one")
    assert (await port.pull("one")).status == 200
    for tuf in port.tufs.values():
        tuf.served["timestamp.json"] = None
    port.house.clock.forward(days=60)
    await port.look()
    assert (await port.pull("one")).status == 200
    port.put("one", "new")
    assert (await port.pull("one", "new")).status == 200


async def test_a_proxy_that_starts_with_a_root_past_its_max_age_does_not_use_it(tmp_path: Path):
    async with opened(tmp_path, more=", maxAge: 30d") as port:
        port.put("one")
        for tuf in port.tufs.values():
            tuf.served["timestamp.json"] = None
        await port.house.stop()
        port.house.clock.forward(days=31)
        await port.house.start()
        assert (await port.pull("one")).status == 503


# What is measured.


async def test_metrics_tell_the_age_and_the_end_of_each_root(port: Port):
    age, ends = "pratique_trust_root_age_seconds", "pratique_trust_root_ends_timestamp_seconds"
    for name in ROOTS:
        assert 0 <= (port.metric(f'{age}{{root="{name}"}}') or -1) < 60
        assert (port.metric(f'{ends}{{root="{name}"}}') or 0) > 1_790_000_000
    port.house.clock.forward(hours=23)
    assert (port.metric(f'{age}{{root="one"}}') or 0) >= 23 * 3600
    port.house.clock.forward(hours=1)
    assert ("one", "unchanged") in await port.look()
    assert (port.metric(f'{age}{{root="one"}}') or 99) < 60, "it was refreshed, though nothing was new"


async def test_metrics_tell_the_end_of_a_store_and_of_a_root_that_was_never_fetched(tmp_path: Path):
    ends = "pratique_trust_root_ends_timestamp_seconds"
    anchor = pki.root("O=Acme,CN=root", not_after=datetime(2031, 1, 1, tzinfo=UTC)).certificate
    (tmp_path / "ca.pem").write_bytes(anchor.public_bytes(Encoding.PEM))
    async with opened(tmp_path, unreached=("one",)) as port:
        port.house.set_policy(port.policy().replace("trustRoots:\n", "trustRoots:\n  corp: { certificates: ca.pem }\n"))
        assert port.metric(f'{ends}{{root="corp"}}') == datetime(2031, 1, 1, tzinfo=UTC).timestamp()
        assert (port.metric(f'{ends}{{root="one"}}') or 0) <= datetime.now(UTC).timestamp()
        async with asyncio.timeout(10):
            while not port.metric('pratique_trust_refresh_total{outcome="failed",root="one"}'):
                await asyncio.sleep(0.01)


async def test_the_audit_has_each_outcome_once(port: Port, tmp_path: Path):
    gone(port)
    for _ in range(3):
        port.house.clock.forward(hours=24)
        await port.look()
    await port.house.stop()
    lines = [line for file in (tmp_path / "data" / "audit").glob("*.jsonl") for line in file.read_text().splitlines()]
    found = [json.loads(line) for line in lines if '"trustRefreshed"' in line]
    assert [each["outcome"] for each in found if each["root"] == "one"] == ["refreshed", "failed"]


# The command beside a running proxy.


async def command(folder: Path, *arguments: str) -> int:
    return await asyncio.to_thread(run, [*arguments, "--config", str(folder / "pratique.yaml")])


async def test_a_command_refreshes_beside_a_running_proxy_which_takes_it_up(port: Port, tmp_path: Path, capsys):
    port.put("one")
    assert (await port.pull("one")).status == 200
    port.publish("one", without_authority(port.sigstores["one"].logged))
    assert await command(tmp_path, "trust", "refresh", "one", "--dry-run") == 2
    assert "would be refreshed" in capsys.readouterr().out
    assert await port.look() == []
    assert await command(tmp_path, "trust", "refresh") == 0
    said = capsys.readouterr().out
    assert "A running proxy takes it up within a minute." in said
    assert [line.split()[:2] for line in said.splitlines() if line.startswith(ROOTS)] == [
        ["one", "refreshed"],
        ["two", "unchanged"],
    ]
    assert await port.look() == [("one", "refreshed")]
    assert (await port.pull("one")).status == 403
    assert await command(tmp_path, "trust", "refresh", "one") == 0
    assert "unchanged" in capsys.readouterr().out


async def test_t38_a_command_is_refused_what_the_proxy_is_refused(port: Port, tmp_path: Path, capsys):
    signed_by_others(port)
    assert await command(tmp_path, "trust", "refresh", "one") == 69
    said = capsys.readouterr()
    assert "one: trust root one was not refreshed, and the one before stays: its metadata is not signed by" in said.err
    assert await port.look() == []


async def test_what_was_refreshed_is_shown_with_its_origin_hash_and_end(port: Port, tmp_path: Path, capsys):
    assert await command(tmp_path, "trust", "show", "one", "-o", "json") == 0
    (root,) = json.loads(capsys.readouterr().out)["roots"]
    assert (root["origin"], root["tuf"], root["usedBy"]) == ("tuf", port.urls["one"], ["ci-one"])
    assert root["sha256"] == port.house.proxy.pipeline.regime.current.material.roots["one"].sha256
    assert root["isUsable"]
    assert await command(tmp_path, "trust", "show", "one") == 0
    assert f"refreshed {datetime.now(UTC):%Y-%m-%d}" in capsys.readouterr().out


async def test_a_root_that_the_policy_fetches_elsewhere_now_is_fetched_anew_and_nothing_of_the_old_is_used(port: Port):
    """Its first root was replaced, as after a theft of keys: what the old one vouched for is nobody's word."""
    port.put("one")
    assert (await port.pull("one")).status == 200
    fresh = FakeTuf({TARGET: port.sigstores["one"].logged})
    fresh.served["timestamp.json"] = None
    async with fresh.listening() as url:
        port.urls["one"] = url
        (port.house.folder / "one.json").write_bytes(fresh.root)
        port.house.set_policy(port.policy())
        assert (await port.pull("one")).status == 503
        assert ("one", "failed") in await port.look()
        fresh.served.clear()
        port.house.clock.forward(minutes=10)
        assert ("one", "refreshed") in await port.look()
        assert (await port.pull("one")).status == 200


# Revoked.


async def test_t62_an_image_whose_signers_key_is_revoked_is_refused_after_the_reload(port: Port):
    house = port.house
    image = house.put("acme/app", "app", tag="v1")
    for _ in range(2):
        assert (await house.manifest("acme/app", "v1")).status == 200
    for digest in image.blobs:
        assert (await house.blob("acme/app", digest)).status == 200
    house.set_policy(port.policy(rest="revoked: [ { key: team.pub, reason: INC-4712 } ]\n"))
    for reference in ("v1", image.digest):
        assert (await house.manifest("acme/app", reference)).status == 403
    for digest in image.blobs:
        assert (await house.blob("acme/app", digest)).status == 403
    port.put("one")
    assert (await port.pull("one")).status == 200, "another signer's word counts"


async def test_t62_a_key_is_revoked_by_its_hash_too(port: Port):
    house = port.house
    house.put("acme/app", "app", tag="v1")
    assert (await house.manifest("acme/app", "v1")).status == 200
    signer = house.proxy.pipeline.regime.current.material.signers["team"]
    house.set_policy(port.policy(rest=f"revoked: [ {{ key: {signer.spki}, reason: INC-4712 }} ]\n"))
    assert (await house.manifest("acme/app", "v1")).status == 403


@pytest.mark.parametrize(
    "whom",
    [
        f"{{ issuer: '{GITHUB}', subject: '{SAN}', reason: INC-4713 }}",
        f"{{ issuer: '{GITHUB}', subject: 'https://github.com/acme/**', reason: INC-4713 }}",
        f"{{ issuer: '{GITHUB}', subjectRegex: '.*release\\.yml@.*', reason: INC-4713 }}",
    ],
    ids=["exactly", "by a pattern", "by an expression"],
)
async def test_t62_an_image_whose_signers_identity_is_revoked_is_refused_after_the_reload(port: Port, whom: str):
    house = port.house
    images = {name: port.put(name) for name in ROOTS}
    signed = house.put("acme/app", "app", tag="v1")
    for _ in range(2):
        for name in ROOTS:
            assert (await port.pull(name)).status == 200
    assert (await house.manifest("acme/app", "v1")).status == 200
    for digest in images["one"].blobs:
        assert (await house.blob("one/app", digest)).status == 200
    house.set_policy(port.policy(rest=f"revoked: [ {whom} ]\n"))
    for name, image in images.items():
        for reference in ("app", image.digest):
            assert (await port.pull(name, reference)).status == 403, "under whatever root"
        assert "revoked: INC-4713" in port.records(image)[-1]["rejections"][0]["reason"]
    for digest in images["one"].blobs:
        assert (await house.blob("one/app", digest)).status == 403
    assert (await house.manifest("acme/app", signed.digest)).status == 200, "a key is nobody's identity"
    house.set_policy(port.policy())
    assert (await port.pull("one")).status == 200, "and once it is taken back, the evidence counts again"


async def test_another_identity_that_is_revoked_changes_nothing(port: Port):
    port.put("one")
    assert (await port.pull("one")).status == 200
    port.house.set_policy(port.policy(rest=f"revoked: [ {{ issuer: '{GITHUB}', subject: 'x', reason: no }} ]\n"))
    assert (await port.pull("one")).status == 200
