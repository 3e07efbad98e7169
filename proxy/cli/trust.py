"""`pratique trust`: who is believed and for how long; and a refresh now, beside a running proxy, which takes it up."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import CHANGES, OK, REFUSED, code_of, complain
from proxy.cli.files import ConfigOption, load_all
from proxy.cli.output import Format, Output, emit, paragraph, say, table
from proxy.errors import ConfigError, PratiqueError

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.trust.settings import Plan
    from proxy.upstream.fetcher import Fetcher

trust = typer.Typer(no_args_is_help=True, help="Whom the policy believes, for how long, and since when.")

_NAME = typer.Argument(metavar="NAME", help="One root or store; all without it.", show_default=False)


@trust.command("show")
def show(name: Annotated[str | None, _NAME] = None, config: ConfigOption = None, output: Output = Format.TABLE) -> int:
    """Show each trust root and store: where it is from, what it lists, and how long it lasts without a network.

    Nothing is fetched. Exit 1 where something that a signer needs cannot be used now, or has ended.
    """
    from proxy.cli.believed import believed

    settings, loaded = load_all(config)
    now = datetime.now(UTC)
    found = [each for each in believed(settings, loaded, now=now) if name in (None, each["name"])]
    if not found:
        raise ConfigError(f"there is no trust root {name!r}; see `pratique trust show`")
    emit({"roots": found}, output=output, show=lambda: _show(found))
    is_wanting = any(each["usedBy"] and (not each["isUsable"] or _has_ended(each, now)) for each in found)
    return REFUSED if is_wanting else OK


def _has_ended(each: Mapping[str, Any], now: datetime) -> bool:
    return each["until"] is not None and datetime.fromisoformat(each["until"]) <= now


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    """What the policy rests on comes first."""
    for number, each in enumerate(sorted(found, key=lambda each: not each["usedBy"])):
        if number:
            say("")
        paragraph("", f"{each['name']}: {_origin(each)}", style="bold")
        for line in _lines(each):
            paragraph("  ", line)
        rows = [
            [
                f"  {item['kind']}",
                _day(item["from"])[:_DAY],
                _day(item["until"])[:_DAY] or "open",
                item["id"][:16],
                item["name"].removeprefix("https://"),
            ]
            for item in each["items"]
        ]
        if rows:
            columns = ["  lists", "from", "until", "id", "name"]
            table(columns, rows, whole=columns[:-1])


def _origin(each: Mapping[str, Any]) -> str:
    if each["kind"] == "store":
        return f"X.509 store, from {each['file']}"
    if each["origin"] == "file":
        return f"trust root, from {each['file']}"
    if each["date"] is None:
        return f"trust root, by TUF from {each['tuf']}, never fetched"
    if each["origin"] == "shipped":
        return f"trust root, shipped with the program, of {each['date']}"
    return f"trust root, refreshed {_day(each['date'])} from {each['tuf']}"


def _lines(each: Mapping[str, Any]) -> list[str]:
    lines = [f"sha256 {each['sha256']}"] if each["sha256"] else []
    lines.append(f"used by {', '.join(each['usedBy'])}" if each["usedBy"] else "no signer of the policy needs it")
    if each.get("tuf") and each["refreshSeconds"] is None:
        lines.append(f"not refreshed by itself, since nothing needs it; `pratique trust refresh {each['name']}` does")
    elif each.get("tuf"):
        age = f", out of use {_span(each['maxAgeSeconds'])} after the last" if each["maxAgeSeconds"] else ""
        lines.append(f"refreshed every {_span(each['refreshSeconds'])} from {each['tuf']}{age}")
    if each["kind"] == "store":
        hosts = f", asked at {', '.join(each['hosts'])}" if each["hosts"] else ""
        lines.append(f"revocation: {each['revocation']}{hosts}")
    if not each["isUsable"]:
        return [*lines, f"cannot be used now: {each['why']}"]
    if each["until"] is None:
        return [*lines, "without a network new signatures can be verified without end"]
    first = f" ({each['endsWith']} ends first)" if each["endsWith"] else ""
    lines.append(f"without a network new signatures can be verified until {_day(each['until'])}{first}")
    has_lists = any(item["kind"] == "CRL" for item in each["items"])
    if each.get("revocation") == "enforce" and not has_lists:
        lines.append("but none whose certificate names somebody to ask whether it is revoked; for those give `crls`")
    return lines


_DAY = 10  # columns of a date alone


def _day(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if iso else ""


def _span(seconds: int) -> str:
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    return next(f"{seconds // size}{unit}" for unit, size in units if seconds % size == 0)


@dataclass(frozen=True, slots=True)
class _Refreshed:
    """`outcome`: refreshed | unchanged | failed; in a dry run what it would be."""

    root: str
    outcome: str
    sha256: str | None = None
    error: PratiqueError | None = None

    def to_record(self) -> dict[str, Any]:
        message = self.error.message if self.error else None
        return {"root": self.root, "outcome": self.outcome, "sha256": self.sha256, "message": message}


@trust.command("refresh")
def refresh(
    *,
    name: Annotated[str | None, _NAME] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask and verify, and keep nothing; exit 2 if something would change.")
    ] = False,
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Ask for trust roots by TUF now, and keep what is verified. A failure takes nothing away.

    A running proxy takes them up within a minute; one that is started later finds them.
    """
    settings, loaded = load_all(config)
    plans = _plans(settings, loaded, name)
    _require_owner(settings)
    done = asyncio.run(_refresh(settings, loaded, plans, dry_run=dry_run))
    document = {"dryRun": dry_run, "roots": [each.to_record() for each in done]}
    emit(document, output=output, show=lambda: _show_refreshed(done, dry_run=dry_run))
    failed = {each.root: each.error for each in done if each.error is not None}
    for root, error in failed.items():
        complain(f"{root}: {error.message}")
    if failed:
        return code_of(next(iter(failed.values())))
    return CHANGES if dry_run and any(each.outcome == "refreshed" for each in done) else OK


