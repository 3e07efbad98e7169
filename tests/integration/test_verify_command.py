"""`pratique verify REF`: what it says of images that real tools signed; and those tools, run as it prints, say the same."""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.cli.examine import Verified, examine
from proxy.config.both import load_both
from proxy.oci.reference import ImageName
from tests.fakes.lab import Twin, case_of, every_case, policy_of, serve, twins
from tests.fakes.layouts import needs_vectors
from tests.fakes.registry import FakeRegistry

pytestmark = needs_vectors
SECONDS = 60
every = pytest.mark.parametrize("case", every_case(), ids=lambda case: case["name"])

# cosign reads one signature alone of this form, and cannot be told which.
_BY_NOBODY = {"v2-oci11-two-signers"}
# A root in parts, as PEM files in variables: no one line.
_HINTED = {"v2-att-keyless-rekor1", "v2-att-keyless-tsa"} | _BY_NOBODY
# cosign 2 looks at the bundle of another statement, and never at the signature under its tag.
_NOT_BY_COSIGN2 = {"mixed-sig-legacy-att-bundle"} | _HINTED


@dataclass
class Desk:
    """A folder with both files, before an upstream that has the images."""

    folder: Path
    upstream: FakeRegistry

    async def verify(self, case: dict[str, Any], policy: str) -> Verified:
        (self.folder / "policy.yaml").write_text(policy)
        (self.folder / "pratique.yaml").write_text(
            f"policy: policy.yaml\nupstreams: {{ reg.test: {{ url: '{self.upstream.url}' }} }}\n"
        )
        config, loaded = load_both(self.folder / "pratique.yaml", env={}, now=datetime.now(UTC))
        return await examine(config, loaded, ImageName.parse(f"reg.test/{case['repo']}:{case['tag']}"))

    async def run(self, lines: tuple[str, ...], **tools: str) -> list[int]:
        """Each line in a shell where `cosign` and `notation` are these binaries, with a home of its own and no way out."""
        home = self.folder / f"home-{len(list(self.folder.iterdir()))}"
        home.mkdir()
        for name, binary in tools.items():
            (home / name).symlink_to(binary)
        return [await self._shell(line, home) for line in lines]

    async def _shell(self, line: str, home: Path) -> int:
        env = {"PATH": f"{home}:{os.environ['PATH']}", "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        env |= {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", line, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(SECONDS):
            await process.communicate()
        assert process.returncode is not None
        return process.returncode


@pytest.fixture
async def desk(tmp_path):
    async with FakeRegistry() as upstream:
        yield Desk(tmp_path, upstream)


def tool(name: str) -> str:
    """Its path, or a skip that names it: these are Go tools, installed by choice."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine; install it to run this")
    return found


def details(found: Verified) -> list[dict[str, str]]:
    assert found.decision is not None
    return [dict(check.details) for check in found.decision.checks if check.details.get("signer")]


@every
async def test_each_requirement_says_what_proved_it(desk, case):
    serve(case, desk.upstream)
    found = await desk.verify(case, policy_of(case))
    assert found.verdict == "allow", found.summary
    for said in details(found):
        assert {"identity", "form", "place", "subject", "manifest", "opinions"} <= said.keys()
        if said["identity"].startswith("keyless:"):
            assert {"issuer", "san", "sanType", "certificateSha256", "certificateNotBefore", "provedAt"} <= said.keys()
        if said.get("logIndex"):
            assert {"log", "logEntry"} <= said.keys()
    assert found.cosign or found.notation


COSIGNED = [
    pytest.param(case, name, id=f"{case['name']}-{name}")
    for case in every_case()
    for name in ("cosign3", "cosign2")
    if not case["name"].startswith("notation") and case["name"] not in _BY_NOBODY
    if name == "cosign3" or case["name"] not in _NOT_BY_COSIGN2
]


@pytest.mark.parametrize(("case", "name"), COSIGNED)
async def test_what_is_printed_for_cosign_is_right_when_cosign_runs_it(desk, case, name):
    binary = tool(name)
    serve(case, desk.upstream)
    found = await desk.verify(case, policy_of(case))
    assert found.cosign
    assert await desk.run(found.cosign, cosign=binary) == [0] * len(found.cosign)


@pytest.mark.parametrize("name", sorted(_HINTED))
async def test_what_cosign_cannot_be_asked_in_one_line_is_said_in_a_hint(desk, name):
    case = case_of(name)
    serve(case, desk.upstream)
    assert any("cosign" in hint for hint in (await desk.verify(case, policy_of(case))).hints)


NOTATION = [case for case in every_case() if case["name"].startswith("notation")]


@pytest.mark.parametrize("case", NOTATION, ids=lambda case: case["name"])
async def test_what_is_printed_for_notation_is_right_when_notation_runs_it(desk, case):
    binary = tool("notation")
    serve(case, desk.upstream)
    found = await desk.verify(case, policy_of(case))
    assert found.cosign == ()
    assert await desk.run(found.notation, notation=binary) == [0] * len(found.notation)


# Each of another kind of signer, form and place.
REFUSED = ["v2-key-p256", "v2-keyless-email", "v2-att-slsa1", "v3-key-rekor2-ref", "v3-keyless-rekor2-fb", "v2-own-pki"]
REFUSED += ["v3-att-slsa1", "notation-p256-jws", "notation-metadata"]
# What the line cannot ask, and a hint says so; and a Rekor v2 log's window, which cosign holds against no time.
_UNASKED = ("log2_closed", "an extension", "another subject", "a log that it is not in", "a timestamp of others")


def asked_twins(case: dict[str, Any]) -> list[Twin]:
    return [twin for twin in twins(case) if not any(word in twin.name for word in _UNASKED)]


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_is_refused_by_the_printed_line_too(desk, name):
    """The same question: for another signer, root, claim or type the tool says no, as we do."""
    case = case_of(name)
    tools = {"notation": tool("notation")} if name.startswith("notation") else {"cosign": tool("cosign3")}
    serve(case, desk.upstream)
    for twin in asked_twins(case):
        found = await desk.verify(case, policy_of(twin.case))
        assert found.verdict == "deny", twin.name
        lines = (*found.cosign, *found.notation)
        assert lines, twin.name
        assert any(code != 0 for code in await desk.run(lines, **tools)), (twin.name, lines)


async def test_a_bundle_that_cosign_makes_of_a_file_is_verified_by_the_file_and_by_its_digest(desk, tmp_path):
    """As `cosign verify-blob` does; `--digest` alone is what conformance suites ask with."""
    binary = tool("cosign3")
    (tmp_path / "x").write_bytes(b"an artifact")
    offline = "--use-signing-config=false --tlog-upload=false"
    lines = (
        f"cd {tmp_path} && COSIGN_PASSWORD=lab cosign generate-key-pair",
        f"cd {tmp_path} && COSIGN_PASSWORD=lab cosign sign-blob --yes --key cosign.key --bundle x.bundle {offline} x",
        f"cd {tmp_path} && cosign verify-blob --key cosign.pub --bundle x.bundle --insecure-ignore-tlog=true x",
    )
    assert await desk.run(lines, cosign=binary) == [0, 0, 0]
    from proxy.cli.bare import Question, verify_bundle
    from proxy.cli.output import Format
    from proxy.oci.digest import Digest

    bundle, key = tmp_path / "x.bundle", tmp_path / "cosign.pub"
    digest = str(Digest.of(b"an artifact"))
    assert verify_bundle(Question(bundle, key=key, artifact=tmp_path / "x"), Format.JSON) == 0
    assert verify_bundle(Question(bundle, key=key, digest=digest), Format.JSON) == 0
    assert verify_bundle(Question(bundle, key=key, digest=str(Digest.of(b"another"))), Format.JSON) == 1


SHAPE = {
    "reference": str,
    "digest": str,
    "verdict": str,
    "reason": str,
    "summary": str,
    "admittedUnder": (str, type(None)),
    "notes": list,
    "cosign": list,
    "notation": list,
    "hints": list,
    "decision": dict,
    "children": list,
}


@pytest.mark.parametrize("name", ["v2-keyless-ci-index", "notation-metadata", "v2-sig-and-atts"])
async def test_the_document_for_scripts_has_these_fields_of_these_types(desk, name):
    """Scripts hold on to them: a field may be added, and none is renamed or changes its type."""
    case = case_of(name)
    serve(case, desk.upstream)
    record = (await desk.verify(case, policy_of(case))).to_record()
    assert record.keys() == SHAPE.keys()
    for field, kind in SHAPE.items():
        assert isinstance(record[field], kind), field
    assert json.loads(json.dumps(record)) == record
    for check in record["decision"]["checks"]:
        assert all(isinstance(value, str) for value in check["details"].values())
    assert yaml.safe_load(yaml.safe_dump(record)) == record
