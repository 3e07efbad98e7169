"""The whole suite of the registry port once more, with the lane closed: no duty hangs on it."""

import pytest

from tests.integration import test_web
from tests.integration.test_web import *  # noqa: F403  # its tests are these


@pytest.fixture(autouse=True)
def closed_lane(monkeypatch):
    monkeypatch.setattr(test_web.Port, "has_lane", False)
