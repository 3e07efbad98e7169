"""`condition`: CEL over proved facts. Law: compiled and typed at load, bounded in steps and size; an error is a sentence."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from proxy.errors import ConfigError
from proxy.facts import FIELDS, alias_of
from proxy.policy.checks.pieces import EXHAUSTED, TOO_LONG, TOO_MANY, Fault, Run, Unanswered, evaluated, is_large

__all__ = ["LONGEST", "Condition", "Unanswered", "compiled", "image_variables", "variables_of"]

LONGEST = 4096  # bytes of a condition
_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "string": cel.Type.STRING,
    "time": cel.Type.TIMESTAMP,
    "list": cel.Type.List(cel.Type.DYN),
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "any": cel.Type.DYN,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition: `variables` are the facts that it may name, with their types (a `facts.Field`'s word)."""

    text: str
    variables: Mapping[str, str] = field(hash=False)
    _program: Any = field(compare=False, repr=False)

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether it is true of these facts. Raise Unanswered, where a fact that decides is not told too.

        `facts` are plain values; times may be RFC 3339 texts. A list of any length is worked off, within EFFORT.
        """
        values = dict(_bound(self.variables, facts))
        answer: Any = EXHAUSTED
        if not is_large(self.text, values):
            answer = evaluated(self._program, values)
        if answer is EXHAUSTED:
            answer = Run(_program, _types(self.variables), values).whole(self.text)
        return _verdict(answer, self.variables, facts)


def compiled(text: str, variables: Mapping[str, str]) -> Condition:
    """The condition, typed over these variables. Raise ConfigError with one sentence; called at load and at use."""
    if len(text.encode(errors="surrogatepass")) > LONGEST:
        raise ConfigError(f"the condition is longer than {LONGEST} bytes; split it into several requirements")
    return _compiled(text, tuple(sorted(variables.items())))


def variables_of(kind: str) -> Mapping[str, str]:
    """What a condition over an attestation may name: the facts of this alias or predicate type, and their types."""
    alias = kind if kind in FIELDS else alias_of(kind)
    if alias is None:
        return {"predicate": "any"}
    more = {"level": "int"} if alias == "slsa-provenance" else {}
    return {each.name: each.type for each in FIELDS[alias]} | more


def image_variables() -> Mapping[str, str]:
    """What a condition over an image may name: its facts one by one, and `image` with all of them."""
    return {each.name: each.type for each in FIELDS["image"]} | {"image": "map"}


@lru_cache(maxsize=512)
def _compiled(text: str, variables: tuple[tuple[str, str], ...]) -> Condition:
    names = dict(variables)
    program = _program(text, _types(names))
    told = program.return_type()
    if told != cel.Type.BOOL:
        raise ConfigError(f"the condition gives {told.name().lower()}, not true or false; compare it with something")
    return Condition(text, names, program)


def _types(variables: Mapping[str, str]) -> dict[str, Any]:
    return {name: _TYPES[word] for name, word in variables.items()}


def _program(text: str, types: Mapping[str, Any]) -> Any:
    try:
        return cel.NewEnv(variables=dict(types)).compile(text)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(_compile_fault(str(error), types)) from None


def _verdict(answer: Any, variables: Mapping[str, str], facts: Mapping[str, Any]) -> bool:
    if isinstance(answer, bool):
        return answer
    raise Unanswered(TOO_MANY if not isinstance(answer, Fault) else _eval_fault(answer.text, variables, facts))


def _bound(variables: Mapping[str, str], facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The facts that are told, as CEL takes them; one that is not told stays unbound, and is an error where it decides."""
    for name, word in variables.items():
        value = facts.get(name)
        if word == "time" and isinstance(value, str):
            value = datetime.fromisoformat(value)
        if value is not None:
            yield name, list(value) if isinstance(value, tuple | set | frozenset) else value


def _compile_fault(text: str, types: Mapping[str, Any]) -> str:
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (.*)", text)
    if not found:
        return f"the condition cannot be compiled: {_shown(text)}"
    missing = re.match(r"undeclared reference to '([^']*)'", found[3])
    if missing:
        return f"there is no {_shown(missing[1])!r} in conditions here; there are {', '.join(sorted(types))}"
    where = f"line {found[1]}, column {found[2]}" if found[1] != "1" else f"column {found[2]}"
    return f"the condition is wrong at {where}: {_shown(found[3])}"


def _eval_fault(text: str, variables: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    if text in (TOO_LONG, TOO_MANY):
        return text
    unbound = re.search(r'No value with name "([^"]*)"', text)
    if unbound and unbound[1] in variables and facts.get(unbound[1]) is None:
        return f"{unbound[1]} is not told"
    return _shown(re.sub(r"^[A-Z_]+: ", "", text))


def _shown(text: str) -> str:
    """A sentence of the library's, which may quote a stranger's text: printable, on one line, of bounded length."""
    line = " ".join(text.split())
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in line)[:160].rstrip(" .")
