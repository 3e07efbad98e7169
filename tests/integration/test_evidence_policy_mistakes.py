"""What is no policy is told with its file, its line and what to do, and the running proxy keeps the policy that it has."""

import hashlib
import re
from typing import Any

import pytest

from tests.fakes.site import Site, image

RULE = "require: [{ signature: team }]"
LINE = re.compile(r"(\d+): (.{20,})")
ATTESTED = "require:\n  - attestation: sbom\n    by: scanner\n    condition: {}"
HEX = "9f" * 32
JUNK = b"junk\n"

# What is written beside a good rule, and the words of the problem. The line that is named must hold `at`.
FILES: list[tuple[dict[str, str], str, str]] = [
    ({"signers": "gone: { key: gone.pub, log: none }"}, "gone", "gone.pub"),
    ({"signers": "junk: { key: junk.txt, log: none }"}, "junk", "junk.txt"),
    ({"signers": "who: { preset: nvidia }"}, "nvidia", "preset"),
    ({"signers": "who: { preset: chainguard-custom }"}, "chainguard-custom", "needs the parameter 'imageSyncer'"),
    ({"signers": "who: { preset: kubernetes, parameters: { a: b } }"}, "kubernetes", "has no parameter 'a'"),
    ({"roots": f"corp: {{ file: gone.json, sha256: {HEX} }}", "signers": "who: SIGNER"}, "corp", "gone.json"),
    ({"roots": f"corp: {{ file: logged.json, sha256: {HEX} }}", "signers": "who: SIGNER"}, "corp", "SHA-256 is"),
    ({"roots": "corp: { file: junk.txt, sha256: JUNK }", "signers": "who: SIGNER"}, "corp", "corp"),
    ({"roots": "corp: { tuf: 'https://tuf.test', root: junk.txt }", "signers": "who: SIGNER"}, "corp", "no TUF root"),
    ({"roots": "store: { certificates: gone.pem }", "signers": "who: STORED"}, "store", "gone.pem"),
    ({"roots": "store: { certificates: junk.txt }", "signers": "who: STORED"}, "store", "certificate"),
    (
        {"roots": "store: { certificates: stamps.pem, timestamps: junk.txt }", "signers": "who: STORED"},
        "store",
        "store",
    ),
    (
        {"roots": "store: { certificates: stamps.pem, crls: [junk.txt] }", "signers": "who: STORED"},
        "store",
        "revocation list",
    ),
    ({"rest": "revoked:\n  - { key: gone.pub, reason: r }"}, "gone.pub", "gone.pub"),
    ({"rest": "revoked:\n  - { key: junk.txt, reason: r }"}, "junk.txt", "junk.txt"),
]
CONDITIONS = [
    ("'components ='", "the condition is wrong at column"),
    ("'componets.size() == 1'", "there is no 'componets' in conditions here; there are components, count"),
    ("'count'", "the condition gives int, not true or false; compare it with something"),
    ("'count == \"1\"'", "the condition is wrong at column"),
    ("\"components.exists(c, c.name == 'x'\"", "the condition is wrong at column"),
    ("'true && '", "the condition is wrong at column"),
    ("|\n      count > 0 &&\n      ) format == 'spdx'", "the condition is wrong at line 2, column"),
    (f"'{'true || ' * 700}true'", "longer than 4096 bytes; split it"),
]


def written(text: str) -> str:
    signer = "{ issuer: 'https://issuer.test', subject: release@acme.test, trustRoot: corp }"
    stored = "{ x509: store, subject: 'O=Acme,CN=x' }"
    return text.replace("SIGNER", signer).replace("STORED", stored).replace("JUNK", hashlib.sha256(JUNK).hexdigest())


@pytest.fixture
async def site(tmp_path):
    (tmp_path / "junk.txt").write_bytes(JUNK)
    async with Site(tmp_path, RULE) as made:
        yield made


def problems(site: Site, rule: str, **parts: str) -> list[tuple[str, str]]:
    """Each problem as the file's line that it names, and what it says of it."""
    file = site.folder / "policy.yaml"
    said = site.mistaken(rule, **{word: written(text) for word, text in parts.items()})
    lines = file.read_text().splitlines()
    found = [LINE.fullmatch(each) for each in said.removeprefix(f"{file}:").split(f"; {file}:")]
    assert all(found), said
    return [(lines[int(each[1]) - 1], each[2]) for each in found]


@pytest.mark.parametrize(
    ("parts", "at", "sentence"), FILES, ids=[f"{at}-{index}" for index, (_, at, _) in enumerate(FILES)]
)
async def test_a_file_that_is_not_what_it_should_be_is_told_at_the_line_that_names_it(site, parts, at, sentence):
    found = problems(site, RULE, **parts)
    assert any(at in line and sentence in text for line, text in found), found
    await still_there(site)


@pytest.mark.parametrize(("condition", "sentence"), CONDITIONS, ids=range(len(CONDITIONS)))
async def test_a_condition_that_is_none_is_told_at_its_line_and_column(site, condition, sentence):
    ((line, text),) = problems(site, ATTESTED.format(condition))
    assert "condition:" in line
    assert sentence in text
    await still_there(site)


async def test_every_mistake_is_told_at_once(site):
    rule = "requires: [{ signature: team }]\nrequire: [{ signature: teem }, { attestation: sbom }]\ncovers: all"
    found = problems(site, rule, signers="gone: { key: gone.pub, log: none }")
    told = " ".join(text for _, text in found)
    for sentence in (
        "did you mean 'require'?",
        "did you mean 'team'?",
        "`by` is missing",
        "index, platform or any",
        "gone.pub",
    ):
        assert sentence in told
    await still_there(site)


async def still_there(site: Any) -> None:
    """The policy that stood before admits what it admitted."""
    site.signed(site.publish(image()))
    await site.admitted()
