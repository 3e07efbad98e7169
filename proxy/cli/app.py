"""The `pratique` command: its verbs, and the one place where an error becomes an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from proxy.cli.cache import cache
from proxy.cli.config import config
from proxy.cli.demo import demo
from proxy.cli.exits import USAGE, guarded
from proxy.cli.explain import explain
from proxy.cli.node import node
from proxy.cli.pins import pins
from proxy.cli.presets import presets
from proxy.cli.serve import serve
from proxy.cli.trust import trust
from proxy.cli.verify import verify
from proxy.cli.version import say_version, version

app = typer.Typer(
    name="pratique",
    help="A registry proxy that verifies: a node gets bytes only from an image that was judged and admitted.",
    epilog="Exit codes: 0 ok · 1 refused or findings · 2 drift or a plan with changes · 3 incomplete · "
    "64 usage or configuration · 69 upstream unavailable · 70 a defect of ours · 75 try later. Logs and complaints go to stderr.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _program(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=say_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the options that go before a command."""


app.command()(serve)
app.command()(verify)
app.command()(explain)
app.add_typer(pins, name="pin")
app.add_typer(config, name="config")
app.add_typer(node, name="node")
app.add_typer(trust, name="trust")
app.add_typer(cache, name="cache")
app.command()(presets)
app.command()(demo)
app.command()(version)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. PRATIQUE_DEBUG=1 shows where an error came from."""
    is_debugging = os.environ.get("PRATIQUE_DEBUG") == "1"
    return guarded(lambda: _dispatch(arguments), is_debugging=is_debugging)


def _dispatch(arguments: Sequence[str] | None) -> int | None:
    command: Any = typer.main.get_command(app)
    try:
        code: int | None = command.main(args=arguments, prog_name="pratique", standalone_mode=False)
    except typer.Abort:
        return 130  # the shell's code for Ctrl-C
    except Exception as error:
        # What the command line's own parser raises; which module holds its class differs between its versions.
        if not hasattr(error, "format_message") or not hasattr(error, "show"):
            raise
        error.show(file=sys.stderr)
        return USAGE
    return code
