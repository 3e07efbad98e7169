"""The verbs of the command, read from the command itself."""

from typing import Any

import typer

from proxy.cli.app import app


def commands(command: Any = None, path: str = "") -> dict[str, Any]:
    """`pin ls` → the command behind it."""
    command = command or typer.main.get_command(app)
    inner = getattr(command, "commands", None)
    if inner is None:
        return {path.strip(): command}
    return {name: each for word, child in inner.items() for name, each in commands(child, f"{path} {word}").items()}
