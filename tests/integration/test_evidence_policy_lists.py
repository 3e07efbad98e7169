"""Vacuous truth is impossible (T22 to T27): every list that policy.yaml can hold, with nothing in it, with only foreign things
in it, and with a good thing among a hundred bad ones, each through the real proxy.

The lists are read from the models of the file: a new one without a row here fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel

from proxy.demo.images import Blob
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.policy.words.written import PolicyDocument, Wanted
from tests.fakes import pki
from tests.fakes.gathering import evidence
from tests.fakes.notary import Pen
from tests.fakes.predicates import CYCLONEDX, SLSA_V1, SPDX
from tests.fakes.signing import GITHUB, Workflow
from tests.fakes.site import APP, NOW, Site, image, index

V1, SBOM = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"
RELEASE = "https://github.com/acme/ml/.github/workflows/release.yml"
ZEROS = "0" * 60


# --- which lists there are


def lists() -> frozenset[str]:
    """Every list and every map of the file, as the docs spell them; a base's requirement is a requirement."""
    found = frozenset(_lists(PolicyDocument, "", ()))
    return frozenset(path for path in found if not path.startswith("images[].base.require[]."))


def _lists(model: type[BaseModel], prefix: str, above: tuple[type, ...]) -> Iterator[str]:
    for name, each in model.model_fields.items():
        yield from _within(each.annotation, f"{prefix}{each.alias or name}", (*above, model))


