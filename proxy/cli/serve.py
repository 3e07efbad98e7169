"""`pratique serve`: runs the proxy until it is told to stop. SIGHUP loads the policy again, SIGTERM and SIGINT drain.

One process is a proxy; several are a supervisor of so many workers, each a fresh interpreter (`bootstrap/crew`).
"""

import asyncio
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import complain
from proxy.cli.files import ConfigOption, load_all

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from proxy.config.layout import Config
    from proxy.policy.rules import Policy
    from proxy.web.settings import Address

_MOST = 256  # workers: more than any machine has cores for; a slip of the finger starts no thousand processes
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
    workers: Annotated[int, typer.Option(min=1, max=_MOST, help="Processes that serve, on one data folder.")] = 1,
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
    from proxy.web.connections.descriptors import raise_limit

    settings, loaded = load_all(config)
    raise_limit()
    log_format = log_format or (LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON)
    logs.configure(format=log_format, level=log_level)
    for warning in (*settings.warnings, *loaded.warnings):
        _log("configuration", level="warning", message=warning)
    if workers > 1:
        return asyncio.run(_supervise(settings, workers, ("-m", "proxy.cli.worker", log_format, log_level)))
    return uvloop.run(_serve(settings))


async def _serve(config: "Config") -> int | None:
    from proxy.bootstrap import Proxy

    proxy = Proxy(config)
    signals = _Signals(proxy.reload)
    signals.listen()
    if not await signals.unless_stopped(proxy.start()):
        return None
    _say_started(proxy.front.addresses, proxy.pipeline.regime.current.policy)
    signals.begin()
    await signals.stopped.wait()
    await _stop(config, signals, proxy.stop())
    return None


async def _supervise(config: "Config", workers: int, command: tuple[str, ...]) -> int | None:
    from proxy.bootstrap.crew.supervisor import Crew

    crew = Crew(config, count=workers, command=command)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(crew.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    signals = _Signals(reload)
    signals.listen()
    if not await signals.unless_stopped(crew.start()):
        return None
    if crew.code is not None:
        return crew.code
    _say_started(crew.addresses, crew.loaded.policy, workers=workers)
    signals.begin()
    if await signals.unless_stopped(crew.lost()):
        complain("no worker can be started any more; the log says why")
    await _stop(config, signals, crew.stop())
    return crew.code


async def _stop(config: "Config", signals: "_Signals", stopping: "Coroutine[Any, Any, None]") -> None:
    signals.stopped.clear()  # before a word is said: whoever reads it may send the second signal at once
    _log("draining", up_to_seconds=config.limits.drain_seconds)
    is_drained = await signals.unless_stopped(stopping)
    _log("stopped", drained=is_drained)


class _Signals:
    """What the process was told. A SIGHUP while it starts is kept for when it is up."""

    def __init__(self, reload: "Callable[[], None]") -> None:
        self._reload_all = reload
        self.stopped = asyncio.Event()
        self._is_up = False
        self._reload_wanted = False

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def begin(self) -> None:
        """It is up: what was kept is done."""
        self._is_up = True
        if self._reload_wanted:
            self._reload_all()

    def _reload(self) -> None:
        if self._is_up:
            self._reload_all()
        else:
            self._reload_wanted = True

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


def _say_started(addresses: "Mapping[str, Address]", policy: "Policy", **more: int) -> None:
    _log("serving", **{name: str(address) for name, address in addresses.items()}, **more, permits=permits(policy))


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
