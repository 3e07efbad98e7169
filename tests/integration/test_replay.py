"""`verify --record` and `--replay`: a Decision of every kind of evidence is made again from one file, bit for bit, anywhere."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from proxy.cli.app import run
from proxy.oci.digest import Digest
from proxy.pipeline.court.cases import seal, unseal
from tests.fakes.house import House
from tests.fakes.lab import case_of, policy_of, serve
from tests.fakes.layouts import needs_vectors
from tests.fakes.predicates import SLSA_V02, SLSA_V1, SPDX, TRIVY, VEX, scan
from tests.fakes.site import Site, image, index

VULN, OPENVEX = "https://cosign.sigstore.dev/attestation/vuln/v1", "https://openvex.dev/ns/v0.2.0"
V02, V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
LAB = [
    "v2-key-p256",
    "v2-keyless-ci",
    "v3-keyless-rekor2-ref",
    "v3-keyless-rekor1-tsa",
    "v2-own-pki",
    "v2-sig-and-atts",
]
LAB += ["notation-timestamp-jws", "notation-p384-cose", "v3-recursive-children"]


# One Decision each -----------------------------------------------------------------------------------------------------


async def signed(site: Site) -> None:
    site.signed(site.publish(image()), by="team")


async def denied(site: Site) -> None:
    site.signed(site.publish(image()), by="stranger")


async def attested(site: Site) -> None:
    site.attest(site.publish(image()), V1, SLSA_V1, by="ci", form="bundle")


async def scanned(site: Site) -> None:
    app = site.publish(image())
    site.attest(app, VULN, scan(TRIVY), by="scanner")
    site.attest(app, "https://spdx.dev/Document", SPDX, by="scanner")


async def excused(site: Site) -> None:
    """A finding that VEX takes out of the count."""
    app = site.publish(image())
    site.attest(app, VULN, scan(TRIVY), by="scanner")
    found = {each["VulnerabilityID"] for one in TRIVY["Results"] for each in one.get("Vulnerabilities", [])}
    said = [
        {
            "vulnerability": {"name": name},
            "products": [{"@id": f"pkg:oci/app@{app.digest}"}],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
        }
        for name in sorted(found)
    ]
    site.attest(app, OPENVEX, VEX | {"statements": said}, by="security")


async def of_platforms(site: Site) -> None:
    children = [image(platform=f"linux/{each}") for each in ("amd64", "arm64")]
    for child in children:
        site.signed(site.publish(child, tag=None), by="team")
    site.publish(index(*children))


async def carried(site: Site) -> None:
    """BuildKit's statement under a signed Index."""
    child = image()
    raw = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "subject": [{"name": "x", "digest": {"sha256": child.digest.hex}}],
            "predicateType": V02,
            "predicate": SLSA_V02,
        }
    ).encode()
    whole = site.publish(index(child, attached=((child, raw),)))
    site.signed(whole, by="team")


async def based(site: Site) -> None:
    base = site.publish(image("debian", layers=("base",)), name="library/debian", tag="12", at=site.others["base.test"])
    site.signed(base, by="other", names="base.test/library/debian", name="library/debian", to=site.others["base.test"])
    named = {
        "org.opencontainers.image.base.name": "base.test/library/debian:12",
        "org.opencontainers.image.base.digest": str(base.digest),
    }
    site.signed(site.publish(image(annotations=named)), by="ci")


_FACTS = """\
require:
  - { attestation: vuln, by: scanner, maxAge: 30d, where: { critical: '<=99' } }
  - { attestation: sbom, by: scanner, condition: '!components.exists(c, c.name == "log4j")' }
  - { image: { maxAge: 60d, condition: 'config.user != "root"' } }"""
Story = tuple[str, Callable[[Site], Awaitable[None]], int]
STORIES: dict[str, Story] = {
    "key": ("require: [{ signature: team }]", signed, 200),
    "refusal": ("require: [{ signature: team }]", denied, 403),
    "warn": ("mode: warn\nrequire: [{ signature: team }]", denied, 200),
    "keyless-attestation": ("require: [{ attestation: slsa-provenance, by: ci }]", attested, 200),
    "facts": (
        _FACTS,
        scanned,
        200,
    ),
    "condition": (
        "require: [{ attestation: sbom, by: scanner, condition: 'components.size() > 1000' }]",
        scanned,
        403,
    ),
    "vex": (
        "require: [{ attestation: vuln, by: scanner, vex: security, where: { critical: 0, high: 0 } }]",
        excused,
        200,
    ),
    "platforms": ("covers: platform\nrequire: [{ signature: team }]", of_platforms, 200),
    "carried": ("require: [{ signature: team }]", carried, 200),
    "base": ("require: [{ signature: ci }]\nbase: { require: [{ signature: other }] }", based, 200),
}


