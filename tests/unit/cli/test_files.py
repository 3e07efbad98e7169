"""Which file a command means."""

import pytest

from proxy.cli import files
from proxy.errors import ConfigError


def test_the_option_then_the_variable_then_the_folder(desk, tmp_path, monkeypatch):
    assert desk("config", "check").out.startswith("pratique.yaml is right.")
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text((tmp_path / "pratique.yaml").read_text())
    monkeypatch.setenv("PRATIQUE_CONFIG", str(elsewhere))
    assert desk("config", "check").out.startswith(f"{elsewhere} is right.")
    assert desk("config", "check", "-c", "pratique.yaml").out.startswith("pratique.yaml is right.")


def test_without_any_the_error_says_where_was_looked_and_how_to_name_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "PLACES", (tmp_path / "none.yaml",))
    with pytest.raises(ConfigError, match="name the file with --config FILE or PRATIQUE_CONFIG=FILE"):
        files.config_path(None)
