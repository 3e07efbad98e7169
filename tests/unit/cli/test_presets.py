"""What a preset stands for is a policy: whoever pastes it believes whom the preset believes, no more and no less."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from proxy.config.policy import PolicyFiles, load_files
from proxy.trust.presets import PRESETS
from proxy.verify.material import KeylessSigner, KeySigner

NOW = datetime(2026, 11, 21, tzinfo=UTC)
every = pytest.mark.parametrize("name", PRESETS)


def loaded(folder: Path, text: str):
    (folder / "policy.yaml").write_text(text)
    return load_files(PolicyFiles(folder / "policy.yaml", folder / "absent.lock.yaml"), now=NOW)


def signer(folder: Path, text: str, name: str):
    return loaded(folder, text).material.signers[name]


def test_all_are_listed_with_their_sources(desk):
    said = desk("presets")
    assert said.code == 0
    for name, preset in PRESETS.items():
        (row,) = [line for line in said.out.splitlines() if line.startswith(f"{name} ")]
        assert preset.title in row
        assert preset.source in row
        assert (" key " if preset.is_key else " identity ") in row


def test_on_a_terminal_no_name_and_no_pattern_is_broken(desk, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", desk("presets").out).splitlines()
    for name, preset in PRESETS.items():
        (head,) = [line for line in lines if line.startswith(f"{name}: by ")]
        assert all(match in head for match in preset.registries)


def test_it_needs_no_configuration(desk):
    (desk.folder / "pratique.yaml").unlink()
    assert desk("presets").code == 0
    assert desk("presets", "nvidia-ngc").code == 0


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_script_gets_the_same_as_a_document(desk, output):
    said = desk("presets", "-o", output)
    document = yaml.safe_load(said.out)
    assert document["schemaVersion"] == 1
    assert [each["name"] for each in document["presets"]] == list(PRESETS)
    (ngc,) = [each for each in document["presets"] if each["name"] == "nvidia-ngc"]
    assert ngc["spki"] == PRESETS["nvidia-ngc"].spki
    assert ngc["match"] == ["nvcr.io/nvidia/**", "nvcr.io/nim/**"]
    assert ngc["pem"].startswith("-----BEGIN PUBLIC KEY-----")


@every
def test_the_yaml_that_is_printed_is_a_policy_that_believes_whom_the_preset_believes(desk, tmp_path, name):
    preset, said = PRESETS[name], desk("presets", name)
    assert said.code == 0
    found = desk("presets", name, "-o", "json").document["preset"]
    if preset.is_key:
        (tmp_path / preset.file).write_text(found["pem"])
    long = signer(tmp_path, said.out, name)
    parameters = dict.fromkeys(preset.parameters, "a/b")
    short = signer(tmp_path, yaml.safe_dump(found["use"]).replace("<", "").replace(">", ""), name)
    if isinstance(short, KeySigner):
        assert isinstance(long, KeySigner)
        assert (long.spki, long.hash, long.valid_until) == (short.spki, short.hash, short.valid_until)
        assert long.spki in said.out
    else:
        assert isinstance(short, KeylessSigner)
        assert isinstance(long, KeylessSigner)
        assert (long.issuer, long.root) == (short.issuer, short.root)
        if not parameters:
            assert long.subject == short.subject


@every
def test_the_rule_that_is_printed_counts_the_names_that_the_preset_counts(desk, tmp_path, name):
    preset, found = PRESETS[name], desk("presets", name, "-o", "json").document["preset"]
    if preset.is_key:
        (tmp_path / preset.file).write_text(found["pem"])
    rules = loaded(tmp_path, desk("presets", name).out).policy.rules
    assert [rule.match for rule in rules] == list(preset.registries)
    assert all({glob.text for glob in rule.signed_as} == set(preset.signed_as) for rule in rules)


def test_parameters_are_shown_where_they_go(desk):
    said = desk("presets", "chainguard-custom")
    assert "#       imageSyncer: <imageSyncer>" in said.out
    assert "({imageSyncer}|{customImageBuilder})" in said.out


def test_an_unknown_name_is_an_error_with_the_known_ones(desk):
    said = desk("presets", "ngc")
    assert said.code == 64
    assert "preset 'ngc' is not known; write one of chainguard" in said.err
    assert said.out == ""
