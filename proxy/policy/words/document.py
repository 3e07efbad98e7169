"""policy.yaml to a Policy. Law: strictly read, every problem told at once with file, line and remedy, or no Policy at all."""

from collections.abc import Collection
from datetime import datetime

from pydantic import ValidationError

from proxy.errors import ConfigError
from proxy.policy.rules import Policy, Rule, SignerSpec, most_specific
from proxy.policy.words.draft import Draft
from proxy.policy.words.meaning import Meaning
from proxy.policy.words.written import PolicyDocument
from proxy.settings import sentence
from proxy.yamlfile import parse

__all__ = ["Policy", "PolicyDocument", "Rule", "SignerSpec", "most_specific", "parse_policy"]


def parse_policy(text: str, *, file: str, now: datetime, timeless: Collection[str] = ()) -> Policy:
    """Read the policy; `file` is how problems name it, `now` (aware UTC) is what exceptions and windows are held against.

    `timeless` are presets whose signatures carry no time that anybody proves. Raise ConfigError whose `problems` are
    all that is wrong, in the order of the lines.
    """
    draft = Draft(parse(text, file=file))
    if draft.document.values is None:
        draft = Draft(parse("{}", file=file))
    draft.prune_empty()
    written = _shape(draft)
    policy = Meaning(draft, written, now, timeless).policy() if written is not None else Policy()
    if draft.problems:
        count = len(draft.problems)
        more = f" (and {count - 1} more)" if count > 1 else ""
        raise ConfigError(f"{draft.problems[0]}{more}", problems=draft.problems)
    return policy


def _shape(draft: Draft) -> PolicyDocument | None:
    """The file's shape, with whatever does not fit it told and taken out; None where nothing of it is a policy."""
    while True:
        try:
            return PolicyDocument.model_validate(draft.plain(), by_alias=True, by_name=False)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
        paths = [draft.original(problem["loc"]) for problem in problems]
        for path, problem in zip(paths, problems, strict=True):
            if problem["type"] != "too_short":  # what was written empty was told before; this was emptied here
                draft.problem(path, sentence(problem, model=PolicyDocument))
        pruned = {path for path in paths if draft.prune(path)}  # each of them, not only until the first
        if () in paths or not pruned:
            return None
