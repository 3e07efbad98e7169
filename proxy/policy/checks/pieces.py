"""CEL in pieces: one evaluation is small, and a loop over a long list is as many as it takes. Law: the answer is the whole's.

The library stops an evaluation after 10 000 steps of loops, which it does not let one raise, and it holds the interpreter
while it runs. So loops that stand on their own (`policy.loops`) are run over pieces of their list, and the answers are
put together as CEL says: `||` over those of `exists`, `&&` over those of `all`, one list of those of `filter` and `map`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cel_expr_python import cel

from proxy.policy.checks.loops import Loop, builds_lists, first_loop, names_in

PIECE = 2000  # items of a list in one evaluation of `exists` and `all`: a few milliseconds
BUILT = 250  # of `filter` and `map`, whose time in the library grows with the square of what they build
NESTED = 1000  # items of a list that a `filter` or `map` within something else may meet
EFFORT = 500  # for one condition: evaluations, each of at most 10 000 steps or PIECE items that it must be handed
TOO_MANY = "it takes more steps than a condition may; ask for less, or ask it of fewer items"
TOO_LONG = f"a `map` or `filter` within it meets a list of more than {NESTED} items; write `exists` or `all`"
_BUDGET = "Iteration budget exceeded"

Compile: TypeAlias = Callable[
    [str, Mapping[str, Any]], Any
]  # a text and its variables' types → the library's Expression


class Unanswered(ValueError):
    """A condition has no answer for these facts. The text is one sentence."""


class Exhausted:
    """The library's steps were used up."""


@dataclass(frozen=True, slots=True)
class Fault:
    text: str


EXHAUSTED = Exhausted()


def evaluated(program: Any, values: Mapping[str, Any]) -> Any:
    """A plain value, a Fault, or EXHAUSTED."""
    try:
        answer = program.eval(data=dict(values))
        if answer.type() == cel.Type.ERROR:
            return Fault(str(answer.value()))
        return answer.plain_value()
    except (RuntimeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        return EXHAUSTED if _BUDGET in str(error) else Fault(str(error))


@dataclass(slots=True)
class Run:
    """One condition over long lists: each loop that stands on its own is run in pieces, and becomes a variable."""

    compile: Compile
    types: dict[str, Any]
    values: dict[str, Any]
    piece: int = PIECE
    built: int = BUILT
    faults: list[Fault] = field(default_factory=list)
    spent: int = 0

    def whole(self, text: str) -> Any:
        at = 0
        while (loop := first_loop(text, start=at)) is not None:
            name = f"__{len(self.types)}"
            if not self._takes(loop, name):
                at = loop.end
                continue
            text, at = f"{text[: loop.start]}{name}{text[loop.end :]}", loop.start
        if builds_lists(text) and _is_long(_named(text, self.values), NESTED):
            return Fault(TOO_LONG)
        answer = self._spend(self.compile(text, self.types), self.values)
        return self.faults[0] if isinstance(answer, Fault) and self.faults else answer

    def _takes(self, loop: Loop, name: str) -> bool:
        """Run it and keep its answer as a variable of this name; False where it is over no list."""
        items = _at(self.values, loop.path)
        if not isinstance(items, list):
            return False
        receiver = f"{name}r"
        types = self.types | {receiver: self.compile(".".join(loop.path), self.types).return_type()}
        program = self.compile(f"{receiver}{loop.call}", types)
        if builds_lists(loop.body) and self._meets_long(loop, items):
            answer: Any = Fault(TOO_LONG)
        else:
            seen = _seen_by(loop, items)
            answer = self._folded(loop.macro, self._pieces(program, receiver, seen, loop))
        self.types[name] = program.return_type()
        if isinstance(answer, Fault):
            self.faults.append(answer)  # left unbound: `true || …` is true whatever this is
        else:
            self.values[name] = answer
        return True

    def _meets_long(self, loop: Loop, items: Sequence[Any]) -> bool:
        """Whether a loop inside this one could build a long list: from an item, or from another fact."""
        return _is_long(_named(loop.body, self.values), NESTED) or any(_is_long(item, NESTED) for item in items)

    def _pieces(self, program: Any, receiver: str, items: Sequence[Any], loop: Loop) -> Iterator[Any]:
        at, size = 0, self.built if loop.is_builder or builds_lists(loop.body) else self.piece
        # Lists that each piece is handed as a whole, beside its items.
        handed = sum(len(each) for each in _named(loop.body, self.values).values() if isinstance(each, list)) // PIECE
        while at < len(items) or at == 0:
            answer = self._spend(program, self.values | {receiver: list(items[at : at + size])}, effort=1 + handed)
            if answer is EXHAUSTED and size > 1:
                size //= 2
                continue
            yield answer
            at += size

    def _folded(self, macro: str, answers: Iterator[Any]) -> Any:
        """The answers of the pieces as one, with CEL's own rules for errors among them."""
        built: list[Any] = []
        fault: Fault | None = None
        for answer in answers:
            if answer is EXHAUSTED:
                raise Unanswered(TOO_MANY)
            if isinstance(answer, Fault):
                fault = fault or answer
                if macro in ("filter", "map"):
                    return fault
            elif macro in ("exists", "all"):
                if answer is (macro == "exists"):
                    return answer
            else:
                built.extend(answer)
        return fault or (built if macro in ("filter", "map") else macro == "all")

    def _spend(self, program: Any, values: Mapping[str, Any], *, effort: int = 1) -> Any:
        self.spent += effort
        if self.spent > EFFORT:
            raise Unanswered(TOO_MANY)
        return evaluated(program, values)


def _seen_by(loop: Loop, items: list[Any]) -> list[Any]:
    """The items without what the loop does not look at: handing an item over takes longer than asking it."""
    fields = loop.fields
    if fields is None or set(map(type, items)) != {dict}:
        return items
    if len(fields) == 1:
        (name,) = fields
        return [{name: item[name]} if name in item else {} for item in items]
    return [{name: item[name] for name in fields if name in item} for item in items]


def _at(values: Mapping[str, Any], path: Sequence[str]) -> Any:
    here: Any = values
    for name in path:
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def _named(text: str, values: Mapping[str, Any]) -> dict[str, Any]:
    names = names_in(text)
    return {name: value for name, value in values.items() if name in names}


def is_large(text: str, values: Mapping[str, Any]) -> bool:
    """Whether it is better run in pieces from the start, for it would hold up the interpreter."""
    named = _named(text, values)
    if builds_lists(text):
        return _is_long(named, BUILT)
    return any(isinstance(each, list) and len(each) > PIECE for each in named.values())


def _is_long(value: Any, limit: int) -> bool:
    """Whether a list in it, at any depth, has more items; JSON's depth is capped where it was parsed."""
    if isinstance(value, Mapping):
        return any(_is_long(each, limit) for each in value.values())
    if isinstance(value, list):
        return len(value) > limit or any(_is_long(each, limit) for each in value)
    return False
