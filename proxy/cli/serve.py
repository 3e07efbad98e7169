"""`pratique serve`: runs the proxy until it is told to stop. SIGHUP loads the policy again, SIGTERM and SIGINT drain."""

import asyncio
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import USAGE, complain
from proxy.cli.files import ConfigOption, load_all

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from proxy.bootstrap import Proxy
    from proxy.config.layout import Config
    from proxy.policy.rules import Policy

_SHOWN = 6  # rules named in the start-up line; `verify` says about each image


class LogFormat(StrEnum):
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    config: ConfigOption = None,
    workers: Annotated[int, typer.Option(help="Processes. This version runs one.")] = 1,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Default: console on a terminal, else json.", show_default=False)
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="The least that is logged.")] = LogLevel.INFO,
) -> int | None:
    """Run the proxy.

    SIGHUP loads the policy, its keys and the lock file again: all of it, or the old one stays.

    SIGTERM and SIGINT refuse new connections and let running pulls end; a second one ends them.
    """
    import uvloop

    from proxy.observe import logs

    if workers != 1:
        complain(f"--workers {workers}: this version runs one process; leave it out, or write 1")
        return USAGE
    settings, loaded = load_all(config)
    console = LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON
    logs.configure(format=log_format or console, level=log_level)
    for warning in (*settings.warnings, *loaded.warnings):
        _log("configuration", level="warning", message=warning)
    return uvloop.run(_serve(settings))


async def _serve(config: "Config") -> int | None:
    from proxy.bootstrap import Proxy

    proxy = Proxy(config)
    signals = _Signals(proxy)
    signals.listen()
    if not await signals.unless_stopped(proxy.start()):
        return None
    _say_started(proxy)
    signals.is_up = True
    if signals.reload_wanted:
        proxy.reload()
    await signals.stopped.wait()
    signals.stopped.clear()  # before a word is said: whoever reads it may send the second signal at once
    _log("draining", up_to_seconds=config.limits.drain_seconds)
    is_drained = await signals.unless_stopped(proxy.stop())
    _log("stopped", drained=is_drained)
    return None


class _Signals:
    """What the process was told. A SIGHUP while it starts is kept for when it is up."""

    def __init__(self, proxy: "Proxy") -> None:
        self._proxy = proxy
        self.stopped = asyncio.Event()
        self.is_up = False
        self.reload_wanted = False

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        if self.is_up:
            self._proxy.reload()
        else:
            self.reload_wanted = True

    async def unless_stopped(self, work: "Coroutine[Any, Any, None]") -> bool:
        """Do `work` and return True; a signal to stop ends it, and False is returned."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self.stopped.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            task.result()
            return True
        task.cancel()
        await asyncio.wait({task})
        return False


def _say_started(proxy: "Proxy") -> None:
    addresses = {name: str(address) for name, address in proxy.front.addresses.items()}
    _log("serving", **addresses, permits=permits(proxy.pipeline.regime.current.policy))


def permits(policy: "Policy") -> str:
    """What the policy permits, in a line."""
    if policy.is_empty:
        return "nothing: the policy is empty, so every pull is refused; add a rule under images"
    names = [f"{rule.match} ({rule.mode})" if rule.mode != "enforce" else rule.match for rule in policy.rules]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}; everything else is refused"


def _log(word: str, **fields: Any) -> None:
    from proxy.observe import logs

    logs.say(word, **fields)