@pytest.fixture
def quiet():
    """Commands set up the log for themselves: it is as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def pratique(quiet, capsys, tmp_path, monkeypatch):
    """`await pratique("verify", …)`: the command, in a folder that has no configuration; (exit code, stdout, stderr)."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name in ("PRATIQUE_CONFIG", "PRATIQUE_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    async def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, list(arguments))
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


async def told(folder: Path, name: str) -> tuple[Site, Digest]:
    """A site where the story happened, stopped; and what was judged."""
    rule, story, status = STORIES[name]
    folder.mkdir()
    others = ("base.test",) if name == "base" else ()
    site = Site(folder, rule, others=others)
    async with site:
        await story(site)
        got = await site.manifest("acme/app", "v1")
        assert got.status == status, got.body
        await site.settle()
    return site, site.upstream.repos["acme/app"].tags["v1"]


async def recorded(folder: Path, name: str, pratique) -> Path:
    """The case file of what a story, or a case of the lab, decided; written by the command."""
    out = folder / f"{name}.case"
    if name in STORIES:
        site, digest = await told(folder / name, name)
        # What `warn` served is kept for a minute, and told to nobody: its key is in the log and in the audit.
        key = str(site.decision(digest)["key"])
        place = key if name == "warn" else f"reg.test/acme/app@{digest}"
        config = folder / name / "pratique.yaml"
    else:
        case = case_of(name)
        (folder / name).mkdir()
        async with House(folder / name, policy=policy_of(case)) as house:
            serve(case, house.upstream)
            assert (await house.manifest(case["repo"], case["tag"])).status == 200
        place, config = f"reg.test/{case['repo']}@{case['digest']}", folder / name / "pratique.yaml"
    code, _, err = await pratique("verify", "--record", place, "--out", str(out), "--config", str(config))
    assert (code, err) == (0, "")
    return out


ALL = [*STORIES, *(pytest.param(name, marks=needs_vectors) for name in LAB)]
every = pytest.mark.parametrize("name", ALL)


@every
async def test_a_decision_is_made_again_bit_for_bit_without_anything_but_its_file(tmp_path, pratique, name):
    file = await recorded(tmp_path, name, pratique)
    (tmp_path / "gone").mkdir()
    (tmp_path / name).rename(tmp_path / "gone" / name)
    code, out, err = await pratique("verify", "--replay", str(file), "-o", "json")
    said = json.loads(out)
    assert (code, err, said["same"], said["difference"]) == (0, "", True, [])
    assert said["decision"] == unseal(file.read_bytes())["decision"]
    if name in ("platforms", "base"):
        assert {each["verdict"] for each in said["restsOn"]} == {"allow"}


