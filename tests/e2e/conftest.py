"""Real clients and servers on loopback, each a process that the test started and ends by its own id."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.nodes import Containerd
from tests.e2e.registries import DockerRegistry
from tests.e2e.tools import require_tool

__all__ = ["require_tool"]


@pytest.fixture(scope="session")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    """One for all tests of a worker: each pulls into a namespace of its own."""
    with Containerd(tmp_path_factory.mktemp("containerd")) as running:
        yield running


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[DockerRegistry]:
    """docker-registry without a password, called reg.test where images name it."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    with DockerRegistry(folder) as running:
        yield running
