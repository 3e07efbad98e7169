"""What `image:` and `base:` can ask, through the real proxy: facts of the image itself, and what it is proved to stand on."""

import json
from datetime import timedelta
from typing import Any

import pytest

from proxy.demo.images import Image, make_index
from proxy.oci.digest import Digest
from tests.fakes.predicates import SLSA_V02, SLSA_V1
from tests.fakes.registry import FakeRegistry
from tests.fakes.site import APP, NOW, Site, check, image, index, spoiled, statement

V02, V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"


def asking(entry: str) -> str:
    return f"require: [{{ image: {{ {entry} }} }}]"


# (what is asked, what a right image is, twins: what each is and why it is refused)
FACTS: list[tuple[str, dict[str, Any], list[tuple[dict[str, Any], str]]]] = [
    (
        "maxAge: 30d",
        {},
        [
            ({"created": "2026-10-01T00:00:00Z"}, "days old; the rule asks for 30 at most"),
            ({"created": "1970-01-01T00:00:00Z"}, "days old; the rule asks for 30 at most"),
            ({"created": "2027-01-01T00:00:00Z"}, "age"),
            ({"created": "0001-01-01T00:00:00Z"}, "age"),
            ({"created": None}, "age"),
            ({"created": "yesterday"}, "no RFC 3339 time"),
        ],
    ),
    (
        'condition: \'config.user != "" && config.user != "root"\'',
        {},
        [({"User": ""}, "is not met"), ({"User": None}, "is not met"), ({"User": "root"}, "is not met")],
    ),
    (
        "where: { isRoot: false }",
        {"User": "1000:1000"},
        [({"User": each}, "isRoot is true; the rule asks for false") for each in ("0", "+0", "root:wheel", "00:5", " ")]
        + [({"User": 0}, "is not a text")],
    ),
    (
        "condition: '!environment.exists(e, e.matches(\"(?i).*(SECRET|TOKEN|PASSWORD).*\"))'",
        {"Env": ["PATH=/usr/bin", "LANG=my-secret"]},
        [
            ({"Env": ["PATH=/", "AWS_SECRET_KEY=x"]}, "is not met"),
            ({"Env": ["github_token="]}, "is not met"),
            ({"Env": ["PASSWORD"]}, "is not met"),
            ({"Env": "PASSWORD=x"}, "is not a list"),
        ],
    ),
    (
        "where: { platforms: linux/amd64 }, condition: 'size < 10000 && layers == 2'",
        {},
        [
            ({"platform": "linux/arm64"}, "platforms is linux/arm64; the rule asks for linux/amd64"),
            ({"layers": ("base", "app", "more")}, "is not met"),
        ],
    ),
    (
        'condition: \'labels["org.acme.team"] == "ml" && entrypoint == ["/app"] && !("22/tcp" in exposedPorts)\'',
        {"Labels": {"org.acme.team": "ml"}, "Entrypoint": ["/app"]},
        [
            ({"Labels": {"org.acme.team": "web"}, "Entrypoint": ["/app"]}, "is not met"),
            ({"Labels": {}, "Entrypoint": ["/app"]}, "Key not found"),
            ({"Labels": {"org.acme.team": "ml"}, "Entrypoint": ["/bin/sh", "-c"]}, "is not met"),
            ({"Labels": {"org.acme.team": "ml"}, "Entrypoint": ["/app"], "ExposedPorts": {"22/tcp": {}}}, "is not met"),
        ],
    ),
    (
        'condition: \'annotations["org.acme.reviewed"] == "yes"\'',
        {"annotations": {"org.acme.reviewed": "yes"}},
        [({"annotations": {"org.acme.reviewed": "no"}}, "is not met"), ({}, "Key not found")],
    ),
]


