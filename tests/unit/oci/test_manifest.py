"""T05 to T08, clients.md 1.4 and T60, with every manifest of the real tools that is at hand."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.images import as_referrer, make_image, make_index, new_key, sign
from proxy.errors import ManifestInvalid
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_ENTRIES, MAX_MANIFEST, Index, Manifest, is_evidence_manifest, parse_manifest

CONFIG = {"mediaType": mediatype.OCI_CONFIG, "digest": str(Digest.of(b"config")), "size": 6}
LAYER = {"mediaType": mediatype.OCI_LAYER, "digest": str(Digest.of(b"layer")), "size": 5}
CHILD = {"mediaType": mediatype.OCI_MANIFEST, "digest": str(Digest.of(b"child")), "size": 5}
MANIFEST = {"schemaVersion": 2, "mediaType": mediatype.OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
INDEX = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [CHILD]}
BAD_DIGESTS = [
    "sha256:../../x",
    "sha256:" + "A" * 64,
    "sha256:" + "a" * 63,
    "md5:" + "a" * 32,
    "sha256+b64u:x",
    "",
    None,
]


def parse(document, content_type=None):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    if content_type is None:
        content_type = document["mediaType"]
    return parse_manifest(raw, digest=Digest.of(raw), content_type=content_type)


def without(document, *keys):
    return {key: value for key, value in document.items() if key not in keys}


def test_a_manifest_keeps_its_bytes_and_names_its_blobs():
    raw = json.dumps(
        {**MANIFEST, "subject": CHILD, "artifactType": "a/b", "annotations": {"k": "v"}}, indent=3
    ).encode()
    found = parse_manifest(raw, digest=Digest.of(raw), content_type=mediatype.OCI_MANIFEST)
    assert isinstance(found, Manifest)
    assert found.raw == raw
    assert found.digest == Digest.of(raw)
    assert [str(blob.digest) for blob in found.blobs] == [CONFIG["digest"], LAYER["digest"]]
    assert str(found.subject.digest) == CHILD["digest"]
    assert (found.artifact_type, found.annotations) == ("a/b", {"k": "v"})
    assert (found.children, found.is_index) == ((), False)


def test_an_index_names_its_children_and_no_blobs():
    found = parse(INDEX)
    assert isinstance(found, Index)
    assert [str(child.digest) for child in found.children] == [CHILD["digest"]]
    assert (found.blobs, found.is_index) == ((), True)


def test_any_artifact_passes_with_types_that_we_do_not_know():
    chart = {
        **MANIFEST,
        "config": {**CONFIG, "mediaType": "application/vnd.cncf.helm.config.v1+json"},
        "artifactType": "x/y",
    }
    assert parse(chart).config.media_type == "application/vnd.cncf.helm.config.v1+json"


# T05: one byte string, one meaning.


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({**MANIFEST, "manifests": [CHILD]}, mediatype.OCI_MANIFEST),
        ({**MANIFEST, "manifests": []}, mediatype.OCI_MANIFEST),
        ({**MANIFEST, "manifests": None}, mediatype.OCI_MANIFEST),
        ({**INDEX, "layers": [LAYER]}, mediatype.OCI_INDEX),
        ({**INDEX, "config": CONFIG}, mediatype.OCI_INDEX),
        ({**without(MANIFEST, "mediaType"), "manifests": [CHILD]}, mediatype.OCI_MANIFEST),
        ({**without(INDEX, "mediaType"), "layers": []}, mediatype.OCI_INDEX),
        ({**MANIFEST, "Manifests": [CHILD]}, mediatype.OCI_MANIFEST),
        ({**INDEX, "LAYERS": [LAYER]}, mediatype.OCI_INDEX),
    ],
)
def test_t05_a_document_of_both_shapes_is_refused(document, content_type):
    with pytest.raises(ManifestInvalid):
        parse(document, content_type)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (MANIFEST, mediatype.OCI_INDEX),
        (MANIFEST, mediatype.DOCKER_MANIFEST),
        (INDEX, mediatype.OCI_MANIFEST),
        (INDEX, mediatype.DOCKER_LIST),
        ({**MANIFEST, "mediaType": mediatype.OCI_INDEX}, mediatype.OCI_MANIFEST),
        ({**MANIFEST, "mediaType": mediatype.OCI_INDEX}, mediatype.OCI_INDEX),
        ({**MANIFEST, "mediaType": mediatype.OCI_MANIFEST + ";v=1"}, mediatype.OCI_MANIFEST),
        ({**MANIFEST, "mediaType": mediatype.OCI_MANIFEST.upper()}, mediatype.OCI_MANIFEST),
        ({**MANIFEST, "mediaType": 5}, mediatype.OCI_MANIFEST),
        ({**MANIFEST, "mediaType": ""}, mediatype.OCI_MANIFEST),
        (MANIFEST, "image/png"),
        (MANIFEST, "application/vnd.oci.artifact.manifest.v1+json"),
    ],
)
def test_t05_a_media_type_that_is_not_the_content_type_is_refused(document, content_type):
    with pytest.raises(ManifestInvalid):
        parse(document, content_type)


@pytest.mark.parametrize("content_type", [mediatype.OCI_MANIFEST, mediatype.DOCKER_MANIFEST])
def test_t05_a_document_without_media_type_is_what_its_content_type_and_shape_say(content_type):
    assert parse(without(MANIFEST, "mediaType"), content_type).media_type == content_type
    with pytest.raises(ManifestInvalid, match="not shaped"):
        parse(without(INDEX, "mediaType", "manifests"), content_type)


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/plain; charset=utf-8", "application/octet-stream"]
)
def test_t05_a_generic_content_type_leaves_it_to_the_document(content_type):
    assert parse(INDEX, content_type).media_type == mediatype.OCI_INDEX
    with pytest.raises(ManifestInvalid, match="neither"):
        parse(without(INDEX, "mediaType"), content_type)


def test_t05_the_type_that_is_kept_has_no_parameters():
    assert parse(MANIFEST, f"{mediatype.OCI_MANIFEST}; charset=utf-8").media_type == mediatype.OCI_MANIFEST


@pytest.mark.parametrize("key", ["config", "layers"])
def test_a_manifest_without_its_parts_is_refused(key):
    with pytest.raises(ManifestInvalid, match="not shaped"):
        parse(without(MANIFEST, key))
    with pytest.raises(ManifestInvalid):
        parse({**MANIFEST, key: "x"})


@pytest.mark.parametrize("version", [None, 0, 3, "2", 2.0, True, [2]])
def test_another_schema_version_is_refused(version):
    with pytest.raises(ManifestInvalid):
        parse({**MANIFEST, "schemaVersion": version})
    with pytest.raises(ManifestInvalid):
        parse(without(MANIFEST, "schemaVersion"))


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({"schemaVersion": 1, "fsLayers": [], "history": []}, mediatype.DOCKER_SCHEMA1_SIGNED),
        ({"schemaVersion": 1, "fsLayers": []}, "application/json"),
        ({**MANIFEST, "fsLayers": []}, mediatype.OCI_MANIFEST),
        (without(MANIFEST, "mediaType"), mediatype.DOCKER_SCHEMA1),
        ({**MANIFEST, "mediaType": mediatype.DOCKER_SCHEMA1}, ""),
    ],
)
def test_schema_1_is_refused_by_name(document, content_type):
    with pytest.raises(ManifestInvalid, match="schema 1"):
        parse(document, content_type)


def test_lists_that_go_never_made_are_empty():
    assert parse({**MANIFEST, "layers": None}).layers == ()
    assert parse({**INDEX, "manifests": None}).manifests == ()


# T06, T07, T08.


@pytest.mark.parametrize("key", ["mediaType", "config", "layers", "schemaVersion"])
def test_t06_duplicate_keys_are_refused(key):
    again = json.dumps({key: MANIFEST[key]}).encode()[1:-1]
    raw = json.dumps(MANIFEST).encode()[:-1] + b", " + again + b"}"
    with pytest.raises(ManifestInvalid, match="twice"):
        parse(raw, mediatype.OCI_MANIFEST)


def test_t06_a_duplicate_digest_within_a_layer_is_refused():
    raw = json.dumps(MANIFEST).replace('"size": 5', '"size": 5, "digest": "sha256:' + "0" * 64 + '"').encode()
    with pytest.raises(ManifestInvalid, match="twice"):
        parse(raw, mediatype.OCI_MANIFEST)


@pytest.mark.parametrize("tail", [b" x", b"{}", b"\0"])
def test_t06_trailing_data_is_refused(tail):
    with pytest.raises(ManifestInvalid):
        parse(json.dumps(MANIFEST).encode() + tail, mediatype.OCI_MANIFEST)


@pytest.mark.parametrize("digest", BAD_DIGESTS)
@pytest.mark.parametrize("place", ["config", "layers", "subject", "manifests"])
def test_t07_a_bad_digest_is_refused_wherever_it_stands(place, digest):
    entry = {**LAYER, "digest": digest}
    document = {
        **(INDEX if place == "manifests" else MANIFEST),
        place: [entry] if place in ("layers", "manifests") else entry,
    }
    with pytest.raises(ManifestInvalid, match="digest"):
        parse(document)


def test_t08_a_manifest_over_4_mib_is_refused_by_counted_bytes():
    full = json.dumps(MANIFEST).encode()
    assert parse(full + b" " * (MAX_MANIFEST - len(full)), mediatype.OCI_MANIFEST)
    with pytest.raises(ManifestInvalid, match="larger"):
        parse(full + b" " * (MAX_MANIFEST - len(full) + 1), mediatype.OCI_MANIFEST)


def test_t08_a_flood_of_entries_is_refused():
    with pytest.raises(ManifestInvalid, match="10000"):
        parse({**MANIFEST, "layers": [LAYER] * (MAX_ENTRIES + 1)})


@pytest.mark.parametrize("size", [-1, True, 1.5, "5", None, 2**63])
def test_t08_a_size_that_is_no_size_is_refused(size):
    with pytest.raises(ManifestInvalid, match="size"):
        parse({**INDEX, "manifests": [{**CHILD, "size": size}]})


def test_one_digest_of_two_sizes_is_refused():
    with pytest.raises(ManifestInvalid, match="two sizes"):
        parse({**MANIFEST, "layers": [LAYER, {**LAYER, "size": 6}]})
    assert len(parse({**MANIFEST, "layers": [LAYER, LAYER]}).layers) == 2


# clients.md 1.4: what would go past the proxy.


@pytest.mark.parametrize("place", ["config", "layers", "subject", "manifests"])
def test_clients_1_4_urls_are_refused_wherever_they_stand(place):
    entry = {**LAYER, "urls": ["https://evil.example/x"]}
    document = {
        **(INDEX if place == "manifests" else MANIFEST),
        place: [entry] if place in ("layers", "manifests") else entry,
    }
    with pytest.raises(ManifestInvalid, match="bypass"):
        parse(document)


def test_clients_1_4_a_foreign_layer_is_refused():
    foreign = {**LAYER, "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}
    with pytest.raises(ManifestInvalid, match="non-distributable"):
        parse({**MANIFEST, "layers": [foreign]})


# T60: evidence that can be nothing else.


def signature(**changes):
    key, _ = new_key("t60")
    image = sign(Digest.of(b"image"), private=key, reference_name="nvcr.io/x")
    return parse({**json.loads(image.manifest), **changes})


def test_t60_a_signature_is_an_evidence_manifest():
    assert is_evidence_manifest(signature())


def test_t60_an_image_under_an_evidence_name_is_not():
    image = make_image("evil")
    assert not is_evidence_manifest(parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type))


def test_t60_one_layer_that_could_run_is_enough_to_refuse():
    layers = [*json.loads(signature().raw)["layers"], LAYER]
    assert not is_evidence_manifest(signature(layers=layers))


def test_t60_no_layer_at_all_is_no_evidence():
    assert not is_evidence_manifest(signature(layers=[]))


def test_t60_an_unknown_config_is_refused():
    assert not is_evidence_manifest(
        signature(config={**CONFIG, "mediaType": "application/vnd.amazon.soci.index.v1+json"})
    )


def test_t60_an_index_is_never_evidence():
    assert not is_evidence_manifest(parse(INDEX))


def test_t60_evidence_is_at_most_16_mib():
    big = {"mediaType": mediatype.SIMPLE_SIGNING, "digest": str(Digest.of(b"big")), "size": 16 * 1024 * 1024}
    assert not is_evidence_manifest(signature(layers=[big]))
    assert is_evidence_manifest(signature(layers=[{**big, "size": 1000}]))


def test_t60_a_signature_in_oci_1_1_form_is_evidence_and_names_its_subject():
    key, _ = new_key("t60")
    image = make_index([make_image("x")])
    found = as_referrer(sign(image.digest, private=key, reference_name="nvcr.io/x"), subject=image)
    manifest = parse_manifest(found.manifest, digest=found.digest, content_type=found.media_type)
    assert is_evidence_manifest(manifest)
    assert manifest.subject.digest == image.digest
    assert manifest.artifact_type == mediatype.COSIGN_SIGNATURE_ARTIFACT


# Fuzz: a document that passes is one that a careful client reads as we do.

FIELDS = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations", "artifactType"]
)
PARTS = st.sampled_from(
    [None, 2, 1, "", [], {}, CONFIG, [LAYER], [CHILD], mediatype.OCI_MANIFEST, mediatype.OCI_INDEX, {"a": "b"}]
)
TYPES = st.sampled_from(
    [mediatype.OCI_MANIFEST, mediatype.OCI_INDEX, mediatype.DOCKER_LIST, "", "text/plain", "x"]
) | st.text(max_size=20)


@given(st.dictionaries(FIELDS, PARTS), st.sampled_from([{}, MANIFEST, INDEX]), TYPES)
def test_t55_no_document_leads_to_another_error(changes, document, content_type):
    try:
        found = parse({**document, **changes}, content_type)
    except ManifestInvalid:
        return
    document = json.loads(found.raw)
    assert found.is_index is ("manifests" in document)
    assert found.is_index is not ("config" in document or "layers" in document)


@given(st.binary(max_size=100), TYPES)
def test_t55_no_bytes_lead_to_another_error(raw, content_type):
    with pytest.raises(ManifestInvalid):
        parse(raw, content_type)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_t55_a_changed_byte_is_a_refusal_or_another_proper_manifest(place, byte):
    raw = bytearray(json.dumps(MANIFEST).encode())
    raw[place % len(raw)] = byte
    try:
        found = parse(bytes(raw), mediatype.OCI_MANIFEST)
    except ManifestInvalid:
        return
    assert found.media_type == mediatype.OCI_MANIFEST
    assert len(found.layers) == 1


# Real material.


def vectors():
    told = os.environ.get("PRATIQUE_VECTORS")
    return Path(told) if told else Path(__file__).resolve().parents[3].parent / "shared" / "vectors"


def real_manifests():
    """Every file that says it is a manifest, with the Content-Type that its registry gave: its own, or the layout's."""
    for path in sorted(vectors().rglob("*")):
        raw = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_MANIFEST else b""
        if raw.lstrip().startswith(b"{") and b'"schemaVersion"' in raw[:100]:
            yield path, raw


