"""`pratique verify`: the judge asked by hand, about an image, a bare bundle, or a Decision that was recorded.

One verb, four forms; this file tells them apart, and what does not belong together is said before anything is read.
"""

from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.files import ConfigOption
from proxy.cli.output import Format, Output
from proxy.errors import ConfigError

_FORMS = "REF, --bundle, --record and --replay"
# What goes with which form, as it is written.
_OF_A_BUNDLE = ("--digest", "--artifact", "--key", "--identity", "--identity-regex", "--issuer", "--trusted-root")
_OF_A_RECORD = ("--out",)


def verify(
    reference: Annotated[
        str | None, typer.Argument(metavar="[REF]", help="host/name:tag or host/name@sha256:…", show_default=False)
    ] = None,
    *,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Verify this Sigstore bundle alone, offline.")
    ] = None,
    digest: Annotated[str | None, typer.Option(metavar="D", help="What it must be about: sha256:…")] = None,
    artifact: Annotated[Path | None, typer.Option(metavar="FILE", help="The same, as a file.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="K", help="The public key that must have signed, PEM.")] = None,
    identity: Annotated[
        str | None, typer.Option(metavar="I", help="Or the identity, exactly: a workflow's URI, an email.")
    ] = None,
    identity_regex: Annotated[
        str | None, typer.Option(metavar="RE", help="The same as an RE2 expression over the whole of it.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(metavar="O", help="Who vouched for the identity, exactly.")] = None,
    trusted_root: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Whose CAs and logs count. Default: sigstore; of a key: none is asked."),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Write the case file of a Decision: r-…, its key, or host/name@sha256:…"),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; `-` is stdout.")] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge a case file again, offline; 0 if it comes out the same.")
    ] = None,
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Fetch, judge and print the Decision of REF, with every Check and the same question to cosign and notation.

    Or verify a bare bundle, write down what a Decision was made of, or judge that again on another machine.

    REF needs no running proxy, and changes nothing. Exit: 0 allowed, proved or the same; 1 not; 69 upstream
    unavailable; 75 cannot tell now.
    """
    of_a_bundle = (digest, artifact, key, identity, identity_regex, issuer, trusted_root)
    given = {name for name, value in zip(_OF_A_BUNDLE, of_a_bundle, strict=True) if value is not None}
    given |= {"--out"} if out is not None else set()
    forms = {"REF": reference, "--bundle": bundle, "--record": record, "--replay": replay}
    form = _form([name for name, value in forms.items() if value is not None], given)
    if form == "--bundle":
        from proxy.cli.bare import Question, verify_bundle

        assert bundle is not None
        asked = Question(bundle, digest, artifact, key, identity, identity_regex, issuer, trusted_root)
        return verify_bundle(asked, output)
    if form == "--record":
        from proxy.cli.record import write_record

        assert record is not None
        return write_record(record, out, config, output)
    if form == "--replay":
        from proxy.cli.replay import replay_file

        assert replay is not None
        return replay_file(replay, output)
    from proxy.cli.examine import verify_image

    assert reference is not None
    return verify_image(reference, config, output)


def _form(forms: list[str], given: set[str]) -> str:
    """Which form it is; raise ConfigError for none, for several, and for options of another."""
    if not forms:
        what = f"{_listed(given)} {_go(given)} with {_owner(given)}, which is missing; " if given else ""
        raise ConfigError(f"{what}name one of {_FORMS}")
    if len(forms) > 1:
        raise ConfigError(f"{_listed(forms)} are different questions; ask one of them at a time")
    allowed = {"--bundle": _OF_A_BUNDLE, "--record": _OF_A_RECORD}.get(forms[0], ())
    strangers = given.difference(allowed)
    if strangers:
        raise ConfigError(f"{_listed(strangers)} {_go(strangers)} with {_owner(strangers)}, not with {forms[0]}")
    return forms[0]


def _owner(names: set[str]) -> str:
    return "--record" if names <= set(_OF_A_RECORD) else "--bundle"


def _go(names: set[str]) -> str:
    return "goes" if len(names) == 1 else "go"


def _listed(names: "set[str] | list[str]") -> str:
    *most, last = sorted(names) if isinstance(names, set) else names
    return f"{', '.join(most)} and {last}" if most else last
