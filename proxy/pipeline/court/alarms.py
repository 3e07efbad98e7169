"""What somebody must look at though nobody was refused, or beyond that: each is said once an hour, and decides nothing.

Two kinds. `verifiers-disagree`: one verifier proved a bundle and the other says that it is wrong. `grace`: an admission
rests on something that is older than the rule wants.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from proxy.events import Alarmed, Event
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.clock import Clock
from proxy.policy.decision import Decision

_AGAIN = timedelta(hours=1)
_KEPT = 10_000  # alarms that were said lately; beyond it the oldest is said anew


class Alarms:
    def __init__(self, emit: Callable[[Event], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock
        self._said: OrderedDict[tuple[Repository, Digest, str, str], datetime] = OrderedDict()

    def of(self, decision: Decision) -> None:
        """Say what is alarming about this Decision now."""
        now = self._clock.now()
        for kind, message in alarms_of(decision, now):
            key = (decision.repository, decision.digest, kind, message)
            said = self._said.get(key)
            if said is not None and now - _AGAIN < said <= now:
                continue
            self._said[key] = now
            self._said.move_to_end(key)
            while len(self._said) > _KEPT:
                self._said.popitem(last=False)
            self._emit(Alarmed(decision.repository, decision.digest, kind, message))


def alarms_of(decision: Decision, now: datetime) -> Iterator[tuple[str, str]]:
    """(kind, sentence) of each alarm; an admission enters its grace without being judged again."""
    for reason in sorted({each.reason for each in decision.rejections if each.is_alarm}):
        yield "verifiers-disagree", reason
    if decision.is_allow and decision.is_in_grace(now):
        until = f" until {decision.expires_at:%Y-%m-%dT%H:%MZ}" if decision.expires_at else ""
        yield "grace", f"it stays admitted by grace alone{until}: {decision.summary} is older than the rule wants"
