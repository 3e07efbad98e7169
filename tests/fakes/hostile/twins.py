"""A twin: an image whose evidence is as good as an honest one's but for one thing, and must be refused for it.

    @hostile("T20", "sig", "bundle", says="log entry")
    def an_entry_of_another_signature(forge): return [forge.make(logged={"signature": b"x"})]

`says` is what the refusal must tell (a text, or one for each form). `case` names another lab case than the form's own,
`ask` changes whom the policy asks for. What only a policy can tell (`level="policy"`) is proved, and is not what is asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

from proxy.verify.evidence import Found
from tests.fakes.hostile.forge import FORMS, Forge
from tests.fakes.lab import Case, case_of
from tests.fakes.layouts import LAB

Build: TypeAlias = Callable[[Forge], Sequence[Found]]
Ask: TypeAlias = Callable[[dict[str, Any]], None]

# Whose image and whose `require` a twin of each form has, unless it names another.
CASES = {
    "sig": "v2-key-rekor1",
    "oci11": "v2-oci11-referrer",
    "own-pki": "v2-own-pki",
    "sig-keyless": "v2-keyless-email",
    "att": "v2-att-keyless-rekor1",
    "bundle-key": "v3-key-rekor2-ref",
    "bundle": "v3-keyless-rekor1-ref",
    "jws": "notation-p256-jws",
    "cose": "notation-p256-cose",
}
STAMPED = {
    "sig": "v2-key-tsa",
    "sig-keyless": "v2-keyless-tsa-only",
    "att": "v2-att-keyless-tsa",
    "bundle": "v3-keyless-tsaonly-ref",
    "jws": "notation-timestamp-jws",
    "cose": "notation-timestamp-cose",
}
KEYLESS = ("sig-keyless", "att", "bundle")
ENVELOPED = ("att", "bundle-key", "bundle")
SIMPLE = ("sig", "oci11", "own-pki", "sig-keyless")
LOGGED = ("sig", "sig-keyless", "att", "bundle-key", "bundle")
NOTATION = ("jws", "cose")
CERTIFIED = (*KEYLESS, "own-pki", *NOTATION)


@dataclass(frozen=True)
class Twin:
    row: str
    form: str
    name: str
    says: str
    build: Build
    case_name: str
    ask: Ask | None = None
    level: str = "verify"

    def __str__(self) -> str:
        return f"{self.row}-{self.form}-{self.name}"

    @property
    def case(self) -> Case:
        """What is asked for."""
        case = right_case(self.form, self.case_name)
        if self.ask is not None:
            wanted = case["require"]
            for one in [*([wanted["signature"]] if "signature" in wanted else []), *wanted.get("attestations", [])]:
                self.ask(one)
        return case

    @property
    def forge(self) -> Forge:
        return Forge(self.form, right_case(self.form, self.case_name))

    def founds(self) -> tuple[Found, ...]:
        return tuple(self.build(self.forge))


def right_case(form: str, name: str) -> Case:
    """The lab's, but that the company's authority, whose key is here, is that of its Notation certificates."""
    case = deepcopy(case_of(name))
    if form == "own-pki":
        for asked in case["require"]["signature"]["any_of"]:
            asked["x509"] = ["trust/x509/n_p256.root.pem"]
    return case


TWINS: list[Twin] = []


def hostile(
    row: str,
    *forms: str,
    says: str | Mapping[str, str],
    case: Mapping[str, str] | str | None = None,
    ask: Ask | None = None,
    level: str = "verify",
    name: str = "",
) -> Callable[[Build], Build]:
    """Enter what this builds as a twin of the row, in each of these forms (all, if none is named)."""

    def enter(build: Build) -> Build:
        for form in forms or FORMS:
            own = case if isinstance(case, str) else (case or CASES)[form]
            told = says if isinstance(says, str) else says[form]
            known = name or build.__name__.replace("_", " ")
            if LAB.is_dir():
                TWINS.append(Twin(row, form, known, told, build, own, ask, level))
        return build

    return enter


def each_asked(change: Callable[[dict[str, Any]], None]) -> Ask:
    """Change every alternative that is asked for."""

    def ask(one: dict[str, Any]) -> None:
        for asked in (*one.get("any_of", ()), *one.get("all_of", ())):
            change(asked)

    return ask


def under(root: str) -> Ask:
    return each_asked(lambda asked: asked.update(trusted_root=f"trust/roots/{root}.json"))


def of_row(row: str, form: str) -> list[Twin]:
    return [each for each in TWINS if (each.row, each.form) == (row, form)]


def listed(rows: Iterable[str]) -> dict[str, list[Twin]]:
    return {row: [each for each in TWINS if each.row == row] for row in rows}