def test_every_real_manifest_parses():
    if not vectors().is_dir():
        pytest.skip("no vectors: set PRATIQUE_VECTORS to a folder of real images and signatures")
    found = [
        # A layout's index.json may leave its type out, as a registry's answer would name it in the header.
        parse_manifest(
            raw, digest=Digest.of(raw), content_type=mediatype.OCI_INDEX if path.name == "index.json" else ""
        )
        for path, raw in real_manifests()
    ]
    assert len(found) > 200
    assert any(each.is_index for each in found)


def test_t60_every_real_signature_is_an_evidence_manifest_and_no_real_image_is():
    if not vectors().is_dir():
        pytest.skip("no vectors: set PRATIQUE_VECTORS to a folder of real images and signatures")
    runnable, evidence = 0, 0
    for path, raw in real_manifests():
        if path.name == "index.json":
            continue
        manifest = parse_manifest(raw, digest=Digest.of(raw), content_type="")
        if isinstance(manifest, Index):
            assert not is_evidence_manifest(manifest)
            continue
        is_image = any(".tar" in layer.media_type for layer in manifest.layers)
        assert is_evidence_manifest(manifest) is not is_image, path.name
        runnable, evidence = runnable + is_image, evidence + (not is_image)
    assert runnable > 50
    assert evidence > 50
