"""One request on its way to its answer: what the Answered event at its end will say."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from proxy.errors import PratiqueError
from proxy.events import Answered, Client
from proxy.oci import route
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.oci.route import GetBlob, GetManifest, ListReferrers, ListTags, Ping
from proxy.web import errors
from proxy.web.outlet import Departure

_KINDS: Mapping[type, str] = {
    GetManifest: "manifest",
    GetBlob: "blob",
    ListReferrers: "referrers",
    ListTags: "tags",
    Ping: "ping",
}


@dataclass(slots=True)
class Exchange:
    """`id` is ours: never taken from a header."""

    request: web.BaseRequest
    id: str
    client: Client
    asked: route.Request | None = None
    repository: Repository | None = None
    outcome: str = "other"
    status: int = 0
    sent: int = 0
    refusal: str | None = None
    message: str | None = None
    digest: Digest | None = None
    repeats: tuple[int, float | None] | None = None  # of a warm answer: its generation and its end

    @property
    def kind(self) -> str:
        return _KINDS[type(self.asked)] if self.asked else "other"

    @property
    def reference(self) -> str:
        """What was asked for; with its name as the client wrote it where the repository never became known."""
        match self.asked:
            case GetManifest(reference=found) | GetBlob(digest=found) | ListReferrers(digest=found):
                last = str(found)
            case _:
                last = ""
        if self.repository or not isinstance(self.asked, GetManifest | GetBlob | ListReferrers | ListTags):
            return last
        named = "/".join(filter(None, (self.asked.ns, self.asked.name)))
        return f"{named}{'@' if ':' in last else ':'}{last}" if last else named

    def fail(self, error: PratiqueError) -> None:
        self.outcome, self.message = errors.outcome_of(error), error.message
        self.refusal = errors.refusal_of(error)

    def note(self, departure: Departure) -> None:
        self.sent = departure.sent
        if departure.error is not None:
            self.fail(departure.error)
        elif departure.ending != "whole":
            self.outcome = "client"
            self.message = f"the client {departure.ending} after {departure.sent} bytes"

    def ended(self, *, seconds: float) -> Answered:
        return Answered(
            request_id=self.id,
            client=self.client,
            method=self.request.method,
            kind=self.kind,
            repository=self.repository,
            reference=self.reference,
            status=self.status,
            outcome=self.outcome,
            seconds=seconds,
            body_bytes=self.sent,
            refusal=self.refusal,
            message=self.message,
            digest=self.digest,
        )
