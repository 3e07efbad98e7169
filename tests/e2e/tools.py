"""The tools that machines have: a missing one skips the test by name, and fails it where CI installed them all."""

import os
import shutil
from typing import NoReturn

import pytest

# Built with Go where somebody wants them; what they made is committed under tests/assets.
_BY_CHOICE = {
    "cosign2": "cosign 2.6",
    "cosign3": "cosign 3.1",
    "cosign": "cosign",
    "crane": "crane",
    "helm": "helm 3",
    "notation": "notation",
    "oras": "oras",
}
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"  # where Debian puts servers, and not every PATH looks


def require_tool(name: str, package: str = "") -> str:
    """The tool's path. Missing: skip with the command that installs it; fail where CI=true says it must be here."""
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM)
    if found is None and name in _BY_CHOICE:
        pytest.skip(f"{_BY_CHOICE[name]} is not on this machine; it is a Go tool, install it to run this")
    return found or miss(f"{name} is not on this machine; apt-get install {package or name}")


def require_root(why: str) -> None:
    """Only root may mount, and that is how layers are unpacked."""
    if os.geteuid() != 0:
        miss(f"{why}; run this as root")


def miss(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
