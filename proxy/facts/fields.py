"""Every fact, one by one: its name, its type and what it means. Law: what is not here is no fact, and what is here is always set.

A fact that the predicate does not tell is None. Under `predicate` stands the whole of it, for what no fact names.
"""

from collections.abc import Mapping
from types import MappingProxyType

from proxy.facts.kinds import Field

_PREDICATE = Field("predicate", "map", "The predicate itself, as it was signed.")

_PROVENANCE = (
    Field("builder", "string", "The builder's id, compared as a whole: `…/builder@evil` is not `…/builder`."),
    Field("buildType", "string", "The build type's URI."),
    Field(
        "source",
        "string",
        "The repository that was built, as host/path, such as github.com/acme/ml: without `git+`, https or ssh, `.git` and ref. "
        "A source over another scheme stays as written. Not told where the builder names two different ones.",
    ),
    Field("sourceUri", "string", "The same as the builder wrote it."),
    Field("ref", "string", "The Git ref that was built, such as refs/tags/v1.2.0."),
    Field("commit", "string", "The commit that was built, in lower-case hex."),
    Field("workflow", "string", "The file that says how it is built, such as .github/workflows/release.yml."),
    Field("externalParameters", "map", "What whoever asked for the build could set (v0.2: invocation.parameters)."),
    Field("hermetic", "bool", "True where the builder (BuildKit) says that the build had no network."),
    Field("reproducible", "bool", "True where the builder says that the same build gives the same bytes."),
    Field("materials", "list", "What went into it: objects with `uri` and `digest` (algorithm to hex)."),
    Field("materialsComplete", "bool", "True where the builder says that no material is missing."),
    Field("invocation", "string", "The builder's own id of this build."),
    Field("startedAt", "time", "When the build began, as the builder says."),
    Field("finishedAt", "time", "When the build ended, as the builder says."),
    _PREDICATE,
)
_SBOM = (
    Field("format", "string", "`spdx` or `cyclonedx`."),
    Field(
        "version",
        "string",
        "The format's version, such as 2.3 or 1.6. Others than 2.2, 2.3 and 1.4 to 1.7 are not read.",
    ),
    Field("name", "string", "What the document says it describes."),
    Field("createdAt", "time", "When it was made, as it says."),
    Field("tools", "list", "The tools that made it, as name-version."),
    Field(
        "components",
        "list",
        "All components, nested ones too: objects with `name`, `version`, `purl`, `supplier` (texts, empty where not told) "
        "and `licences` (a list of SPDX ids, expressions or names).",
    ),
    Field(
        "count",
        "int",
        "How many components it lists. One that lists none meets no condition on components, unless this is asked for too.",
    ),
    _PREDICATE,
)
_VULN = (
    Field(
        "critical",
        "int",
        "Findings of critical severity, and those of a severity that is missing or of an unknown word.",
    ),
    Field("high", "int", "Findings of high severity (`important` too)."),
    Field("medium", "int", "Findings of medium severity (`moderate` too)."),
    Field("low", "int", "Findings of low severity."),
    Field("negligible", "int", "Findings of negligible severity (`none` and `informational` too)."),
    Field("unknown", "int", "Findings whose severity the scanner itself calls unknown."),
    Field(
        "total",
        "int",
        "All findings. A package with one vulnerability in two places counts as often as the scan lists it.",
    ),
    Field("fixable", "int", "Findings for which a fixed version exists."),
    Field("fixableCritical", "int", "Critical ones for which a fixed version exists."),
    Field("fixableHigh", "int", "High ones for which a fixed version exists."),
    Field("fixableMedium", "int", "Medium ones for which a fixed version exists."),
    Field("fixableLow", "int", "Low ones for which a fixed version exists."),
    Field("ids", "list", "The ids of the vulnerabilities found, each once. Not told where the scan gives bare counts."),
    Field(
        "findings",
        "list",
        "Each finding: an object with `id`, `aliases`, `severity`, `package`, `version`, `purl`, `fixable`, `fixedIn`. "
        "Not told where the scan gives bare counts.",
    ),
    Field("ignored", "int", "Findings that the scanner itself was told to leave out; they are in no count."),
    Field(
        "suppressed",
        "list",
        "Findings that a VEX statement took out of every count: `id`, `severity`, `package`, `version`, and of the statement "
        "`status`, `justification`, `impact`, `document`, `author`, `timestamp`.",
    ),
    Field("scanner", "string", "The scanner's URI as the predicate names it, else the tool's name."),
    Field("scannerVersion", "string", "The scanner's version."),
    Field("scanTime", "time", "When it was scanned: the earliest of the times that the predicate tells."),
    Field("dbTime", "time", "When the scanner's database was last updated."),
    _PREDICATE,
)
_VEX = (
    Field("author", "string", "Who made the statements, as the document says."),
    Field("document", "string", "The document's id."),
    Field("timestamp", "time", "When it was issued or last updated."),
    Field(
        "statements",
        "list",
        "Each statement: an object with `vulnerability`, `aliases`, `status`, `products`, `justification`, `impact`, "
        "`timestamp`, `document`, `author`.",
    ),
    Field("count", "int", "How many statements there are."),
    Field("notAffected", "list", "Vulnerabilities that are said not to affect a product."),
    Field("affected", "list", "Vulnerabilities that are said to affect one."),
    Field("fixed", "list", "Vulnerabilities that are said to be fixed in one."),
    Field("underInvestigation", "list", "Vulnerabilities that are being looked at."),
    _PREDICATE,
)
_TEST = (
    Field("result", "string", "PASSED, WARNED or FAILED."),
    Field("passed", "bool", "True where the result is PASSED."),
    Field("url", "string", "Where the run can be seen."),
    Field("configuration", "list", "What configured the run, as in-toto ResourceDescriptors."),
    Field("passedTests", "list", "Names of the tests that passed."),
    Field("warnedTests", "list", "Names of the tests that passed with warnings."),
    Field("failedTests", "list", "Names of the tests that failed."),
    _PREDICATE,
)
_VSA = (
    Field("verifier", "string", "The verifier's id. Believe only pairs of signer and verifier."),
    Field(
        "resource", "string", "The URI of what was verified; ask for it, since the digest alone does not tell the name."
    ),
    Field("policy", "string", "The URI of the policy it was verified against."),
    Field("result", "string", "PASSED or FAILED."),
    Field("passed", "bool", "True where the result is PASSED."),
    Field("levels", "list", "The levels verified, such as SLSA_BUILD_LEVEL_3 (v0.2: SLSA_LEVEL_3)."),
    Field("dependencyLevels", "map", "How many dependencies were verified at each level."),
    Field("timeVerified", "time", "When it was verified, as the verifier says."),
    _PREDICATE,
)
_CUSTOM = (
    Field("text", "string", "The data as the text that cosign wrapped."),
    Field("data", "map", "The data, where that text is a JSON object."),
    Field("timestamp", "time", "When cosign wrapped it, by the signer's clock."),
    _PREDICATE,
)
_IMAGE = (
    Field("mediaType", "string", "The manifest's media type."),
    Field(
        "isIndex",
        "bool",
        "True for an Index; facts of a config are not told then, so ask for them where children are judged.",
    ),
    Field("size", "int", "Bytes of config and layers, as they are stored and pulled."),
    Field("layers", "int", "How many layers it has."),
    Field(
        "platforms", "list", "Its platforms, such as linux/arm64; an Index's are those it lists, attestations left out."
    ),
    Field("annotations", "map", "The manifest's annotations."),
    Field("created", "time", "When it was made, as its config says; reproducible builds write 1970."),
    Field("age", "int", "Seconds since then; not told where it says nothing or a time to come."),
    Field("user", "string", "Whom it runs as: name or number, with the group if one is given; empty is root."),
    Field(
        "isRoot",
        "bool",
        "True for no user, root and 0. Another name for the id 0 in the image's passwd file is not seen.",
    ),
    Field("labels", "map", "Its labels."),
    Field("entrypoint", "list", "Its entry point."),
    Field("cmd", "list", "Its default arguments."),
    Field("environment", "list", "The names of the environment variables that it sets; their values are not told."),
    Field("exposedPorts", "list", "The ports that it declares, such as 8080/tcp."),
    Field("volumes", "list", "The volumes that it declares."),
    Field("workingDir", "string", "Its working directory."),
    Field(
        "config", "map", "What its config says of running it, from `user` to `workingDir`, as config.user and so on."
    ),
)

FIELDS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "slsa-provenance": _PROVENANCE,
        "sbom": _SBOM,
        "vuln": _VULN,
        "vex": _VEX,
        "test": _TEST,
        "vsa": _VSA,
        "sign": (_PREDICATE,),
        "custom": _CUSTOM,
        "image": _IMAGE,
    }
)
