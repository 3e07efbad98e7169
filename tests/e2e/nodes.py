"""A node's containerd: the real one, with a socket, a store and snapshots of its own, and hosts.toml as we write it."""

import os
from pathlib import Path
from typing import Self

from proxy.node.hosts import hosts_tree
from proxy.node.tree import write_tree
from tests.e2e.processes import Process, Ran, run
from tests.e2e.tools import require_tool

_OFF = (
    "io.containerd.grpc.v1.cri",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
)


class Containerd:
    """Namespaces are nodes to us: the store is told to share nothing between them, so each pulls for itself.

    The native snapshotter copies files and runs on any file system; what is unpacked is the same.
    """

    def __init__(self, folder: Path) -> None:
        self._ctr = require_tool("ctr", "containerd")
        self.folder = folder
        self._socket = folder / "containerd.sock"
        config = folder / "config.toml"
        off = ", ".join(f'"{name}"' for name in _OFF)
        config.write_text(
            f'version = 2\nroot = "{folder / "root"}"\nstate = "{folder / "state"}"\ndisabled_plugins = [{off}]\n'
            f'[grpc]\naddress = "{self._socket}"\n'
            '[plugins."io.containerd.metadata.v1.bolt"]\ncontent_sharing_policy = "isolated"\n'
        )
        self._process = Process(
            [require_tool("containerd"), "--config", config],
            log=folder / "containerd.log",
            is_ready=lambda: self._run("version").status == 0,
            env={"HOME": str(folder)},
        )

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def node(self, name: str, folder: Path, *, proxy: str, upstreams: tuple[str, ...] = ("reg.test",)) -> "Node":
        """A node whose certs.d is what `pratique node hosts` writes."""
        write_tree(folder, hosts_tree(proxies=[proxy], upstreams=upstreams), dry_run=False)
        return Node(self, name, folder)

    def _run(self, *arguments: str, namespace: str = "default") -> Ran:
        return run(self._ctr, "--address", self._socket, "--namespace", namespace, *arguments)


class Node:
    """One namespace of a containerd, and the certs.d that it reads."""

    def __init__(self, containerd: Containerd, name: str, hosts: Path) -> None:
        self._containerd = containerd
        self.name = name
        self.hosts = hosts

    def ctr(self, *arguments: str) -> Ran:
        return self._containerd._run(*arguments, namespace=self.name)

    def pull(self, image: str, *options: str) -> Ran:
        """Pull and unpack."""
        return self.ctr("images", "pull", "--snapshotter=native", f"--hosts-dir={self.hosts}", *options, image)

    def images(self) -> set[str]:
        return set(self.ctr("images", "ls", "--quiet").fine().out.split())

    def content(self) -> set[str]:
        """Digests in the content store."""
        return set(self.ctr("content", "ls", "--quiet").fine().out.split())

    def arriving(self) -> str:
        """Transfers that were begun and did not end."""
        lines = self.ctr("content", "active").fine().out.splitlines()
        return "\n".join(lines[1:])

    def snapshots(self) -> list[str]:
        lines = self.ctr("snapshots", "--snapshotter=native", "ls").fine().out.splitlines()
        return [line.split()[0] for line in lines[1:]]

    def collect(self) -> None:
        """Let its garbage collector run now: what belongs to no image goes."""
        self.ctr("leases", "create", "--id", "collector").fine()
        self.ctr("leases", "delete", "--sync", "collector").fine()

    def files(self) -> set[str]:
        """Names of the files of every unpacked snapshot, of other nodes on this containerd too."""
        root = self._containerd.folder / "root" / "io.containerd.snapshotter.v1.native" / "snapshots"
        return {name for _, _, names in os.walk(root) for name in names}
