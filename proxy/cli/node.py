"""`pratique node`: the files that make a node ask the proxy alone, and the rule of the network that goes with them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import CHANGES, OK, complain
from proxy.cli.files import ConfigOption, load_config
from proxy.cli.output import Format, Output, emit, say, table
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from proxy.node.tree import Written

node = typer.Typer(no_args_is_help=True, help="Make nodes pull through the proxy, with no way around it.")


@node.callback()
def group() -> None:
    """Make nodes pull through the proxy, with no way around it."""


@node.command("hosts")
def hosts(
    *,
    proxy: Annotated[
        list[str], typer.Option(metavar="URL", help="The proxy as nodes reach it; twice for two, in the order to try.")
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where to write: /etc/containerd/certs.d, or a folder to copy to nodes."),
    ],
    ca: Annotated[str | None, typer.Option(metavar="PATH", help="The CA's file, as it lies on the node.")] = None,
    client_cert: Annotated[
        str | None, typer.Option(metavar="PATH", help="The node's certificate, on the node.")
    ] = None,
    client_key: Annotated[str | None, typer.Option(metavar="PATH", help="Its key, on the node.")] = None,
    upstream: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A registry as images name it; again for more. Default: all of --config."),
    ] = None,
    podman: Annotated[
        bool,
        typer.Option("--podman", help="Write podman's and CRI-O's drop-in instead."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; exit 2 if something would change.")
    ] = False,
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Write containerd's hosts.toml tree, or podman's drop-in, so that a refusal cannot be bypassed.

    Also says which rule of the network must go with it: no file on a node closes every way.
    """
    from proxy.node.tree import write_tree

    names = _upstreams(upstream, config)
    tree = (
        _podman_tree(proxy, names)
        if podman
        else _containerd_tree(out, proxy, names, ca, _pair(client_cert, client_key))
    )
    written = write_tree(out, tree, dry_run=dry_run)
    document = _document(out, written, proxy, dry_run=dry_run, is_containerd=not podman)
    emit(document, output=output, show=lambda: _show(document))
    if not podman:
        for stray in written.strays:
            complain(
                f"{out / stray} has no hosts.toml, so containerd goes upstream for it; run this again", word="warning"
            )
    return CHANGES if dry_run and written.has_changes else OK


def _upstreams(given: Sequence[str] | None, config: Path | None) -> list[str]:
    if given:
        return list(given)
    try:
        return list(load_config(config).upstreams)
    except ConfigError as error:
        remedy = "name the registries with --upstream HOST, or a configuration that lists them with --config"
        raise ConfigError(error.message, problems=(*error.problems, remedy)) from error


def _pair(certificate: str | None, key: str | None) -> tuple[str, str] | None:
    if (certificate is None) != (key is None):
        raise ConfigError("--client-cert and --client-key go together; name both, or neither")
    return (certificate, key) if certificate and key else None


def _containerd_tree(
    out: Path, proxies: Sequence[str], upstreams: Sequence[str], ca: str | None, client: tuple[str, str] | None
) -> Mapping[str, str]:
    from proxy.node.hosts import hosts_tree
    from proxy.node.tree import existing_directories

    there = existing_directories(out)
    return hosts_tree(proxies=proxies, upstreams=upstreams, ca=ca, client=client, directories=there)


def _podman_tree(proxies: Sequence[str], upstreams: Sequence[str]) -> Mapping[str, str]:
    from proxy.node.podman import DROP_IN, registries_conf

    return {Path(DROP_IN).name: registries_conf(proxies=proxies, upstreams=upstreams)}


def _document(
    out: Path, written: "Written", proxies: Sequence[str], *, dry_run: bool, is_containerd: bool
) -> dict[str, Any]:
    from proxy.node.egress import explain_egress, nftables
    from proxy.node.hosts import containerd_config

    states = (("created", written.created), ("changed", written.changed), ("unchanged", written.unchanged))
    majors = (1, 2) if is_containerd else ()
    return {
        "folder": str(out),
        "dryRun": dry_run,
        "files": [{"path": path, "state": state} for state, paths in states for path in paths],
        "containerdConfig": {str(major): containerd_config(major=major) for major in majors},
        "egress": explain_egress(proxies=proxies),
        "nftables": nftables(proxies=proxies),
    }


def _show(document: Mapping[str, Any]) -> None:
    heading = "would be" if document["dryRun"] else "was"
    table(["file", heading], [[f"{document['folder']}/{each['path']}", each["state"]] for each in document["files"]])
    for fragment in document["containerdConfig"].values():
        say(f"\n{fragment.rstrip()}")
    say(f"\n{document['egress']}", f"\n{document['nftables'].rstrip()}")