@pytest.mark.parametrize(("asked", "right", "twins"), FACTS, ids=[each[0][:30] for each in FACTS])
async def test_each_fact_of_the_image_is_one_line_and_its_twins_are_refused_with_a_sentence(
    tmp_path, asked, right, twins
):
    async with Site(tmp_path, asking(asked)) as site:
        site.publish(image("right", **right), tag="right")
        decision = await site.admitted("right")
        assert check(decision, "image")["passed"]
        for number, (changes, sentence) in enumerate(twins):
            site.publish(image(f"twin {number}", **changes), tag=f"twin-{number}")
            assert sentence in await site.refused(f"twin-{number}"), changes


async def test_a_young_image_grows_old_and_its_admission_ends_with_that(tmp_path):
    async with Site(tmp_path, asking("maxAge: 30d")) as site:
        site.publish(image())
        decision = await site.admitted()
        assert decision["expiresAt"] == "2026-12-01T00:00:00+00:00"
        site.clock.forward(days=22)
        assert "days old; the rule asks for 30 at most" in await site.refused()


async def test_of_an_index_the_platforms_own_facts_are_asked_and_one_that_fails_is_not_served(tmp_path):
    async with Site(tmp_path, asking("where: { isRoot: false }")) as site:
        good, bad = image("good"), image("bad", platform="linux/arm64", User="root")
        site.publish(index(good, bad))
        await site.admitted()
        await site.admitted(good.digest)
        assert "isRoot is true" in await site.refused(bad.digest)
        site.publish(index(image("bad too", User="0"), bad), tag="v2")
        message = await site.refused("v2")
        assert "no platform passes; linux/a" in message
        assert "isRoot is true" in message


async def test_t22_a_config_that_two_readers_could_read_apart_proves_no_fact(tmp_path):
    async with Site(tmp_path, asking("where: { isRoot: false }")) as site:
        made = image("twice")
        (digest,) = [each for each, raw in made.blobs.items() if raw.startswith(b"{")]
        raw = made.blobs[digest].replace(b'"User": "1000"', b'"User": "1000", "user": "root"')
        other = json.loads(made.manifest)
        other["config"] |= {"digest": str(Digest.of(raw)), "size": len(raw)}
        manifest = json.dumps(other).encode()
        site.upstream.put_blob(APP, raw)
        for each, blob in made.blobs.items():
            if each != digest:
                site.upstream.put_blob(APP, blob)
        site.upstream.put_manifest(APP, manifest, made.media_type, "v1")
        assert "user" in (await site.refused()).lower()


# --- base


BASED = "require: [{ signature: ci }]\nbase: { require: [{ signature: other }] }"
OWN = "require: [{ signature: ci }]\nbase: { rule: own }"
BASE_RULE = "- match: base.test/**\n  require: [{ signature: other }]"
BASE = "lib/debian"


def base_site(folder: Any, rule: str = BASED, **more: Any) -> Site:
    return Site(folder, rule, others=("base.test",), **({"images": BASE_RULE} | more))


def at(site: Site) -> FakeRegistry:
    return site.others["base.test"]


def publish_base(site: Site, *layers: str, by: str | None = "other", **more: Any) -> Image:
    made = site.publish(image("debian", layers=layers or ("base",), **more), name=BASE, tag="12", at=at(site))
    if by:
        site.signed(made, by=by, names=f"base.test/{BASE}", name=BASE, to=at(site))
    return made


def named(base: Image) -> dict[str, str]:
    """The annotations by which builders name a base."""
    return {
        "org.opencontainers.image.base.name": f"base.test/{BASE}:12",
        "org.opencontainers.image.base.digest": str(base.digest),
    }


def built_on(base: Image | Digest, *, name: str = f"pkg:docker/base.test/{BASE}@12") -> Any:
    """Provenance with this material, as BuildKit writes it."""
    digest = base if isinstance(base, Digest) else base.digest
    material = {"uri": f"{name}?platform=linux%2Famd64", "digest": {"sha256": digest.hex}}
    return spoiled(SLSA_V02, "materials", to=[material])


