"""A missing tool is named with what installs it; CI, which installs them, must not skip in silence."""

import pytest

from tests.e2e.tools import require_tool

pytestmark = pytest.mark.e2e


def test_a_tool_that_is_here_is_found():
    assert require_tool("sh").endswith("/sh")


def test_a_missing_tool_skips_by_name(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        require_tool("no-such-tool", "no-such-package")


def test_a_missing_tool_fails_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-tool"):
        require_tool("no-such-tool")


def test_a_go_tool_is_never_demanded(monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("tests.e2e.tools._SYSTEM", "/nonexistent")
    with pytest.raises(pytest.skip.Exception, match="Go tool"):
        require_tool("cosign2")