@every
async def test_one_changed_byte_fails(tmp_path, pratique, name):
    """Every k-th byte of the file: never a traceback, never exit 0, always a sentence."""
    file = await recorded(tmp_path, name, pratique)
    raw = file.read_bytes()
    step = max(1, len(raw) // 40)
    for at in [*range(0, 90, 7), *range(0, len(raw), step), len(raw) - 1]:
        changed = bytearray(raw)
        changed[at] ^= 1 + at % 255
        file.write_bytes(bytes(changed))
        code, out, err = await pratique("verify", "--replay", str(file))
        assert (code, out) == (1, ""), at
        assert re.fullmatch(r"error: \S+: this (is no )?case file\b[^\n]*(write|record)[^\n]*\n", err), (at, err)
    for cut in (raw[:-1], raw[: len(raw) // 2], raw + b"\n", b""):
        file.write_bytes(cut)
        assert (await pratique("verify", "--replay", str(file)))[0] == 1


@every
async def test_what_is_changed_and_sealed_again_is_judged_by_what_it_says_then(tmp_path, pratique, name):
    """A seal is no signature. Whoever seals a changed record anew gets what its bytes prove, and never a traceback."""
    file = await recorded(tmp_path, name, pratique)
    body = file.read_bytes().partition(b"\n")[2]
    for at in range(7, len(body), max(1, len(body) // 30)):
        changed = bytearray(body)
        changed[at] ^= 1 + at % 31
        file.write_bytes(sealed(bytes(changed)))
        code, out, err = await pratique("verify", "--replay", str(file), "-o", "json")
        assert code in {0, 1}, (at, err)
        assert "Traceback" not in err
        assert "defect" not in err
        assert (code == 0) == bool(out and json.loads(out)["same"]), at


def sealed(body: bytes) -> bytes:
    import hashlib

    return b"pratique-case " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


async def forged(file: Path, change: Callable[[dict[str, Any]], None], pratique) -> tuple[int, dict[str, Any], str]:
    record = unseal(file.read_bytes())
    change(record)
    other = file.with_suffix(".forged")
    other.write_bytes(seal(record))
    code, out, err = await pratique("verify", "--replay", str(other), "-o", "json")
    return code, json.loads(out) if out else {}, err


def _evidence(record: dict[str, Any]) -> None:
    record["brief"]["own"]["found"][0]["payload"] = "AAAA"


def _verdict(record: dict[str, Any]) -> None:
    record["decision"]["verdict"] = "deny"


def _key(record: dict[str, Any]) -> None:
    name = next(each for each in record["snapshot"]["files"] if each == "team.pub")
    record["snapshot"]["files"][name] = record["snapshot"]["files"]["other.pub"]


def _now(record: dict[str, Any]) -> None:
    record["brief"]["now"] = "2026-12-24T00:00:00+00:00"


def _repository(record: dict[str, Any]) -> None:
    record["brief"]["own"]["repository"] = "acme/other"


def _policy(record: dict[str, Any]) -> None:
    record["snapshot"]["policy"] = record["snapshot"]["policy"].replace("signature: team", "signature: other")


@pytest.mark.parametrize("change", [_evidence, _verdict, _key, _now, _repository, _policy])
async def test_everything_that_a_decision_was_made_of_is_bound_to_it(tmp_path, pratique, change):
    """Evidence, verdict, keys, time, name and rule: another one of each is another Decision, and the difference is shown."""
    file = await recorded(tmp_path, "key", pratique)
    code, said, _ = await forged(file, change, pratique)
    assert code == 1
    assert said["same"] is False
    assert any(line.startswith("-") for line in said["difference"])


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(schemaVersion=2),
        lambda record: record.update(schemaVersion=True),
        lambda record: record.pop("schemaVersion"),
        lambda record: record.pop("brief"),
        lambda record: record.update(brief=[]),
        lambda record: record.update(snapshot={"policy": 7}),
        lambda record: record["snapshot"].update(policy="version: 1\n" + "#" * 2**20),
        lambda record: record["snapshot"].update(policy="a: &a [*a]"),
        lambda record: record["snapshot"].update(files={}),
        lambda record: record["snapshot"].update(files={"../../etc/passwd": "AAAA"}),
        lambda record: record["snapshot"]["files"].update({"logged.json": "AAAA"}),
        lambda record: record["brief"].update(now="9999-12-31T23:59:59+00:00"),
        lambda record: record["brief"].update(now="2026-01-01T00:00:00"),
        lambda record: record["brief"].update(rule="elsewhere.test/**"),
        lambda record: record["brief"].update(manifest="e30="),
        lambda record: record["brief"]["own"].update(digest="sha256:../../x"),
        lambda record: record["brief"]["own"].update(found=[{}]),
        lambda record: record["brief"]["own"].update(found=[], gathered=False),
        lambda record: record["brief"]["own"]["found"][0].update(annotations=[]),
        lambda record: record["brief"]["own"]["found"][0].update(mediaType="\x1b[2J"),
        lambda record: record["decision"].update(checks=[[]]),
        lambda record: record["decision"].update(summary="\x1b[2J\u202e"),
        lambda record: record.update(decision=None),
    ],
)
async def test_a_hostile_record_is_exit_1_with_a_sentence_and_moves_no_cursor(tmp_path, pratique, change):
    file = await recorded(tmp_path, "key", pratique)
    code, said, err = await forged(file, change, pratique)
    assert code == 1
    assert bool(said) != bool(err)
    assert "Traceback" not in err
    assert "defect" not in err
    other = file.with_suffix(".forged")
    _, out, err = await pratique("verify", "--replay", str(other))
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err


async def test_a_case_of_another_form_names_the_version_that_wrote_it(tmp_path, pratique):
    file = await recorded(tmp_path, "key", pratique)
    code, _, err = await forged(file, lambda record: record.update(schemaVersion=9, madeBy="4.2"), pratique)
    assert code == 1
    assert "has form 9, and this program reads form 1; replay it with pratique 4.2" in err


@pytest.mark.parametrize("raw", [b"", b"\n", b"{}", b"pratique-case \n{}", b"\x1f\x8b" + b"\0" * 99, b"\x80\x04]\x94."])
async def test_what_is_no_case_file_is_said_to_be_none(tmp_path, pratique, raw):
    """A pickle and a packed file among them: nothing is unpacked that the file's first line does not name."""
    (tmp_path / "x").write_bytes(raw)
    code, out, err = await pratique("verify", "--replay", str(tmp_path / "x"))
    assert (code, out) == (1, "")
    assert "this is no case file" in err


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70, b'{"a":1,"a":2}', b"[]", b"\xff", b"1e999"]
)
async def test_what_is_sealed_and_no_record_is_refused(tmp_path, pratique, body):
    (tmp_path / "x").write_bytes(sealed(body))
    code, _, err = await pratique("verify", "--replay", str(tmp_path / "x"))
    assert code == 1
    assert "its seal is right, and what it seals is no record" in err


async def test_a_file_that_cannot_be_read_is_a_misuse(tmp_path, pratique):
    for name in (str(tmp_path / "absent"), str(tmp_path)):
        code, _, err = await pratique("verify", "--replay", name)
        assert code == 64, name
        assert "cannot be read" in err


async def test_a_refusal_is_recorded_by_its_id_and_explained_by_it(tmp_path, pratique):
    """The whole way of a bug report: the line that a node printed, the case file, the same Decision elsewhere."""
    site, digest = await told(tmp_path / "site", "refusal")
    (refusal,) = {event.refusal for event in site.events if getattr(event, "refusal", None)}
    config = str(tmp_path / "site" / "pratique.yaml")
    code, out, _ = await pratique("verify", "--record", f"[{refusal}]", "--config", config)
    assert code == 0
    (file,) = Path().glob("*.case")
    assert f"deny: reg.test/acme/app@{digest}" in out
    assert f"pratique verify --replay {file}" in out
    code, out, _ = await pratique("verify", "--replay", str(file))
    assert code == 0
    assert "The same, bit for bit" in out
    code, out, _ = await pratique("verify", "--record", refusal, "--config", config, "-o", "json")
    said = json.loads(out)
    assert (code, said["verdict"], said["same"]) == (0, "deny", True)
    assert said["image"] == f"reg.test/acme/app@{digest}"
    code, out, _ = await pratique("verify", "--record", refusal, "--out", "-", "--config", config)
    assert out.encode() == file.read_bytes()


async def test_a_file_is_put_in_the_place_of_a_link_and_never_through_it(tmp_path, pratique):
    _, digest = await told(tmp_path / "site", "key")
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "x.case").symlink_to(precious)
    config = str(tmp_path / "site" / "pratique.yaml")
    place = f"reg.test/acme/app@{digest}"
    code, _, _ = await pratique("verify", "--record", place, "--out", str(tmp_path / "x.case"), "--config", config)
    assert code == 0
    assert precious.read_text() == "kept"
    assert not (tmp_path / "x.case").is_symlink()
    code, _, err = await pratique("verify", "--record", place, "--out", str(tmp_path / "no" / "x"), "--config", config)
    assert code == 64
    assert "cannot be written" in err


