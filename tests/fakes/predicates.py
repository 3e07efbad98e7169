"""One good predicate of each type and format, whole, as the published schemas describe them: to be read and to be spoiled."""

from typing import Any

IMAGE = "sha256:" + "ab" * 32

SLSA_V02: dict[str, Any] = {
    "buildType": "https://ci.acme.test/build@v1",
    "builder": {"id": "https://ci.acme.test/builder@v2"},
    "invocation": {
        "configSource": {
            "uri": "git+https://github.com/acme/ml.git@refs/tags/v1.2.0",
            "digest": {"sha1": "0123456789ABCDEF0123456789abcdef01234567"},
            "entryPoint": ".github/workflows/release.yml",
        },
        "parameters": {"target": "trainer"},
    },
    "metadata": {
        "buildInvocationID": "4711-1",
        "buildStartedOn": "2026-11-01T10:00:00Z",
        "buildFinishedOn": "2026-11-01T12:05:00.123456789+02:00",
        "completeness": {"parameters": True, "environment": False, "materials": True},
        "reproducible": True,
        "https://mobyproject.org/buildkit@v1#hermetic": True,
    },
    "materials": [{"uri": "pkg:docker/debian@12", "digest": {"sha256": "cd" * 32}}],
}

SLSA_V1: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "ref": "refs/tags/v1.2.0",
                "repository": "https://github.com/acme/ml",
                "path": ".github/workflows/release.yml",
            }
        },
        "internalParameters": {"github": {"event_name": "push", "runner_environment": "github-hosted"}},
        "resolvedDependencies": [
            {"uri": "git+https://github.com/acme/ml@refs/tags/v1.2.0", "digest": {"gitCommit": "01" * 20}},
            {"uri": "pkg:docker/debian@12", "digest": {"sha256": "cd" * 32}},
        ],
    },
    "runDetails": {
        "builder": {"id": "https://github.com/actions/runner/github-hosted"},
        "metadata": {
            "invocationId": "https://github.com/acme/ml/actions/runs/1/attempts/1",
            "startedOn": "2026-11-01T10:00:00Z",
            "finishedOn": "2026-11-01T10:05:00Z",
            "buildkit_hermetic": False,
        },
    },
}

SPDX: dict[str, Any] = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "dataLicense": "CC0-1.0",
    "name": "trainer",
    "documentNamespace": "https://acme.test/spdx/trainer",
    "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Organization: Acme", "Tool: syft-1.30.0"]},
    "packages": [
        {
            "name": "musl",
            "SPDXID": "SPDXRef-1",
            "versionInfo": "1.2.5-r0",
            "supplier": "Person: Timo (timo@acme.test)",
            "downloadLocation": "NOASSERTION",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "MIT",
            "externalRefs": [
                {
                    "referenceCategory": "SECURITY",
                    "referenceType": "cpe23Type",
                    "referenceLocator": "cpe:2.3:a:musl:musl:1.2.5:*",
                },
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": "pkg:apk/alpine/musl@1.2.5-r0",
                },
            ],
        },
        {"name": "config-only", "SPDXID": "SPDXRef-2", "downloadLocation": "NONE", "supplier": "NOASSERTION"},
    ],
}

CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "metadata": {
        "timestamp": "2026-11-01T00:00:00Z",
        "tools": {"components": [{"type": "application", "name": "trivy", "version": "0.66.0"}]},
        "component": {"type": "container", "name": "trainer", "components": [{"type": "library", "name": "beneath"}]},
    },
    "components": [
        {
            "type": "library",
            "name": "log4j-core",
            "version": "2.25.0",
            "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.25.0",
            "supplier": {"name": "Apache"},
            "licenses": [{"license": {"id": "Apache-2.0"}}, {"license": {"name": "Acme EULA"}}],
            "components": [{"type": "library", "name": "shaded", "components": [{"type": "library", "name": "deep"}]}],
        },
        {"type": "library", "name": "left-pad", "publisher": "npm", "licenses": [{"expression": "MIT OR WTFPL"}]},
    ],
}

TRIVY: dict[str, Any] = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-11-01T08:00:00.123456789Z",
    "ArtifactName": "ghcr.io/acme/ml/trainer",
    "Results": [
        {
            "Target": "trainer (debian 12)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-0001",
                    "VendorIDs": ["DSA-1-1"],
                    "PkgName": "libssl3",
                    "PkgIdentifier": {"PURL": "pkg:deb/debian/libssl3@3.0.1?arch=amd64"},
                    "InstalledVersion": "3.0.1",
                    "FixedVersion": "3.0.2",
                    "Severity": "CRITICAL",
                },
                {
                    "VulnerabilityID": "CVE-2026-0002",
                    "PkgName": "libc6",
                    "InstalledVersion": "2.36",
                    "Severity": "UNKNOWN",
                },
            ],
        },
        {"Target": "app.jar", "Class": "lang-pkgs", "Type": "jar"},
        {"Target": "secrets", "Class": "secret"},
    ],
}

