"""`pratique presets`: the well-known signers kept with the program, and the policy that each stands for."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.output import Format, Output, emit, paragraph, say, table

if TYPE_CHECKING:
    from proxy.trust.presets import Preset

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def presets(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them, with the YAML it stands for.", show_default=False)
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """List the signers that the program knows, each with its source; or show what one of them stands for.

    A preset is a start: compare its key or identity with its publisher's page before you rest on it.
    """
    from proxy.trust.presets import PRESETS, preset

    if name is not None:
        found = document_of(preset(name))
        emit({"preset": found}, output=output, show=lambda: _show_one(found))
        return
    listed = [document_of(each) for each in PRESETS.values()]
    emit({"presets": listed}, output=output, show=lambda: _show_all(listed))


def document_of(preset: "Preset") -> dict[str, Any]:
    """Plain values. `policy` is what the preset stands for, as policy.yaml says it; a key's bytes are `pem`."""
    from proxy.trust.sources import load_signer

    source = preset.source_for(preset.name) if preset.is_key else None
    if source is not None:
        load_signer(source)  # a shipped key that cannot be used is said, not shown
    return {
        "name": preset.name,
        "title": preset.title,
        "source": preset.source,
        "date": preset.date,
        "match": list(preset.registries),
        "parameters": list(preset.parameters),
        "spki": preset.spki or None,
        "pem": source.pem.decode() if source is not None and source.pem else None,
        "use": _policy(preset, _short(preset)),
        "policy": _policy(preset, _long(preset)),
    }


def _short(preset: "Preset") -> dict[str, Any]:
    parameters = {name: f"<{name}>" for name in preset.parameters}
    return {"preset": preset.name, **({"parameters": parameters} if parameters else {})}


def _long(preset: "Preset") -> dict[str, Any]:
    if preset.is_key:
        until = preset.valid_until.strftime(_MOMENT) if preset.valid_until else None
        said = {"key": preset.file, "log": "none", "hash": preset.hash, "validUntil": until}
        return {word: value for word, value in said.items() if value}
    subject = "subjectRegex" if preset.is_regex else "subject"
    return {"issuer": preset.issuer, subject: preset.subject, "trustRoot": preset.root}


def _policy(preset: "Preset", signer: Mapping[str, Any]) -> dict[str, Any]:
    """A whole policy, with a rule for each place where the publisher signs."""
    rule: dict[str, Any] = {"require": [{"signature": preset.name}]}
    if preset.signed_as and "preset" not in signer:
        rule["signedAs"] = list(preset.signed_as)
    images = [{"match": match, **rule} for match in preset.registries]
    return {"version": 1, "signers": {preset.name: dict(signer)}, **({"images": images} if images else {})}


def _show_all(listed: list[dict[str, Any]]) -> None:
    if sys.stdout.isatty():
        for each in listed:
            _show_block(each)
    else:
        _show_rows(listed)
    say("\n`pratique presets NAME` shows the YAML that one stands for.")


def _show_block(each: Mapping[str, Any]) -> None:
    """Three lines for a person: sources are too long for a column of a terminal."""
    by = "by a key" if each["spki"] else "by an identity"
    where = f", signs at {', '.join(each['match'])}" if each["match"] else ""
    paragraph("", f"{each['name']}: {by}{where}", style="bold")
    paragraph("    ", each["title"])
    paragraph("    from ", f"{each['source']} ({each['date']})")


def _show_rows(listed: list[dict[str, Any]]) -> None:
    """A line for each, as scripts look for them."""
    rows = [
        [
            each["name"],
            each["title"],
            "key" if each["spki"] else "identity",
            ", ".join(each["match"]) or "-",
            f"{each['source']} ({each['date']})",
        ]
        for each in listed
    ]
    table(["preset", "publisher", "by", "signs at", "source"], rows)


def _show_one(found: Mapping[str, Any]) -> None:
    """On stdout all that is no YAML is a comment, so that it can be a file."""
    lines = [f"{found['title']}", f"source: {found['source']} ({found['date']})"]
    if found["spki"]:
        lines.append(f"SHA-256 of the key's SubjectPublicKeyInfo: {found['spki']}")
    lines += ["", "In a policy, the preset:", *_yaml(found["use"]).splitlines(), "", "It stands for:"]
    text = "".join(f"# {line}".rstrip() + "\n" for line in lines) + _yaml(found["policy"])
    if found["pem"]:
        (signer,) = found["policy"]["signers"].values()
        text += f"# {signer['key']}:\n" + "".join(f"#   {line}\n" for line in found["pem"].splitlines())
    sys.stdout.write(text)


def _yaml(document: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, default_flow_style=False, width=1000))
