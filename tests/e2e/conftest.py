"""Real clients and servers on loopback, each a process that the test started and ends by its own id."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.lab import LabBehind
from tests.e2e.nodes import Containerd
from tests.e2e.processes import Ran, run
from tests.e2e.registries import DockerRegistry
from tests.e2e.tools import require_root, require_tool

__all__ = ["require_tool"]


@pytest.fixture(scope="session")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    """One for all tests of a worker: each pulls into a namespace of its own."""
    require_root("containerd unpacks layers by mounting them")
    with Containerd(tmp_path_factory.mktemp("containerd")) as running:
        yield running


@pytest.fixture(scope="session")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabBehind]:
    """All lab images behind one proxy, whose upstream is gone: for whoever verifies there."""
    with LabBehind(tmp_path_factory.mktemp("behind") / "proxy") as running:
        yield running


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[DockerRegistry]:
    """docker-registry without a password, called reg.test where images name it."""
    with DockerRegistry(tmp_path / "upstream") as running:
        yield running


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[Callable[..., Ran]]:
    """Podman with a store of its own; skipped where it cannot run, such as in a container without its privileges."""
    binary = require_tool("podman")
    folder = tmp_path / "podman"
    folder.mkdir()
    policy = folder / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    short = tempfile.TemporaryDirectory(prefix="pod-")  # a runroot has at most 50 characters
    places = ["--root", folder / "root", "--runroot", short.name, "--tmpdir", folder / "tmp"]
    own = [*places, "--storage-driver", "vfs", "--events-backend", "none"]

    def command(verb: str, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        trusting = [f"--signature-policy={policy}"] if verb == "pull" else []
        given = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)} | dict(env or {})
        return run(binary, *own, verb, *trusting, *arguments, env=given)

    with short:
        started = command("info")
        if started.status != 0:
            pytest.skip(f"podman cannot run here: {started.said.strip().splitlines()[-1]}")
        yield command