GRYPE: dict[str, Any] = {
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-aaaa-bbbb-cccc",
                "severity": "High",
                "fix": {"versions": ["2.0.0"], "state": "fixed"},
            },
            "relatedVulnerabilities": [{"id": "CVE-2026-0003"}],
            "artifact": {"name": "express", "version": "1.0.0", "purl": "pkg:npm/express@1.0.0"},
        },
        {
            "vulnerability": {
                "id": "CVE-2026-0004",
                "severity": "Negligible",
                "fix": {"versions": [], "state": "wont-fix"},
            },
            "relatedVulnerabilities": [],
            "artifact": {"name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2"},
        },
    ],
    "ignoredMatches": [{"vulnerability": {"id": "CVE-2026-0005"}}],
    "descriptor": {
        "name": "grype",
        "version": "0.100.0",
        "timestamp": "2026-11-01T09:00:00Z",
        "db": {"status": {"schemaVersion": "v6.1.0", "built": "2026-10-31T06:00:00Z", "valid": True}},
    },
}


def scan(result: Any) -> dict[str, Any]:
    """cosign's vuln predicate around a scanner's result."""
    return {
        "invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": "pkg:github/acme/scanner@1",
            "version": "1.0",
            "db": {"uri": "", "version": ""},
            "result": result,
        },
        "metadata": {"scanStartedOn": "2026-11-01T10:00:00Z", "scanFinishedOn": "2026-11-01T10:00:09Z"},
    }


VULNS_V02: dict[str, Any] = {
    "scanner": {
        "uri": "pkg:github/acme/scanner@1",
        "db": {"uri": "pkg:github/acme/db", "version": "7", "lastUpdate": "2026-10-31T00:00:00Z"},
        "result": [
            {
                "id": "CVE-2026-0006",
                "severity": [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "5.2"}],
            }
        ],
    },
    "metadata": {"scanStartedOn": "2026-11-01T10:00:00Z", "scanFinishedOn": "2026-11-01T10:00:09Z"},
}

VEX: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://acme.test/vex/1",
    "author": "Acme Security",
    "timestamp": "2026-11-01T00:00:00Z",
    "version": 1,
    "statements": [
        {
            "vulnerability": {"name": "CVE-2026-0001", "aliases": ["DSA-1-1"]},
            "products": [
                {
                    "@id": "pkg:oci/trainer@" + IMAGE.replace(":", "%3A"),
                    "subcomponents": [{"@id": "pkg:deb/debian/libssl3@3.0.1"}],
                }
            ],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
        },
        {"vulnerability": {"name": "CVE-2026-0003"}, "status": "fixed", "timestamp": "2026-11-02T00:00:00+01:00"},
    ],
}

TEST: dict[str, Any] = {
    "result": "PASSED",
    "configuration": [{"name": "ci.yml", "digest": {"gitBlob": "ef" * 20}}],
    "url": "https://ci.acme.test/runs/1",
    "passedTests": ["unit", "e2e"],
    "warnedTests": [],
    "failedTests": [],
}

VSA_V02: dict[str, Any] = {
    "verifier": {"id": "https://acme.test/verifier"},
    "time_verified": "2026-11-01T00:00:00Z",
    "resource_uri": "ghcr.io/acme/ml/trainer",
    "policy": {"uri": "https://acme.test/policy", "digest": {"sha256": "12" * 32}},
    "verification_result": "PASSED",
    "policy_level": "SLSA_LEVEL_3",
    "dependency_levels": {"SLSA_LEVEL_2": 7},
}

VSA_V1: dict[str, Any] = {
    "verifier": {"id": "https://acme.test/verifier", "version": {"verifier": "1.0"}},
    "timeVerified": "2026-11-01T00:00:00Z",
    "resourceUri": "ghcr.io/acme/ml/trainer",
    "policy": {"uri": "https://acme.test/policy"},
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_3", "ACME_REVIEWED"],
    "dependencyLevels": {"SLSA_BUILD_LEVEL_2": 7},
    "slsaVersion": "1.0",
}

CUSTOM: dict[str, Any] = {"Data": '{"approved": true, "by": "j.doe"}', "Timestamp": "2026-11-01T00:00:00Z"}

# predicateType -> good predicates, at least one of each format that is read under it.
GOOD: dict[str, list[Any]] = {
    "https://slsa.dev/provenance/v0.2": [SLSA_V02],
    "https://slsa.dev/provenance/v1": [SLSA_V1],
    "https://spdx.dev/Document": [SPDX, CYCLONEDX],
    "https://spdx.dev/Document/v2.3": [SPDX],
    "https://cyclonedx.org/bom": [CYCLONEDX],
    "https://cyclonedx.org/bom/v1.6": [CYCLONEDX],
    "https://cosign.sigstore.dev/attestation/vuln/v1": [scan(TRIVY), scan(GRYPE), scan({"critical": 3})],
    "https://in-toto.io/attestation/vulns/v0.1": [VULNS_V02],
    "https://in-toto.io/attestation/vulns/v0.2": [VULNS_V02],
    "https://openvex.dev/ns": [VEX],
    "https://openvex.dev/ns/v0.2.0": [VEX],
    "https://in-toto.io/attestation/test-result/v0.1": [TEST],
    "https://slsa.dev/verification_summary/v0.2": [VSA_V02],
    "https://slsa.dev/verification_summary/v1": [VSA_V1],
    "https://sigstore.dev/cosign/sign/v1": [{}, None],
    "https://cosign.sigstore.dev/attestation/v1": [CUSTOM, {"Data": "hello"}, {}],
}