async def test_a_base_that_is_named_proved_and_admitted_is_shown_in_the_decision(tmp_path):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        app = site.publish(image(annotations=named(base)))
        site.signed(app, by="ci")
        decision = await site.admitted()
        reference = f"base.test/{BASE}@{base.digest}"
        assert decision["bases"] == [reference]
        passed = check(decision, "base")
        assert (passed["word"], passed["summary"]) == ("base", f"base {reference}")
        assert [each["passed"] for each in passed["checks"]] == [True]


@pytest.mark.parametrize("way", ["v02", "v1", "pkg-oci", "docker", "att", "bundle"])
async def test_a_base_is_found_by_the_materials_of_proved_provenance(tmp_path, way):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        app = site.publish(image())
        site.signed(app, by="ci")
        kind, said = V02, built_on(base)
        if way == "v1":
            kind, said = V1, spoiled(SLSA_V1, "buildDefinition", "resolvedDependencies", to=built_on(base)["materials"])
        if way == "pkg-oci":
            said["materials"][0]["uri"] = f"pkg:oci/debian@sha256%3A{base.digest.hex}?repository_url=base.test/{BASE}"
            del said["materials"][0]["digest"]
        if way == "docker":
            said["materials"][0]["uri"] = f"docker://base.test/{BASE}:12"
        site.attest(app, kind, said, by="ci", form="bundle" if way == "bundle" else "att")
        decision = await site.admitted()
        assert decision["bases"] == [f"base.test/{BASE}@{base.digest}"]


async def test_a_base_is_found_by_what_buildkit_attached_in_an_index_that_is_signed(tmp_path):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        app = image()
        whole = site.publish(index(app, attached=((app, statement(app.digest, V02, built_on(base))),)))
        site.signed(whole, by="ci")
        await site.admitted()
        decision = await site.admitted(app.digest)
        assert decision["bases"] == [f"base.test/{BASE}@{base.digest}"]


async def test_whoever_only_names_a_good_base_stands_on_none(tmp_path):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        unsigned = publish_base(site, "unsigned", by=None)
        foreign = publish_base(site, "foreign", by="stranger")
        twins = {
            "other-layers": (
                image("a", layers=("evil", "app"), annotations=named(base)),
                "its layers are not the first",
            ),
            "the-order": (image("b", layers=("app", "base"), annotations=named(base)), "its layers are not the first"),
            "itself": (image("c", layers=("base",), annotations=named(base)), "its layers are not the first"),
            "nothing-named": (image("d"), "neither proved provenance nor annotations name a base image"),
            "a-tag-alone": (
                image("e", annotations={"org.opencontainers.image.base.name": f"base.test/{BASE}:12"}),
                "neither proved provenance nor annotations name a base image by its digest",
            ),
            "not-signed": (
                image("f", layers=("unsigned", "app"), annotations=named(unsigned)),
                "no signature by other",
            ),
            "by-a-stranger": (
                image("g", layers=("foreign", "app"), annotations=named(foreign)),
                "no signature by other",
            ),
        }
        for tag, (made, sentence) in twins.items():
            site.publish(made, tag=tag)
            site.signed(made, by="ci")
            assert sentence in await site.refused(tag), tag


async def test_provenance_that_nobody_proved_names_no_base(tmp_path):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        app = site.publish(image())
        site.signed(app, by="ci")
        site.attest(app, V02, built_on(base), by="stranger")
        site.attest(app, V02, built_on(base), by="ci", about=Digest.of(b"another image"))
        assert "neither proved provenance nor annotations name a base" in await site.refused()


async def test_of_two_bases_that_are_prefixes_the_longer_one_decides(tmp_path):
    async with base_site(tmp_path) as site:
        short = publish_base(site, "base")
        long = publish_base(site, "base", "middle", by=None)
        app = site.publish(image(layers=("base", "middle", "app"), annotations=named(short)))
        site.signed(app, by="ci")
        site.attest(app, V02, built_on(long), by="ci")
        assert "no signature by other" in await site.refused()