def _within(annotation: Any, path: str, above: tuple[type, ...]) -> Iterator[str]:
    """`path` where it is a list or a map, or may be one, and those that its items hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in above:
            yield from _lists(annotation, f"{path}.", above)
        return
    if annotation == Wanted:
        yield path  # what a fact must be is one value or a list of them
        return
    step = {dict: ".<name>", tuple: "[]", list: "[]"}.get(get_origin(annotation), "")
    if step:
        yield path
    for inner in get_args(annotation):
        yield from _within(inner, path + step, above)


# --- a row for each


@dataclass(frozen=True)
class Row:
    """`policy` makes the parts of policy.yaml of the list as it is written; `prepare` what is pulled as v1.

    `foreign` are things that are not what is meant; `good` is. `sentence` says why `foreign` alone admits nothing.
    `is_all`: each of the list must be so, so that one bad among good ones refuses. `is_load`: foreign things are no
    policy at all. `is_ban`: what is listed is refused.
    """

    path: str
    policy: Callable[[str], dict[str, str]]
    prepare: Callable[[Site, Any], None]
    good: str
    foreign: list[str]
    sentence: str
    is_map: bool = False
    is_all: bool = False
    is_load: bool = False
    is_ban: bool = False
    shape: dict[str, Any] = field(default_factory=dict)  # of the image

    def written(self, *items: str) -> dict[str, str]:
        inside = ", ".join(items)
        return self.policy(f"{{ {inside} }}" if self.is_map else f"[ {inside} ]")


def many(template: str, count: int = 100) -> list[str]:
    return [template.replace("#", str(number)) for number in range(count)]


def signed(site: Site, app: Any) -> None:
    site.signed(app)


def by_all(site: Site, app: Any) -> None:
    site.signed(app)
    site.signed(app, by="ci")


def by_ci(site: Site, app: Any) -> None:
    site.signed(app, by="ci")


def attested(site: Site, app: Any) -> None:
    site.attest(app, V1, SLSA_V1, by="scanner")


def rule(text: str) -> Callable[[str], dict[str, str]]:
    return lambda items: {"rule": text.replace("LIST", items)}


def asked(text: str) -> Callable[[str], dict[str, str]]:
    return rule(f"require: [{{ {text} }}]")


TEAM = "require: [{ signature: team }]"
HOSTED = Workflow


def hosted(site: Site, app: Any) -> None:
    said = {11: "github-hosted", 12: "https://github.com/acme/ml"}
    site.signed(app, by=Workflow(site.sigstore, f"{RELEASE}@refs/tags/v1", GITHUB, said))


def renamed(site: Site, app: Any) -> None:
    site.signed(app, names="mirror.test/acme/app")


def countersigned(site: Site, app: Any) -> None:
    site.signed(app, name="approvals", names="reg.test/acme/app", to=site.others["corp.test"])


def based(site: Site, app: Any) -> None:
    base = image("base", layers=("base",))
    site.signed(app)
    site.upstream.put_image("lib/base", base)
    site.signed(base, by="other", names="reg.test/lib/base", name="lib/base")


BASE = image("base", layers=("base",))
BASED = {
    "annotations": {
        "org.opencontainers.image.base.name": "reg.test/lib/base:1",
        "org.opencontainers.image.base.digest": str(BASE.digest),
    }
}


def waived(words: str) -> dict[str, str]:
    rules = ", ".join(f"{{ signature: other, claims: {{ n: '{n}' }}, name: bad-{n} }}" for n in range(100))
    return {
        "rule": f"require: [{{ signature: other, name: wanted }}, {rules}]"
        if "bad-99" in words
        else "require: [{ signature: other, name: wanted }, { signature: other, claims: { n: '0' }, name: bad-0 }]"
        if "bad-0" in words
        else "require: [{ signature: other, name: wanted }]",
        "rest": f"exceptions:\n  - {{ match: reg.test/acme/app, digest: '{image().digest}', waive: {words}, "
        "reason: r, by: me, until: 2026-11-20 }",
    }


EXCEPTION = "{ match: reg.test/acme/app, digest: 'DIGEST', waive: [signature], reason: r, by: me, until: 2026-11-20 }"

ROWS = [
    Row("images[].tags", rule(f"tags: LIST\n{TEAM}"), signed, "v1", many("x#"), "tag v1 is not permitted"),
    Row(
        "images[].platforms",
        rule(f"platforms: LIST\n{TEAM}"),
        signed,
        "linux/amd64",
        many("plan9/m#"),
        "platform linux/amd64 is not permitted",
    ),
    Row(
        "images[].require",
        rule("require: LIST"),
        signed,
        "{ signature: team, name: good }",
        many("{ signature: other, name: bad-# }"),
        "no signature by other",
        is_all=True,
    ),
    Row(
        "images[].signedAs",
        rule(f"signedAs: LIST\n{TEAM}"),
        renamed,
        "mirror.test/acme/*",
        many("m#.test/**"),
        "names mirror.test/acme/app, not this repository",
    ),
    Row(
        "images[].evidenceFrom",
        rule(f"evidenceFrom: LIST\n{TEAM}"),
        countersigned,
        "corp.test/approvals",
        many("corp.test/a#", 20),
        "no signature by team (0 found)",
    ),
    Row(
        "images[].base.require",
        rule(f"{TEAM}\nbase: {{ require: LIST }}"),
        based,
        "{ signature: other, name: good }",
        many("{ signature: scanner, name: bad-# }"),
        "no signature by scanner",
        is_all=True,
        shape=BASED,
    ),
    Row(
        "images[].require[].claims",
        asked("signature: team, claims: LIST"),
        lambda site, app: site.signed(app, claims={"build": "4711"}),
        "build: '4711'",
        many("n#: '#'"),
        "signature by team does not claim n0=0",
        is_map=True,
        is_all=True,
    ),
    Row(
        "images[].require[].where",
        asked("attestation: slsa-provenance, by: scanner, where: LIST"),
        attested,
        "source: github.com/acme/ml",
        [f"{fact}: evil" for fact in ("builder", "buildType", "sourceUri", "ref", "commit", "workflow", "invocation")]
        + ["hermetic: true", "reproducible: true", "materialsComplete: true"],
        "the rule asks for evil",
        is_map=True,
        is_all=True,
    ),
    Row(
        "images[].require[].where.<name>",
        asked("attestation: slsa-provenance, by: scanner, where: { source: LIST }"),
        attested,
        "github.com/acme/ml",
        many("github.com/acme/ml#", 63),
        "source is 'github.com/acme/ml'; the rule asks for",
    ),
    Row(
        "images[].require[].levels",
        asked("attestation: slsa-provenance, by: scanner, where: { level: '>=3' }, levels: LIST"),
        attested,
        "'https://github.com/actions/runner/github-hosted': 3",
        many("'https://github.com/actions/runner/self-hosted-#': 4"),
        "level is 0; the rule asks for >=3",
        is_map=True,
    ),
    Row(
        "images[].require[].digest",
        asked("digest: LIST"),
        lambda *_: None,
        f"'{image().digest}'",
        [f"'sha256:{ZEROS}{number:04x}'" for number in range(100)],
        "is not a reviewed digest",
    ),
    Row(
        "images[].require[].of",
        asked("atLeast: 1, of: LIST"),
        signed,
        "{ signature: team }",
        many("{ signature: other, claims: { n: '#' } }"),
        "0 of the 1 distinct signers needed",
    ),
    Row(
        "images[].require[].image.where",
        asked("image: { where: LIST }"),
        lambda *_: None,
        "isRoot: false",
        ["user: evil", "entrypoint: evil", "environment: evil", "layers: 99", "platforms: evil", "workingDir: evil"],
        "the rule asks for evil",
        is_map=True,
        is_all=True,
    ),
    Row(
        "images[].require[].image.where.<name>",
        asked("image: { where: { user: LIST } }"),
        lambda *_: None,
        "'1000'",
        many("'evil-#'", 63),
        "user is '1000'; the rule asks for evil-0",
    ),
    Row(
        "signers",
        lambda items: {"rule": "require: [{ signature: mine }]", "whole_signers": items},
        by_ci,
        "mine: { github: acme/ml, workflow: release.yml, trustRoot: logged }",
        many("s#: { key: other.pub, log: none }"),
        "there is no signer 'mine'",
        is_map=True,
        is_load=True,
    ),
    Row(
        "signers.<name>.parameters",
        lambda items: {
            "rule": "require: [{ atLeast: 1, of: [{ signature: guard }, { signature: team }] }]",
            "signers": f"guard: {{ preset: chainguard-custom, parameters: {items} }}",
        },
        signed,
        "imageSyncer: a, customImageBuilder: b",
        many("p#: x"),
        "needs the parameter 'imageSyncer'",
        is_map=True,
        is_all=True,
        is_load=True,
    ),
    Row(
        "signers.<name>.extensions",
        lambda items: {
            "rule": "require: [{ signature: who }]",
            "signers": f"who: {{ github: acme/ml, workflow: release.yml, trustRoot: logged, extensions: {items} }}",
        },
        hosted,
        "runnerEnvironment: github-hosted",
        [
            f"{name}: evil"
            for name in ("sourceRepositoryOwnerUri", "buildTrigger", "githubWorkflowRef", "buildConfigUri")
        ],
        "no signature by who (1 found)",
        is_map=True,
        is_all=True,
    ),
    Row(
        "trustRoots",
        lambda items: {
            "rule": "require: [{ signature: who }]",
            "whole_roots": items,
            "whole_signers": "{ who: { github: acme/ml, workflow: release.yml, trustRoot: corp } }",
        },
        by_ci,
        "corp: { file: logged.json, sha256: LOGGED }",
        many("r#: { file: stamped.json, sha256: STAMPED }"),
        "there is no trust root 'corp'",
        is_map=True,
        is_load=True,
    ),
    Row(
        "images",
        lambda items: {"whole_images": items},
        signed,
        "{ match: reg.test/acme/app, require: [{ signature: team }] }",
        many("{ match: reg.test/foreign-#/**, require: [{ digest: ['sha256:" + "0" * 64 + "'] }] }"),
        "no rule matches reg.test/acme/app",
    ),
    Row(
        "exceptions",
        lambda items: {"rule": "require: [{ signature: other }]", "rest": f"exceptions: {items}"},
        signed,
        EXCEPTION.replace("DIGEST", str(image().digest)),
        [EXCEPTION.replace("DIGEST", f"sha256:{ZEROS}{number:04x}") for number in range(100)],
        "no signature by other",
    ),
    Row("exceptions[].waive", waived, signed, "wanted", many("bad-#"), "no signature by other"),
    Row(
        "revoked",
        lambda items: {"rule": TEAM, "rest": f"revoked: {items}"},
        signed,
        f"{{ digest: '{image().digest}', reason: INC-1 }}",
        [f"{{ digest: 'sha256:{ZEROS}{number:04x}', reason: r }}" for number in range(100)],
        "revoked: INC-1",
        is_ban=True,
    ),
]

# Lists of an X.509 store, which take a certificate that can be revoked: their own tests stand below.
OF_STORES = frozenset({"trustRoots.<name>.hosts", "trustRoots.<name>.crls"})


def test_every_list_of_the_file_has_its_row():
    assert lists() == {row.path for row in ROWS} | OF_STORES


def parts_of(site: Site, row: Row, *items: str) -> dict[str, str]:
    parts = row.written(*items)
    for name in ("logged", "stamped"):
        parts = {word: text.replace(name.upper(), site.sha256(name)) for word, text in parts.items()}
    return {"rule": TEAM, "rest": "", "signers": ""} | parts


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
async def test_t23_a_list_with_nothing_in_it_is_no_policy(tmp_path, row):
    async with Site(tmp_path, TEAM) as site:
        said = site.mistaken(**parts_of(site, row))
        assert "it is empty; give it a value, or remove it" in said
        assert "policy.yaml:" in said
        site.signed(site.publish(image()))
        await site.admitted()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
async def test_t23_foreign_things_alone_admit_nothing_and_a_good_one_among_them_does(tmp_path, row):
    async with Site(tmp_path, TEAM, others=("corp.test",)) as site:
        app = site.publish(image(**row.shape))
        row.prepare(site, app)
        for items, passes in (
            ((row.foreign), row.is_ban),
            ([*row.foreign[:50], row.good, *row.foreign[50:]], not row.is_all and not row.is_ban),
            ([row.good], not row.is_ban),
        ):
            parts = parts_of(site, row, *items)
            if row.is_load and not passes:
                assert row.sentence in site.mistaken(**parts) or "has no parameter" in site.mistaken(**parts)
                continue
            site.change(**parts)
            if passes:
                assert (await site.manifest(APP, "v1")).status == 200, (items[-1], await site.manifest(APP, "v1"))
            else:
                assert row.sentence in await site.refused()


# --- the lists of an X.509 store


@pytest.fixture
def authority() -> pki.Holder:
    return pki.root("C=US,O=Acme,CN=root")


def store(folder: Any, authority: pki.Holder, files: dict[str, bytes], /, **written: str) -> dict[str, str]:
    (folder / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    more = "".join(f", {word}: {text}" for word, text in written.items())
    return {
        "rule": "require: [{ signature: vendor }]",
        "roots": f"vendors: {{ certificates: ca.pem{more} }}",
        "signers": "vendor: { x509: vendors, subject: 'O=Acme,CN=release' }",
    }


def notarised(site: Site, by: pki.Holder, label: str = "app") -> Any:
    app = site.publish(image(label))
    about = {"mediaType": app.media_type, "digest": str(app.digest), "size": app.size}
    raw = Pen(by, artifact=about).write()
    made = evidence(Blob(raw, mediatype.JOSE), subject=app, artifact_type=mediatype.NOTARY_SIGNATURE)
    site.upstream.put_image(APP, made)
    return app


def list_of(holder: pki.Holder, *serials: int) -> bytes:
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(holder.private.public_key())
    days = pki.DAY * 30
    return pki.crl(
        holder, *serials, begins=NOW - days, ends=NOW + days, extra=[(x509.CRLNumber(1), False), (key_id, False)]
    )


async def test_t34_crls_of_others_answer_nothing_and_the_right_one_among_them_does(tmp_path, authority):
    leaf = authority.issue("C=US,ST=WA,O=Acme,CN=release", purposes=[pki.CODE], crl=("http://crl.corp.test/a.crl",))
    other = pki.root("O=Other,CN=root", private=pki.key(which="other ca"))
    crls = {f"o{number}.crl": list_of(other, number + 1) for number in range(100)}
    async with Site(tmp_path, TEAM) as site:
        notarised(site, leaf)
        assert "it is empty" in site.mistaken(**store(tmp_path, authority, crls, crls="[]"))
        foreign = ", ".join(crls)
        site.change(**store(tmp_path, authority, crls, crls=f"[{foreign}]"))
        assert "no signature by vendor (1 found)" in await site.refused()
        good = crls | {"good.crl": list_of(authority, 4711)}
        site.change(**store(tmp_path, authority, good, crls=f"[{foreign}, good.crl]"))
        await site.admitted()
        revoking = crls | {"good.crl": list_of(authority, leaf.certificate.serial_number)}
        site.change(**store(tmp_path, authority, revoking, crls=f"[{foreign}, good.crl]"))
        assert "no signature by vendor (1 found)" in await site.refused()
        assert "revoked" in site.decision(image().digest)["rejections"][0]["reason"]


async def test_t58_hosts_that_are_not_named_are_not_asked_and_the_right_one_among_others_is(tmp_path, authority):
    async with Site(tmp_path, TEAM, others=("corp.test",)) as site:
        corp = site.others["corp.test"]
        digest = corp.put_blob("crls", list_of(authority, 4711))
        url = f"{corp.url}/storage/{digest}"
        leaf = authority.issue("C=US,ST=WA,O=Acme,CN=release", purposes=[pki.CODE], crl=(url,))
        notarised(site, leaf)
        assert "it is empty" in site.mistaken(**store(tmp_path, authority, {}, hosts="[]"))
        foreign = ", ".join(f"h{number}.test" for number in range(100))
        site.change(**store(tmp_path, authority, {}, hosts=f"[{foreign}]"))
        assert "no signature by vendor (1 found)" in await site.refused()
        assert "127.0.0.1" in site.decision(image().digest)["rejections"][0]["reason"], "the host to add is named"
        assert corp.count("storage") == 0
        site.change(**store(tmp_path, authority, {}, hosts=f"[{foreign}, '{corp.host}']"))
        await site.admitted()
        assert corp.count("storage") == 1


# --- lists that are found, not written


async def test_t23_evidence_with_a_good_one_among_sixty_bad_ones_passes_in_every_form(tmp_path):
    rule_ = "require: [{ attestation: sbom, by: scanner, where: { format: spdx } }, { signature: team }]"
    async with Site(tmp_path, rule_) as site:
        app = site.publish(image())
        assert "no sbom by scanner (0 found)" in await site.refused()
        bad = CYCLONEDX
        for number in range(30):
            by = ("scanner", "stranger")[number % 2]
            site.attest(app, SBOM, bad | {"version": number}, by=by)
            site.attest(app, SBOM, bad | {"version": number}, by=by, form="bundle")
            site.signed(app, by="stranger", claims={"n": f"{number}"})
        site.clock.forward(minutes=2)
        assert "format is 'cyclonedx'; the rule asks for spdx" in await site.refused()
        site.attest(app, SBOM, SPDX, by="scanner")
        site.signed(app)
        site.clock.forward(minutes=2)
        await site.admitted()


async def test_t23_an_index_with_no_child_that_runs_passes_nothing_and_one_good_one_among_many_bad_ones_does(tmp_path):
    async with Site(tmp_path, "require: [{ image: { where: { isRoot: false } } }]") as site:
        site.publish(index(image("plan9", platform="unknown/unknown")), tag="none")
        assert "lists nothing that can run" in await site.refused("none")
        bad = [image(f"bad {number}", platform=f"linux/m{number}", User="root") for number in range(20)]
        site.publish(index(*bad), tag="bad")
        assert "isRoot is true" in await site.refused("bad")
        site.publish(index(*bad, image("good")), tag="good")
        await site.admitted("good")


async def test_t23_a_statement_with_a_hundred_other_subjects_and_this_one_speaks_of_this_one(tmp_path):
    async with Site(tmp_path, "require: [{ attestation: sbom, by: scanner }]") as site:
        others = [{"digest": {"sha256": Digest.of(f"{number}".encode()).hex}} for number in range(100)]
        app = site.publish(image())
        for subject in ([], others, [{"digest": {}}], [{"name": str(app.digest)}]):
            site.attest(app, SBOM, SPDX, by="scanner", subject=subject)
        assert "no sbom by scanner (4 found)" in await site.refused()
        site.attest(app, SBOM, SPDX, by="scanner", subject=[*others, {"digest": {"sha256": app.digest.hex}}])
        site.clock.forward(minutes=2)
        await site.admitted()
