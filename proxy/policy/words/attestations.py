"""Requirements with facts: `attestation` and `image`. Law: every fact that is asked for exists, and is of that type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from proxy.errors import ConfigError
from proxy.facts import ALIASES, FIELDS, Field, alias_of
from proxy.policy.checks import conditions
from proxy.policy.checks.where import Where
from proxy.policy.match import TextPattern
from proxy.policy.requirements import AttestationRequirement, Covers, ImageRequirement
from proxy.policy.who.voices import Voices
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import unknown
from proxy.policy.words.written import ImageEntry, RequirementEntry
from proxy.yamlfile import Path

_PROVENANCE, _IMAGE = "slsa-provenance", "image"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]{1,500}")
# A fact of ours and no field of the predicate: what `levels` makes of the builder.
_LEVEL = Field("level", "int", "The SLSA build level that `levels` gives the builder.")
_HIGHEST = 4  # SLSA v0.1 had four
# Facts that are lists of objects: no pattern can say what is asked of one.
_OF_OBJECTS = frozenset({"materials", "components", "findings", "suppressed", "statements", "configuration"})
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AttestationReader:
    draft: Draft
    voices: Voices
    covers: Covers

    def attestation(self, path: Path, entry: RequirementEntry) -> AttestationRequirement:
        """What the entry asks for; what is wrong goes into the draft."""
        alias, types = self._types(path, entry.attestation)
        self._by(path, entry)
        self._age(path, entry)
        levels = self._levels(path, entry, alias) if types else ()
        where: tuple[Where, ...] = ()
        if types:
            where = self._where((*path, "where"), entry.where, alias)
            self._condition(path, entry.condition, conditions.variables_of(entry.attestation))
        if entry.vex and types:
            self._vex(path, entry, alias)
        return AttestationRequirement(
            name=entry.name or alias or "attestation",
            kind=entry.attestation,
            types=types,
            signer=entry.by,
            where=where,
            condition=entry.condition or None,
            max_age=entry.max_age,
            grace=entry.grace,
            covers=entry.covers or self.covers,
            levels=levels,
            vex=entry.vex or None,
        )

    def image(self, path: Path, entry: RequirementEntry) -> ImageRequirement:
        """What the entry asks of the image itself; what is wrong goes into the draft."""
        asked = entry.image or ImageEntry()
        here = (*path, "image")
        if not asked.model_fields_set and self.draft.is_whole(here):
            self.draft.blame(here, "it asks for nothing: write `maxAge`, `where` or `condition`")
        self._span((*here, "maxAge"), asked.max_age)
        self._condition(here, asked.condition, conditions.image_variables())
        where = self._where((*here, "where"), asked.where, _IMAGE)
        return ImageRequirement(entry.name or "image", where, asked.condition or None, asked.max_age)

    def _types(self, path: Path, written: str) -> tuple[str | None, tuple[str, ...]]:
        """The alias that knows its facts, or None; and the predicate types that count, none where it is no kind at all."""
        if written in ALIASES:
            return written, ALIASES[written]
        if not _URI.fullmatch(written):
            known = f"write one of {', '.join(sorted(ALIASES))}, or the predicate type's whole URI"
            self.draft.blame((*path, "attestation"), unknown(written, ALIASES, "kind of attestation", known))
            return None, ()
        return alias_of(written), (written,)

    def _by(self, path: Path, entry: RequirementEntry) -> None:
        if not entry.by and self.draft.is_whole((*path, "by")):
            self.draft.blame(path, "`by` is missing: whose word counts; anybody can attest anything")
        self.voices.require(self.draft, (*path, "by"), entry.by)

    def _age(self, path: Path, entry: RequirementEntry) -> None:
        self._span((*path, "maxAge"), entry.max_age)
        self._span((*path, "grace"), entry.grace)
        if entry.grace is not None and entry.max_age is None and self.draft.is_whole((*path, "maxAge")):
            self.draft.blame((*path, "grace"), "it prolongs `maxAge`, which is not there; write it, or remove `grace`")
        if entry.max_age is not None and entry.by and not self.voices.proves_time(entry.by):
            self.draft.blame(
                (*path, "maxAge"),
                f"nothing proves when {entry.by} signed; give the signer a log or timestamps, or remove it",
            )

    def _span(self, path: Path, span: timedelta | None) -> None:
        if span is not None and span < _SHORTEST:
            self.draft.blame(path, "less than a minute is over before anybody pulls; write a span, such as 7d")

    def _levels(self, path: Path, entry: RequirementEntry, alias: str | None) -> tuple[tuple[str, int], ...]:
        here = (*path, "levels")
        if entry.levels and alias != _PROVENANCE:
            self.draft.blame(here, f"levels are of builders, and only {_PROVENANCE} names one; remove it")
        elif entry.levels and "level" not in entry.where and "level" not in entry.condition:
            self.draft.blame(here, "nothing asks for `level`; write `where: { level: '>=3' }`, or remove it")
        for builder, level in entry.levels.items():
            if not 0 <= level <= _HIGHEST:
                self.draft.blame((*here, builder), f"{level} is no SLSA level; write 0 to {_HIGHEST}")
            try:
                TextPattern.glob(builder)
            except ConfigError as error:
                self.draft.blame((*here, builder), error.message)
        if "level" in entry.where and not entry.levels and alias == _PROVENANCE and self.draft.is_whole(here):
            text = "no provenance tells its own level: say which builder has which, as `levels: { <builder>: 3 }`"
            self.draft.blame((*path, "where", "level"), text)
        return tuple(entry.levels.items())

    def _vex(self, path: Path, entry: RequirementEntry, alias: str | None) -> None:
        if alias != "vuln":
            self.draft.blame((*path, "vex"), "it takes findings out, and only `attestation: vuln` has some; remove it")
        self.voices.require(self.draft, (*path, "vex"), entry.vex)

    def _condition(self, path: Path, text: str, variables: Mapping[str, str]) -> None:
        try:
            if text:
                conditions.compiled(text, variables)
        except ConfigError as error:
            self.draft.blame((*path, "condition"), error.message)

    def _where(self, path: Path, written: Mapping[str, Any], alias: str | None) -> tuple[Where, ...]:
        if written and alias is None:
            self.draft.blame(path, "no reader knows the facts of this type; use `condition` over `predicate`")
            return ()
        fields = {field.name: field for field in FIELDS.get(alias or "", ())}
        fields |= {"level": _LEVEL} if alias == _PROVENANCE else {}
        found = [self._fact((*path, name), name, value, fields) for name, value in written.items()]
        return tuple(each for each in found if each is not None)

    def _fact(self, path: Path, name: str, value: Any, fields: Mapping[str, Field]) -> Where | None:
        field = fields.get(name)
        if field is None:
            known = f"there are {', '.join(sorted(name for name, each in fields.items() if _is_comparable(each)))}"
            self.draft.blame(path, unknown(name, fields, "fact", known))
            return None
        try:
            return _asked(field, value)
        except ConfigError as error:
            self.draft.blame(path, error.message)
            return None


def _is_comparable(field: Field) -> bool:
    return field.type in ("string", "int", "bool") or (field.type == "list" and field.name not in _OF_OBJECTS)


def _asked(field: Field, value: Any) -> Where:
    if not _is_comparable(field):
        instead = "`maxAge` or `condition`" if field.type == "time" else "`condition`"
        raise ConfigError(f"it is a {field.type}, which no single value is compared with; use {instead}")
    if field.type == "int":
        return Where.number(field.name, value)
    if field.type == "bool":
        return Where.flag(field.name, value)
    return Where.one_of(field.name, value)
