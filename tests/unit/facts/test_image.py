"""What the image is, by its own manifest and config; and whom it runs as is the worst reading."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.demo.images import make_image
from proxy.facts import FIELDS, Unreadable, image_facts
from proxy.facts.shapes import moment_of
from proxy.oci.config import MAX_CONFIG
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from tests.fakes.layouts import VECTORS, needs_vectors

NOW = datetime(2026, 11, 30, tzinfo=UTC)
OCI = "application/vnd.oci.image.manifest.v1+json"
TYPES = {"string": str, "int": int, "bool": bool, "list": list, "map": dict}
CONFIG = {
    "created": "2026-11-01T00:00:00Z",
    "architecture": "arm64",
    "os": "linux",
    "config": {
        "User": "1000:1000",
        "Env": ["PATH=/usr/bin", "API_TOKEN=hunter2", "BARE"],
        "Entrypoint": ["/trainer"],
        "Cmd": ["--serve"],
        "WorkingDir": "/srv",
        "Labels": {"team": "ml"},
        "ExposedPorts": {"8080/tcp": {}, "443/tcp": {}},
        "Volumes": {"/models": {}},
    },
    "rootfs": {"type": "layers", "diff_ids": []},
}
OF_CONFIG = (
    "created",
    "age",
    "user",
    "isRoot",
    "labels",
    "entrypoint",
    "cmd",
    "environment",
    "exposedPorts",
    "volumes",
    "workingDir",
    "config",
)


def descriptor(raw: bytes, media_type: str) -> dict:
    return {"mediaType": media_type, "digest": str(Digest.of(raw)), "size": len(raw)}


def image(annotations=None):
    document = {
        "schemaVersion": 2,
        "mediaType": OCI,
        "config": descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(text, "application/vnd.oci.image.layer.v1.tar+gzip") for text in (b"one", b"three")],
        "annotations": annotations or {},
    }
    raw = json.dumps(document).encode()
    return parse_manifest(raw, digest=Digest.of(raw), content_type=OCI)


def index(*platforms):
    children = [
        descriptor(str(number).encode(), OCI) | {"platform": {"os": os, "architecture": architecture}}
        for number, (os, architecture) in enumerate(platforms)
    ]
    kind = "application/vnd.oci.image.index.v1+json"
    raw = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": children}).encode()
    return parse_manifest(raw, digest=Digest.of(raw), content_type=kind)


def facts_of(config, manifest=None, now=NOW):
    raw = config if config is None or isinstance(config, bytes) else json.dumps(config).encode()
    return image_facts(manifest or image(), raw, now=now)


def running(**changes):
    return facts_of({**CONFIG, "config": {**CONFIG["config"], **changes}})


def require_documented(facts):
    assert facts.keys() == {field.name for field in FIELDS["image"]}
    for field in FIELDS["image"]:
        value = facts[field.name]
        if value is not None and field.type == "time":
            assert moment_of(value, what=field.name) is not None
        elif value is not None:
            assert type(value) is TYPES[field.type], field.name


def test_an_image_is_read():
    facts = facts_of(CONFIG, image({"a": "b"}))
    require_documented(facts)
    assert facts == {
        "mediaType": OCI,
        "isIndex": False,
        "size": 2 + 3 + 5,
        "layers": 2,
        "platforms": ["linux/arm64"],
        "annotations": {"a": "b"},
        "created": "2026-11-01T00:00:00Z",
        "age": 29 * 24 * 3600,
        "user": "1000:1000",
        "isRoot": False,
        "labels": {"team": "ml"},
        "entrypoint": ["/trainer"],
        "cmd": ["--serve"],
        "environment": ["PATH", "API_TOKEN", "BARE"],
        "exposedPorts": ["443/tcp", "8080/tcp"],
        "volumes": ["/models"],
        "workingDir": "/srv",
        "config": {name: facts[name] for name in OF_CONFIG[2:-1]},
    }


def test_values_of_environment_variables_are_told_nowhere():
    assert "hunter2" not in json.dumps(facts_of(CONFIG))


@pytest.mark.parametrize(
    ("user", "is_root"),
    [
        ("", True),
        (None, True),
        ("root", True),
        ("root:wheel", True),
        ("0", True),
        ("0:0", True),
        ("00", True),
        ("+0", True),
        ("-0", True),
        (" 0", True),
        (":1000", True),
        ("1000", False),
        ("1000:0", False),
        ("nonroot", False),
        ("rooty", False),
        ("10", False),
    ],
)
def test_whom_it_runs_as_is_the_worst_reading(user, is_root):
    assert running(User=user)["isRoot"] is is_root


@pytest.mark.parametrize("config", [{}, {"config": None}, {"config": {}}, {"architecture": "amd64", "os": "linux"}])
def test_t23_a_config_that_names_no_user_runs_as_root(config):
    facts = facts_of(config)
    require_documented(facts)
    assert (facts["user"], facts["isRoot"]) == ("", True)
    assert facts["created"] is facts["age"] is None


def test_t23_without_a_config_nothing_is_told_of_it():
    for raw in (None, b"", b"\x1f\x8b", b"[]", b'"text"'):
        facts = facts_of(raw)
        require_documented(facts)
        assert [facts[name] for name in OF_CONFIG] == [None] * len(OF_CONFIG)


def test_an_index_tells_its_platforms_and_nothing_of_a_config():
    facts = facts_of(None, index(("linux", "amd64"), ("linux", "arm64"), ("unknown", "unknown")))
    require_documented(facts)
    assert facts["isIndex"] is True
    assert facts["platforms"] == ["linux/amd64", "linux/arm64"]
    assert facts["size"] is facts["layers"] is facts["isRoot"] is facts["config"] is None


@pytest.mark.parametrize("created", ["2026-11-30T00:00:01Z", "2999-01-01T00:00:00Z"])
def test_t23_an_image_from_the_future_has_no_age(created):
    assert facts_of({**CONFIG, "created": created})["age"] is None


def test_age_is_by_the_now_that_is_handed_in():
    assert facts_of(CONFIG, now=datetime(2026, 11, 1, tzinfo=UTC))["age"] == 0
    assert facts_of(CONFIG, now=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=400))["age"] == 400 * 24 * 3600
    assert facts_of({**CONFIG, "created": "1970-01-01T00:00:00Z"})["age"] > 50 * 365 * 24 * 3600


@pytest.mark.parametrize(
    "changes",
    [
        {"User": 0},
        {"User": ["1000"]},
        {"Env": "A=B"},
        {"Env": [1]},
        {"Env": {"A": "B"}},
        {"Entrypoint": "/trainer"},
        {"Cmd": {}},
        {"Labels": []},
        {"Labels": {"a": 1}},
        {"ExposedPorts": ["80/tcp"]},
        {"WorkingDir": 5},
        {"user": "1000"},
        {"USER": "root"},
    ],
)
def test_t22_a_config_of_another_shape_or_spelling_is_unreadable(changes):
    with pytest.raises(Unreadable):
        running(**changes)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b'{"config": {"User": "1000", "User": "root"}}',
        b'{"Config": {"User": "1000"}}',
        b'{"config": []}',
        b'{"created": 5}',
        b'{"created": "yesterday"}',
        b'{"os": 5}',
        b'\xef\xbb\xbf{"os": "linux"}',
        b"{}" + b" " * MAX_CONFIG,
    ],
)
def test_t06_a_config_that_clients_could_read_otherwise_is_unreadable(raw):
    with pytest.raises(Unreadable) as caught:
        facts_of(raw)
    assert str(caught.value).startswith("the ")


@given(
    st.dictionaries(
        st.sampled_from(["created", "os", "architecture", "config", "x"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["User", "Env", "Labels", "Cmd"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
@example({"config": {"User": "\u0660"}})
def test_t55_any_config_is_facts_or_unreadable(config):
    try:
        facts = facts_of(config)
    except Unreadable:
        return
    require_documented(facts)


@given(st.binary(max_size=60))
def test_t55_any_bytes_are_facts_or_unreadable(raw):
    try:
        facts = facts_of(raw)
    except Unreadable:
        return
    require_documented(facts)


def test_a_made_image_is_read():
    made = make_image("x", architecture="arm64")
    manifest = parse_manifest(made.manifest, digest=Digest.of(made.manifest), content_type="")
    require_documented(image_facts(manifest, made.blobs[manifest.config.digest], now=NOW))


@needs_vectors
def test_a_real_image_is_read():
    place = VECTORS / "oci-slsa-att" / "v2.1.0" / "blobs" / "sha256"
    read = 0
    for blob in place.iterdir():
        raw = blob.read_bytes()
        if raw[:1] != b"{" or b'"layers"' not in raw or b"image.config" not in raw:
            continue
        manifest = parse_manifest(raw, digest=Digest.of(raw), content_type=OCI)
        facts = image_facts(manifest, (place / manifest.config.digest.hex).read_bytes(), now=NOW)
        require_documented(facts)
        read += facts["platforms"] == ["linux/amd64"] and facts["isRoot"] is not None
    assert read == 1
