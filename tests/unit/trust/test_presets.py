"""A preset is the key that its publisher published, and nothing else: the file, its hashes and its note agree."""

import dataclasses
from datetime import UTC, datetime
from importlib import resources

import pytest

from proxy.errors import ConfigError
from proxy.trust.presets import PRESETS, preset
from proxy.trust.sources import load_signer

KEYS = resources.files("proxy.trust").joinpath("keys")


@pytest.mark.parametrize("name", PRESETS)
def test_a_shipped_key_is_the_one_whose_hashes_are_written_down(name: str):
    found = preset(name)
    signer = load_signer(found.source_for("alias"))
    assert (signer.name, signer.spki) == ("alias", found.spki)
    note = KEYS.joinpath("README.md").read_text()
    row = next(line for line in note.splitlines() if f"`{found.file}`" in line)
    assert found.sha256 in row
    assert found.spki in row


def test_every_shipped_key_belongs_to_a_preset():
    files = {each.name for each in KEYS.iterdir() if each.name.endswith(".pub")}
    assert files == {each.file for each in PRESETS.values()}


def test_the_ngc_key_is_nvidias():
    assert preset("nvidia-ngc").spki == "bc37f80d78c8e82fa6d313a1af457943f32ea9f15a2dd634e20992339a2fbe23"
    assert preset("nvidia-ngc").registries == ("nvcr.io/nvidia/**", "nvcr.io/nim/**")


def test_t31_the_key_that_distroless_retired_proves_nothing_any_more():
    signer = load_signer(preset("distroless-key").source_for("old"))
    assert signer.valid_until == datetime(2023, 10, 1, tzinfo=UTC)


def test_an_unknown_preset_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match="'ngc' is not known; write one of distroless-key, docker-hardened-images, nvidia-ngc"
    ):
        preset("ngc")


def test_a_shipped_file_that_was_changed_is_not_trusted():
    changed = dataclasses.replace(preset("nvidia-ngc"), file="distroless-key.pub")
    with pytest.raises(ConfigError, match="install the program again"):
        changed.source_for("nvidia")


def test_a_shipped_file_that_is_gone_is_an_error_of_configuration():
    gone = dataclasses.replace(preset("nvidia-ngc"), file="gone.pub")
    with pytest.raises(ConfigError, match="install the program again"):
        gone.source_for("nvidia")