async def test_what_is_not_recorded_is_said_with_where_to_look(tmp_path, pratique):
    _, digest = await told(tmp_path / "site", "key")
    config = str(tmp_path / "site" / "pratique.yaml")
    for what, code, words in (
        ("r-222222", 75, "ids live 30 days"),
        ("reg.test/acme/app:v1", 64, "name the digest"),
        (f"reg.test/acme/never@{digest}", 75, "no Decision about"),
        ("a" * 64, 75, "not kept any more"),
        ("../../x", 64, ""),
    ):
        found = await pratique("verify", "--record", what, "--config", config)
        assert found[0] == code, found
        assert words in found[2]
    (kept,) = (tmp_path / "site" / "data").rglob("*.case")
    kept.write_bytes(b"\x1f\x8b broken")
    code, _, err = await pratique("verify", "--record", kept.stem, "--config", config)
    assert code == 75
    assert "its case file is broken" in err


async def test_another_version_of_the_program_is_named_where_it_comes_out_otherwise(tmp_path, pratique):
    file = await recorded(tmp_path, "key", pratique)

    def change(record: dict[str, Any]) -> None:
        record["madeBy"] = "0.0.1"
        record["decision"]["summary"] = "otherwise"

    await forged(file, change, pratique)
    code, out, _ = await pratique("verify", "--replay", str(file.with_suffix(".forged")))
    assert code == 1
    assert "Not the same" in out
    assert "recorded by pratique 0.0.1" in out


async def test_an_allow_under_a_changed_base_or_child_is_not_what_was_recorded(tmp_path, pratique):
    """Other Decisions are taken as recorded, and named: a forged one changes the outcome or is a Decision of its own."""
    for name, part in (("platforms", "children"), ("base", "bases")):
        file = await recorded(tmp_path, name, pratique)

        def change(record: dict[str, Any], part: str = part) -> None:
            for each in record["brief"][part]:
                made = next(one for one in each if isinstance(one, dict) and "verdict" in one)
                made["verdict"] = "deny"

        code, said, _ = await forged(file, change, pratique)
        assert code == 1
        assert said["decision"]["verdict"] == "deny"
