"""A Decision made again from its case file: the same, or a difference, or a sentence. The whole way: integration/test_replay."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config import replay as room
from proxy.config.policy import PolicyFiles, load_files
from proxy.config.replay import replay
from proxy.config.snapshot import snapshot_record
from proxy.demo.images import make_image, new_key, sign, signature_tag
from proxy.errors import ConfigError
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.court.cases import case_record, seal, unseal
from proxy.policy.decision import Decision
from proxy.policy.evaluate import Wanted
from proxy.policy.hearing import Brief, Seen, hear
from proxy.verify.evidence import Found, Target
from tests.unit.policy.test_briefs import PLAIN

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
POLICY = """\
version: 1
signers: { team: { key: team.pub, log: none } }
images: [ { match: reg.test/acme/**, require: [ { signature: team } ] } ]
"""


def found_of(image, private) -> Found:
    made = sign(image.digest, private=private, reference_name="reg.test/acme/app")
    manifest = parse_manifest(made.manifest, digest=made.digest, content_type=made.media_type)
    (layer,) = manifest.layers
    tag = signature_tag(image.digest).name
    return Found(tag, made.digest, layer.digest, layer.media_type, layer.annotations, made.blobs[layer.digest])


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> bytes:
    """The case file of an allow by a key."""
    folder: Path = tmp_path_factory.mktemp("policy")
    private, public = new_key("team")
    (folder / "team.pub").write_bytes(public)
    (folder / "policy.yaml").write_text(POLICY)
    loaded = load_files(PolicyFiles(folder / "policy.yaml", folder / "pins.lock.yaml"), now=NOW)
    image = make_image("app")
    target = Target(Repository("reg.test", "acme/app"), image.digest, image.media_type, image.size)
    brief = Brief(
        rule="reg.test/acme/**",
        manifest=parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type),
        own=Seen(target, (found_of(image, private),), gathered=True),
        now=NOW,
        platform=image.platform,
    )
    decision = hear(brief, loaded.policy, loaded.material)
    assert isinstance(decision, Decision)
    assert decision.is_allow
    return seal(case_record(snapshot_record(loaded.snapshot), brief, decision))


def test_the_same_comes_out_and_says_who_wrote_it(case):
    again = replay(case)
    assert again.is_same
    assert again.recorded == again.made == unseal(case)["decision"]
    assert again.seal == case[14:78].decode()
    assert again.made_by
    assert again.others == ()


def test_no_file_and_no_clock_is_asked(case, monkeypatch):
    def refuse(*_arguments, **_names):
        raise AssertionError("a replay reads nothing but its file")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert replay(case).is_same


def test_another_outcome_is_a_difference_and_no_error(case):
    record = unseal(case)
    record["decision"]["summary"] = "otherwise"
    again = replay(seal(record))
    assert not again.is_same
    assert again.made["summary"] == "signature by team"


def test_what_would_have_to_be_gathered_is_no_decision(case, monkeypatch):
    monkeypatch.setattr(room, "hear", lambda *_: Wanted("bases", ("a/b@c",)))
    with pytest.raises(ConfigError, match="it lacks bases"):
        replay(case)


def test_t55_a_defect_met_in_a_strangers_file_is_a_sentence(case, monkeypatch):
    def break_down(*_arguments):
        raise MemoryError

    monkeypatch.setattr(room, "hear", break_down)
    with pytest.raises(ConfigError, match=r"some part of it has another form \(MemoryError\)"):
        replay(case)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(path=st.lists(st.integers(0, 30), min_size=1, max_size=7), value=PLAIN)
def test_t55_whatever_stands_anywhere_in_a_record_is_judged_or_refused(case, path, value):
    record = json.loads(case.partition(b"\n")[2])
    here, holder, last = record, record, "brief"
    for at in path:
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        if not keys:
            break
        last, holder = keys[at % len(keys)], here
        here = here[last]
    holder[last] = value
    try:
        again = replay(seal(record))
    except ConfigError:
        return
    assert isinstance(again.is_same, bool)
    assert Digest.parse(again.made["digest"])
