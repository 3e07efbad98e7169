"""Which pratique.yaml a command means, and what it says. Problems are raised, all of them at once."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.errors import ConfigError

if TYPE_CHECKING:  # pydantic loads when a file is read, not when `version` is asked
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy

ENV = "PRATIQUE_CONFIG"
PLACES = (Path("pratique.yaml"), Path("/etc/pratique/pratique.yaml"))

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=ENV,
        show_default=False,
        help="pratique.yaml. Default: the one in this folder, else in /etc/pratique.",
    ),
]


def config_path(given: Path | None) -> Path:
    """Raise ConfigError where none was named and none lies where one is looked for."""
    if given is not None:
        return given
    for place in PLACES:
        if place.exists():
            return place
    looked = " nor ".join(map(str, PLACES))
    raise ConfigError(f"no configuration: neither {looked} is there; name the file with --config FILE or {ENV}=FILE")


def load_config(given: Path | None) -> "Config":
    """pratique.yaml alone, for what needs no policy."""
    from proxy.config.loader import load
    from proxy.observe import logs

    logs.configure(format="console", level="warning")  # stderr, whatever a library says; `serve` sets its own
    return load(config_path(given), env=os.environ)


def load_all(given: Path | None) -> "tuple[Config, LoadedPolicy]":
    """The configuration, and the policy with its keys and lock, as they are on the disk now."""
    from datetime import UTC, datetime

    from proxy.config.both import load_both
    from proxy.observe import logs

    logs.configure(format="console", level="warning")
    return load_both(config_path(given), env=os.environ, now=datetime.now(UTC))