def _plans(config: "Config", loaded: "LoadedPolicy", name: str | None) -> "Sequence[Plan]":
    """Those of the policy, or the one named; raise ConfigError where there is nothing to refresh."""
    from proxy.config.signers import plan_of
    from proxy.trust.reading import Reader
    from proxy.trust.shipped import SHIPPED

    plans = {plan.source.name: plan for plan in loaded.plans}
    if name is None:
        if not plans:
            raise ConfigError("no signer of the policy needs a root that is refreshed; name one: sigstore or github")
        return tuple(plans.values())
    plan = plans.get(name)
    if plan is None and name in SHIPPED:
        plan = plan_of(name, None, Reader(config.policy.parent))
    if plan is None:
        known = ", ".join(sorted(plans.keys() | SHIPPED.keys()))
        raise ConfigError(f"{name!r} is no root that TUF refreshes; those are {known}. A file is replaced by hand")
    return (plan,)


def _require_owner(config: "Config") -> None:
    """What another user writes here the proxy could not read, and would count as never refreshed."""
    try:
        owner = config.data.stat().st_uid
    except OSError:
        return  # the proxy has not made it yet
    if owner != os.geteuid():
        raise ConfigError(
            f"{config.data} is user {owner}'s; run this as that user, so that the proxy can read what it keeps"
        )


async def _refresh(
    config: "Config", loaded: "LoadedPolicy", plans: "Sequence[Plan]", *, dry_run: bool
) -> list[_Refreshed]:
    from proxy.upstream.fetcher import Fetcher

    fetcher = Fetcher(config.upstreams, emit=lambda _event: None)
    try:
        return list(await asyncio.gather(*(_one(config, loaded, plan, fetcher, dry_run=dry_run) for plan in plans)))
    finally:
        await fetcher.close()


async def _one(
    config: "Config", loaded: "LoadedPolicy", plan: "Plan", fetcher: "Fetcher", *, dry_run: bool
) -> _Refreshed:
    import hashlib

    from proxy.pipeline.court.refreshing import fetch_root
    from proxy.trust.held import HeldRoots

    held, name = HeldRoots(config.trust_folder), plan.source.name
    try:
        raw = await fetch_root(plan.source, held=held, fetcher=fetcher, is_rehearsal=dry_run)
        before = held.get(plan.source) or loaded.snapshot.roots.get(name)
        if not dry_run:
            held.write(plan.source, raw, at=datetime.now(UTC))
    except PratiqueError as error:
        return _Refreshed(name, "failed", error=error)
    outcome = "unchanged" if before is not None and before.raw == raw else "refreshed"
    return _Refreshed(name, outcome, hashlib.sha256(raw).hexdigest())


def _show_refreshed(done: Sequence[_Refreshed], *, dry_run: bool) -> None:
    would = {"refreshed": "would be refreshed", "unchanged": "would stay as it is"} if dry_run else {}
    table(["root", "outcome", "sha256"], [[e.root, would.get(e.outcome, e.outcome), e.sha256 or "-"] for e in done])
    if not dry_run and any(each.outcome == "refreshed" for each in done):
        say("\nA running proxy takes it up within a minute.")