async def test_one_good_base_among_many_that_are_none_is_found_and_ends_with_what_it_rests_on(tmp_path):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        app = site.publish(image())
        site.signed(app, by="ci")
        others = [{"uri": f"pkg:docker/base.test/lib/{n}@1", "digest": {"sha256": f"{n:064x}"}} for n in range(6)]
        said = built_on(base)
        said["materials"] = [*others, *said["materials"]]
        site.attest(app, V02, said, by="ci")
        decision = await site.admitted()
        assert decision["bases"] == [f"base.test/{BASE}@{base.digest}"]
        assert [each["passed"] for each in check(decision, "base")["checks"]].count(True) == 1


async def test_a_base_is_judged_by_its_own_rule_or_by_the_one_named(tmp_path):
    async with base_site(tmp_path, OWN) as site:
        base = publish_base(site)
        app = site.publish(image(annotations=named(base)))
        site.signed(app, by="ci")
        assert (await site.admitted())["bases"] == [f"base.test/{BASE}@{base.digest}"]
        for tag, rule, sentence in (
            ("deny", "- match: base.test/**\n  require: [{ signature: team }]", "no signature by team"),
            ("none", "- match: elsewhere.test/**\n  require: [{ signature: team }]", "no rule matches base.test/"),
        ):
            site.change(OWN, images=rule)
            other = site.publish(image(f"under {tag}", annotations=named(base)), tag=tag)
            site.signed(other, by="ci")
            assert sentence in await site.refused(tag)
        strict = f"{BASE_RULE}\n- match: strict.test/**\n  require: [{{ signature: team }}]"
        site.change(OWN.replace("rule: own", "rule: strict.test/**"), images=strict)
        assert "no signature by team" in await site.refused()


async def test_a_base_out_of_reach_is_not_now_and_never_no(tmp_path):
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        app = site.publish(image(annotations=named(base)))
        site.signed(app, by="ci")
        at(site).knobs.fail(500)
        assert "could not be looked at" in await site.refused(status=503)
        at(site).knobs.fail(None)
        await site.admitted()


@pytest.mark.parametrize("is_index", [False, True])
async def test_promise_6_an_image_on_a_base_is_judged_again_without_any_upstream(tmp_path, is_index):
    """Under another policy after a restart: of the base, too, what it was admitted by is here."""
    async with base_site(tmp_path) as site:
        base = publish_base(site)
        named_base = make_index([base]) if is_index else base
        if is_index:
            at(site).put_image(BASE, named_base, tag="12")
            site.signed(named_base, by="other", names=f"base.test/{BASE}", name=BASE, to=at(site))
        app = site.publish(image(annotations=named(named_base)))
        site.signed(app, by="ci")
        first = await site.admitted()
        for registry in (site.upstream, *site.others.values()):
            await registry.stop()
        await site.restart()
        assert (await site.manifest(APP, "v1")).status == 200
        site.change(BASED + "\ncovers: any")
        again = await site.admitted()
        assert again["key"] != first["key"]
        assert again["bases"] == first["bases"] != []
        for registry in (site.upstream, *site.others.values()):
            await registry.start()


async def test_a_base_that_runs_out_takes_the_image_with_it(tmp_path):
    rule = "require: [{ signature: ci }]\nbase: { require: [{ image: { maxAge: 30d } }] }"
    async with base_site(tmp_path, rule) as site:
        base = publish_base(site)
        app = site.publish(image(annotations=named(base), created=(NOW - timedelta(days=1)).isoformat()))
        site.signed(app, by="ci")
        decision = await site.admitted()
        assert decision["expiresAt"] == "2026-12-01T00:00:00+00:00"
        site.clock.forward(days=22)
        assert "days old; the rule asks for 30 at most" in await site.refused()
