"""`pratique explain` of each kind of refusal, as it happened: what is wrong, what that means, and who can do what about it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from proxy.cli.app import run
from proxy.demo.images import new_key
from proxy.policy import hearing
from proxy.verify.crosscheck import Opinion
from tests.fakes.predicates import SLSA_V1, SPDX, TRIVY, scan
from tests.fakes.signing import AT, Key, Sigstore, Workflow
from tests.fakes.site import NOW, SIGN, Site, image, index, spoiled

VULN, SBOM, V1 = (
    "https://cosign.sigstore.dev/attestation/vuln/v1",
    "https://spdx.dev/Document",
    "https://slsa.dev/provenance/v1",
)
TEAM, CI = "require: [{ signature: team }]", "require: [{ signature: ci }]"


async def unsigned(site: Site) -> None:
    site.publish(image())


async def by_other_key(site: Site) -> None:
    site.signed(site.publish(image()), by="stranger")


async def by_other_identity(site: Site) -> None:
    mallory = Workflow(site.sigstore, "https://github.com/mallory/ml/.github/workflows/release.yml@refs/tags/v1.2.0")
    site.attest(site.publish(image()), SIGN, {}, by=mallory, form="bundle")


async def by_other_issuer(site: Site) -> None:
    impostor = Workflow(site.sigstore, site.voices["ci"].san, "https://issuer.evil.test")
    site.attest(site.publish(image()), SIGN, {}, by=impostor, form="bundle")


async def by_other_sigstore(site: Site) -> None:
    site.attest(site.publish(image()), SIGN, {}, by=Workflow(Sigstore("evil"), site.voices["ci"].san), form="bundle")


async def of_other_name(site: Site) -> None:
    site.signed(site.publish(image()), by="team", names="ghcr.io/acme/app")


async def of_other_image(site: Site) -> None:
    app = site.publish(image())
    site.attest(app, V1, SLSA_V1, by="ci", about=image("another").digest)


async def without_time(site: Site) -> None:
    site.attest(site.publish(image()), VULN, scan(TRIVY), by=Key(new_key("scanner")[0]))


async def unattested(site: Site) -> None:
    site.signed(site.publish(image()), by="team")


async def scanned(site: Site) -> None:
    site.attest(site.publish(image()), VULN, scan(TRIVY), by="scanner")


async def scanned_long_ago(site: Site) -> None:
    site.attest(site.publish(image()), VULN, scan(TRIVY), by="scanner", at=AT - timedelta(days=80))


async def listed(site: Site) -> None:
    site.attest(site.publish(image()), SBOM, SPDX, by="scanner")


async def listed_without_anything(site: Site) -> None:
    site.attest(site.publish(image()), SBOM, SPDX | {"packages": []}, by="scanner")


async def listed_in_spdx_3(site: Site) -> None:
    site.attest(site.publish(image()), SBOM, {"@context": "https://spdx.org/rdf/3.0.1/x", "@graph": []}, by="scanner")


async def built_elsewhere(site: Site) -> None:
    said = spoiled(SLSA_V1, "runDetails", "builder", "id", to="https://evil.test/builder")
    site.attest(site.publish(image()), V1, said, by="ci", form="bundle")


async def as_root(site: Site) -> None:
    site.publish(image(User="root"))


async def on_unsigned_base(site: Site) -> None:
    base = site.publish(image("debian", layers=("base",)), name="library/debian", tag="12", at=site.others["base.test"])
    named = {
        "org.opencontainers.image.base.name": "base.test/library/debian:12",
        "org.opencontainers.image.base.digest": str(base.digest),
    }
    site.signed(site.publish(image(annotations=named)), by="team")


async def of_platforms(site: Site) -> None:
    children = [image(platform=f"linux/{each}") for each in ("amd64", "arm64")]
    site.signed(site.publish(index(*children)), by="team")


async def of_two(site: Site) -> None:
    site.signed(site.publish(image()), by="team")


async def disputed(site: Site) -> None:
    site.attest(site.publish(image()), SIGN, {}, by="ci", form="bundle")


async def behind_an_outage(site: Site) -> None:
    site.publish(image())
    site.upstream.knobs.fail(503, kinds={"referrers"}, times=None)


@dataclass(frozen=True)
class Row:
    rule: str
    story: Callable[[Site], Awaitable[None]]
    words: tuple[str, ...]  # all of them are said
    status: int = 403


ROWS = {
    "unsigned": Row(
        TEAM, unsigned, ("no signature by team (0 found)", "Nobody has signed this image", "to sign sha256:")
    ),
    "other-key": Row(TEAM, by_other_key, ("It is signed by another key than the policy has", "Compare the key")),
    "other-identity": Row(
        CI, by_other_identity, ("signed, but by https://github.com/mallory/", "instead of", "Add them under signers")
    ),
    "other-issuer": Row(CI, by_other_issuer, ("(issuer https://issuer.evil.test)", "Do you trust whoever that is?")),
    "other-sigstore": Row(CI, by_other_sigstore, ("does not know", "pratique trust refresh")),
    "other-name": Row(TEAM, of_other_name, ("was made for another name", "signedAs: [ghcr.io/acme/app]")),
    "other-image": Row(
        "require: [{ attestation: slsa-provenance, by: ci }]",
        of_other_image,
        ("about another image", "built again since"),
    ),
    "no-time": Row(
        "require: [{ attestation: vuln, by: scanner }]",
        without_time,
        ("Nothing proves when it was signed", "Have it signed with a timestamp"),
    ),
    "missing-attestation": Row(
        "require: [{ signature: team }, { attestation: sbom, by: scanner }]",
        unattested,
        ("no sbom by scanner", "waive: [sbom]"),
    ),
    "threshold": Row(
        "require: [{ attestation: vuln, by: scanner, where: { critical: 0 } }]",
        scanned,
        (
            "critical is 1; the rule asks for 0",
            "the scan found more than the rule lets through",
            "Is the rule too strict",
        ),
    ),
    "too-old": Row(
        "require: [{ attestation: vuln, by: scanner, maxAge: 7d }]",
        scanned_long_ago,
        ("older than 7d", "lately nobody looked"),
    ),
    "banned-component": Row(
        "require: [{ attestation: sbom, by: scanner, name: no-musl, condition: '!components.exists(c, c.name == \"musl\")' }]",
        listed,
        ("condition", "is not met", "waive: [no-musl]", "is not as the rule's condition asks"),
    ),
    "empty-list": Row(
        "require: [{ attestation: sbom, by: scanner, name: no-xz, condition: '!components.exists(c, c.name == \"xz\")' }]",
        listed_without_anything,
        ("lists no components", "perhaps nobody looked", "Is an empty list right here? Let no-xz"),
    ),
    "condition-error": Row(
        "require: [{ attestation: sbom, by: scanner, condition: 'predicate.packages[99].name == \"x\"' }]",
        listed,
        ("has no answer", "could not be worked out", "has(…)"),
    ),
    "unreadable": Row(
        "require: [{ attestation: sbom, by: scanner }]",
        listed_in_spdx_3,
        ("cannot be read", "a version or shape that is not read"),
    ),
    "other-builder": Row(
        "require: [{ attestation: slsa-provenance, by: ci, where: { builder: 'https://github.com/actions/runner/*' } }]",
        built_elsewhere,
        ("evil.test/builder", "the rule asks for https://github.com"),
    ),
    "as-root": Row(
        "require: [{ image: { condition: 'config.user != \"root\"' } }]",
        as_root,
        ("is not met by the image", "The image itself is otherwise than the rule asks", "a Dockerfile's USER"),
    ),
    "base": Row(
        "require: [{ signature: team }]\nbase: { require: [{ signature: other }] }",
        on_unsigned_base,
        ("base base.test/library/debian@", "What it was built on is refused itself"),
    ),
    "platform": Row(
        f"covers: platform\n{TEAM}",
        of_platforms,
        ("no platform passes", "linux/a", "proof of such an image itself", "cosign sign --recursive"),
    ),
    "two-of-three": Row(
        "require: [{ atLeast: 2, of: [{ signature: team }, { signature: other }, { signature: ci }] }]",
        of_two,
        ("1 of the 2 distinct signers", "Too few different signers", "passed  signature"),
    ),
    "disagree": Row(
        CI, disputed, ("verifiers disagree", "Make no exception", "pratique verify --record reg.test/acme/app@sha256:")
    ),
    "outage": Row(TEAM, behind_an_outage, ("Not judged yet", "That is not a no", "Wait a minute"), status=503),
}


@pytest.fixture
def quiet():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def explained(tmp_path, monkeypatch, capsys, quiet):
    """`await explained(row)`: what the command says of the refusal, for a person and as JSON."""

    async def tell(name: str) -> tuple[str, dict]:
        site = await happened(tmp_path, name, monkeypatch)
        (refusal,) = {event.refusal for event in site.events if getattr(event, "refusal", None)}
        config = str(tmp_path / "pratique.yaml")
        capsys.readouterr()
        assert await asyncio.to_thread(run, ["explain", refusal, "--config", config]) == 0
        shown = capsys.readouterr().out
        assert await asyncio.to_thread(run, ["explain", refusal, "--config", config, "-o", "json"]) == 0
        return shown, json.loads(capsys.readouterr().out)

    return tell


async def happened(folder: Path, name: str, monkeypatch) -> Site:
    row = ROWS[name]
    if name == "disagree":
        monkeypatch.setattr(hearing, "second_opinion", lambda *_, **__: Opinion("wrong", "it says so", "sigstore"))
    images = "- match: base.test/**\n  require: [{ signature: other }]" if name == "base" else ""
    site = Site(folder, row.rule, others=("base.test",) if name == "base" else (), images=images)
    async with site:
        await row.story(site)
        got = await site.manifest("acme/app", "v1")
        assert got.status == row.status, got.body
        await site.settle()
    return site


@pytest.mark.parametrize("name", ROWS)
async def test_a_refusal_is_explained(name, explained):
    shown, said = await explained(name)
    for words in ROWS[name].words:
        assert words in shown
    assert len(set(said["next"])) == 3
    assert not any("\n" in step or "{asked}" in step for step in said["next"])


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.status == 403])
async def test_what_failed_says_what_that_means_and_every_thing_found_what_is_wrong_with_it(name, explained):
    from proxy.cli.advice import meaning
    from proxy.cli.remedies import remedy_of

    shown, said = await explained(name)
    failed = [check for check in said["decision"]["checks"] if not check["passed"]]
    assert failed
    for check in failed:
        assert meaning(check), check
        assert meaning(check) in shown
    for rejection in said["decision"]["rejections"]:
        remedy = remedy_of(rejection["reason"])
        assert remedy.word != "broken", rejection
        assert remedy.means in shown


async def test_a_move_that_was_not_made_is_told_with_the_tag(tmp_path, capsys, quiet):
    """Under `rollback: deny` nobody is refused: the tag stays, and `explain` says what was offered and why it stays."""
    site = Site(tmp_path, "pinning: follow\nttl: 1s\nrollback: deny\nrequire: [{ attestation: sbom, by: scanner }]")
    async with site:
        new, old = image("new"), image("old")
        site.attest(site.publish(new), SBOM, SPDX, by="scanner")
        await site.admitted()
        site.publish(old)
        site.attest(old, SBOM, SPDX, by="scanner", at=AT - timedelta(days=3))
        site.clock.forward(seconds=60)
        assert (await site.admitted())["digest"] == str(new.digest)
        await site.settle()
    config = str(tmp_path / "pratique.yaml")
    capsys.readouterr()
    assert await asyncio.to_thread(run, ["explain", "reg.test/acme/app:v1", "--config", config]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Allowed: ")
    assert f"pinned  to {new.digest}" in shown
    assert f"offered {old.digest} is at the upstream now" in shown
    assert "the new digest was signed" in shown


def test_the_clock_of_these_stories_stands_after_all_that_was_signed():
    assert NOW > AT
