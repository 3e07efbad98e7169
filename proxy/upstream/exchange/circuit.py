"""One upstream's breaker at work: it hears how each exchange went, and refuses at once while it is open.

Connections that fail, silence and 5xx are failures. Any other answer says that the upstream is there, 401, 403, 404 and
429 too. Bodies say nothing: they are retried where they are read.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proxy.errors import UpstreamTimeout, UpstreamUnavailable
from proxy.events import BreakerMoved, Event, UpstreamSpared
from proxy.upstream.restraint.breaker import Breaker, State

# 501 is how a registry says that it has no referrers API.
_FAILURES = frozenset({500, 502, 503, 504})


class Circuit:
    """`clock`: seconds that never run backwards."""

    def __init__(self, upstream: str, *, emit: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._upstream = upstream
        self._emit = emit
        self._clock = clock
        self._breaker = Breaker()

    def require(self, what: str) -> None:
        """Before each exchange, which `hearing` follows at once. Raise UpstreamUnavailable while the upstream is left alone."""
        before = self._breaker.state
        wait = math.ceil(self._breaker.admit(self._clock()))
        self._say_moved(before)
        if wait:
            self._emit(UpstreamSpared(self._upstream, what, "breaker"))
            raise UpstreamUnavailable(
                f"{self._upstream} failed again and again, and is left alone for {wait} s; what is stored is served",
                retry_after=wait,
            )

    @contextmanager
    def hearing(self) -> Iterator[Callable[[int], None]]:
        """One exchange; it is told the answer's status."""
        told: list[int] = []
        before = self._breaker.state
        try:
            yield told.append
        except (UpstreamUnavailable, UpstreamTimeout):
            self._breaker.failed(self._clock())
            raise
        except BaseException:  # whoever asked left, or the answer was no HTTP: nothing is known of its health
            self._breaker.withdrawn()
            raise
        else:
            self._breaker.failed(self._clock()) if told[0] in _FAILURES else self._breaker.succeeded()
        finally:
            self._say_moved(before)

    def _say_moved(self, before: State) -> None:
        if self._breaker.state is not before:
            self._emit(BreakerMoved(self._upstream, self._breaker.state.value))
