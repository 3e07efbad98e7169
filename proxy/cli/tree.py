"""A Decision's record as a tree: every Check and Rejection, in words. `verify` and `explain` show the same one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.cli.output import text
from proxy.cli.proof import moment, proof_lines, short, short_place


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
    for label, words, style in _facts(record):
        root.add(text(f"{label:<9} {words}", style))
    return root


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is true of the Decision as a whole: label, words, style. Older records lack some."""
    yield from (("identity", identity, "") for identity in record["identities"])
    yield from (("base", base, "") for base in record.get("bases", ()))
    yield from (("exception", exception, "yellow") for exception in record["exceptions"])
    if record.get("provedAt"):
        yield "proved", f"{moment(record['provedAt'])}, by a log or a timestamp", ""
    if record.get("opinions"):
        yield "verifiers", ", ".join(record["opinions"]), ""
    yield "made", moment(record["madeAt"]), ""
    yield "holds", validity(record), ""
    if record.get("graceFrom"):
        yield "grace", f"from {moment(record['graceFrom'])} on it stands by grace alone", "yellow"
    yield from (("warning", words, "yellow") for words in record.get("warnings", ()))
    yield from (("alarm", words, "bold red") for words in record.get("alarms", ()))


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
    alarm = "ALARM: " if rejection.get("isAlarm") else ""
    return f"{short_place(rejection['place'])}{source}: {alarm}{rejection['reason']}{signer}"


def validity(record: Mapping[str, Any]) -> str:
    if record["verdict"] == "inconclusive":
        return "not at all: it is judged again at the next request"
    if record.get("reason") == "revoked":
        return "as long as the policy revokes it"
    if record["expiresAt"] is None:
        return "until the policy, the keys or the evidence change"
    again = ", then it is judged again" if record["verdict"] == "deny" else ""
    return f"until {moment(record['expiresAt'])}{again}"


def _grow(branch: Any, checks: Sequence[Mapping[str, Any]]) -> None:
    for check in checks:
        word = answer(check)
        style = {"passed": "green", "failed": "red"}.get(word, "yellow")
        grown = branch.add(text(check_line(check), style))
        told = grown
        for line in proof_lines(check.get("details") or {}):
            if line.startswith(" "):  # more of the one before, such as a certificate's extensions
                told.add(text(line.strip()))
            else:
                told = grown.add(text(line))
        _grow(grown, check["checks"])


def _style(record: Mapping[str, Any]) -> str:
    return {"allow": "bold green", "deny": "bold red"}.get(record["verdict"], "bold yellow")
