"""What a proved predicate says, as typed facts that policy can ask for. Pure: parsed JSON in, values out.

`read` is the one door for predicates, `image_facts` for the image itself; `FIELDS` documents every fact of both.
"""

from proxy.facts.fields import FIELDS
from proxy.facts.image import image_facts
from proxy.facts.kinds import ALIASES, Facts, Field, Unreadable, alias_of
from proxy.facts.provenance import level
from proxy.facts.reading import read
from proxy.facts.vulnerabilities import apply_vex

__all__ = ["ALIASES", "FIELDS", "Facts", "Field", "Unreadable", "alias_of", "apply_vex", "image_facts", "level", "read"]
