"""A Decision's record as a tree: every Check and Rejection, in words. `verify` and `explain` show the same one."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.cli.output import text


def decision_tree(record: Mapping[str, Any], *, title: str) -> Any:
    """A rich Tree of `Decision.to_record()`."""
    from rich.tree import Tree

    root = Tree(text(title, _style(record)))
    root.add(text(f"digest    {record['digest']}"))
    root.add(text(f"rule      {record['rule']} (mode: {record['mode']})"))
    _grow(root.add(text("checks")), record["checks"])
    if record["rejections"]:
        branch = root.add(text(f"found, and proves nothing ({len(record['rejections'])})"))
        for rejection in record["rejections"]:
            branch.add(text(rejection_line(rejection)))
    for identity in record["identities"]:
        root.add(text(f"identity  {identity}"))
    for exception in record["exceptions"]:
        root.add(text(f"exception {exception}", "yellow"))
    root.add(text(f"made      {moment(record['madeAt'])}"))
    root.add(text(f"holds     {validity(record)}"))
    return root


def check_line(check: Mapping[str, Any]) -> str:
    name = check["name"] if check["name"].startswith(check["word"]) else f"{check['name']} ({check['word']})"
    return f"{answer(check):<7} {name}: {check['summary']}"


def answer(check: Mapping[str, Any]) -> str:
    """The Check's answer in one word."""
    if check["isWaived"]:
        return "waived"
    if check["passed"]:
        return "passed"
    return "open" if check["isOpen"] else "failed"


def rejection_line(rejection: Mapping[str, Any]) -> str:
    source = f" {short(rejection['source'])}" if rejection["source"] else ""
    signer = f" (tried as {rejection['signer']})" if rejection["signer"] else ""
    return f"{rejection['place']}{source}: {rejection['reason']}{signer}"


def validity(record: Mapping[str, Any]) -> str:
    if record["verdict"] == "inconclusive":
        return "not at all: it is judged again at the next request"
    if record.get("reason") == "revoked":
        return "as long as the policy revokes it"
    if record["expiresAt"] is None:
        return "until the policy, the keys or the evidence change"
    again = ", then it is judged again" if record["verdict"] == "deny" else ""
    return f"until {moment(record['expiresAt'])}{again}"


def moment(iso: str) -> str:
    """`2026-01-31 14:05:09 UTC` from ISO 8601."""
    from datetime import UTC, datetime

    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def short(digest: str) -> str:
    """Enough of a digest to tell it apart by eye."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm}:{encoded[:12]}"


def _grow(branch: Any, checks: Sequence[Mapping[str, Any]]) -> None:
    for check in checks:
        word = answer(check)
        style = {"passed": "green", "failed": "red"}.get(word, "yellow")
        _grow(branch.add(text(check_line(check), style)), check["checks"])


def _style(record: Mapping[str, Any]) -> str:
    return {"allow": "bold green", "deny": "bold red"}.get(record["verdict"], "bold yellow")
