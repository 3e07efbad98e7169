"""One sentence for each field that its own room does not describe, for whoever writes the files in an editor."""

from collections.abc import Mapping

# (model, field as written) → what it does.
DESCRIPTIONS: Mapping[tuple[str, str], str] = {
    ("ListenSettings", "registry"): "The port that nodes pull from.",
    ("ListenSettings", "mirrors"): "Ports bound to one upstream each, for clients that send neither ns nor a prefix.",
    ("ListenSettings", "admin"): "The operator's port; on this host only.",
    ("ListenSettings", "health"): "A port with /livez, /readyz and /metrics alone, for probes beyond this host.",
    ("ListenSettings", "expressLane"): "Warm answers go out before the framework; false closes the lane.",
    ("RegistryListener", "address"): "Address and port; beyond this host it needs TLS, or networks in clients.open.",
    ("RegistryListener", "tls"): "Certificate and key of this port.",
    ("MirrorListener", "address"): "Address and port; beyond this host it needs TLS, or networks in clients.open.",
    ("MirrorListener", "upstream"): "The upstream that every request at this port means; one of `upstreams`.",
    ("MirrorListener", "tls"): "Certificate and key of this port.",
    ("AdminListener", "address"): "Address and port, on this host.",
    ("HealthListener", "address"): "Address and port; without it there is no such port.",
    ("TlsSettings", "certificate"): "PEM file of the certificate, with its chain.",
    ("TlsSettings", "key"): "PEM file of the certificate's own key, not encrypted.",
    ("ClientsSettings", "require"): "How clients prove who they are; only none in this version.",
    ("ClientsSettings", "open"): "Networks that may ask without TLS and without proving who they are.",
    ("StateSettings", "url"): "sqlite: and a file's name, relative to `data`.",
    ("ContentSettings", "maxBytes"): "What it may hold, such as 500GiB; absent: what its disk has room for.",
    ("ContentSettings", "highWater"): "Above this share of it, what was not used for longest goes.",
    ("ContentSettings", "lowWater"): "Down to this share of it.",
    ("ContentSettings", "scrub"): "Everything that is stored is hashed again in the background.",
    ("ScrubSettings", "rate"): "Bytes a second at most, such as 20MiB; 0: no scrub.",
    ("ScrubSettings", "every"): "How often everything is hashed once, such as 7d.",
    ("UpstreamSettings", "url"): "Where it answers; well-known names know theirs, any other is https://<name>.",
    ("UpstreamSettings", "ca"): "PEM file of the CA that signed its certificate.",
    ("UpstreamSettings", "clientCertificate"): "PEM file of the certificate that we show it.",
    ("UpstreamSettings", "clientKey"): "PEM file of that certificate's key.",
    ("UpstreamSettings", "proxy"): "An egress proxy to reach it by; then host names are checked, not addresses.",
    ("UpstreamSettings", "realms"): "Token servers, besides the well-known ones, that may have its credentials.",
    ("UpstreamSettings", "redirects"): "Hosts, besides public addresses, to which a redirect may lead.",
    ("UpstreamSettings", "credentials"): "One, or a list by repository, of which the first that matches is used.",
    ("CredentialSettings", "match"): "Repositories within this upstream; ** crosses /, * does not. Absent: all.",
    ("CredentialSettings", "anonymous"): "true: ask without credentials.",
    ("CredentialSettings", "username"): "The user's name; for NGC $oauthtoken.",
    ("CredentialSettings", "passwordFile"): "File with the password; read again when it changes.",
    ("CredentialSettings", "dockerConfig"): "Not supported by this version: an error.",
    ("CredentialSettings", "helper"): "Not supported by this version: an error.",
    ("PolicyDocument", "version"): "1.",
    (
        "PolicyDocument",
        "mode",
    ): "enforce, or warn: serve what only fails `require`, and record it. A rule may say its own.",
    ("PolicyDocument", "trustRoots"): "Who runs the machinery; `sigstore` and `github` are shipped and need no entry.",
    ("PolicyDocument", "signers"): "Who may speak, by a name that requirements use.",
    ("PolicyDocument", "images"): "What may be pulled; what matches no entry is refused.",
    ("PolicyDocument", "exceptions"): "Break-glass: a requirement waived for one digest until a date.",
    ("PolicyDocument", "revoked"): "What never again: wins over every pin, rule and exception.",
    ("TrustRootEntry", "file"): "A Sigstore trusted root as JSON, with `sha256`.",
    ("TrustRootEntry", "sha256"): "The file's SHA-256 in hex.",
    ("TrustRootEntry", "tuf"): "Address of a TUF repository that holds a Sigstore trusted root, with `root`.",
    ("TrustRootEntry", "root"): "File of the TUF root that you were given by hand.",
    ("TrustRootEntry", "refresh"): "How often the TUF repository is asked; default 24h.",
    ("TrustRootEntry", "maxAge"): "Out of use when it was not refreshed for longer; absent: an old one stays good.",
    ("TrustRootEntry", "certificates"): "PEM file of the anchors of an X.509 store, for Notation and own PKI.",
    ("TrustRootEntry", "timestamps"): "PEM file of the anchors of its timestamp authorities.",
    ("TrustRootEntry", "revocation"): (
        "enforce: what cannot be asked is refused (default). log: it is a warning. skip: nothing is asked."
    ),
    ("TrustRootEntry", "hosts"): "Hosts from which CRLs and OCSP answers may be fetched; any other is never asked.",
    ("TrustRootEntry", "crls"): "Files of CRLs, in PEM or DER.",
    ("SignerEntry", "key"): "PEM file of the public key, relative to this file.",
    ("SignerEntry", "preset"): "A signer kept with the program, such as nvidia-ngc.",
    ("SignerEntry", "log"): (
        "none: signatures count without a transparency log. required: with one of `trustRoot`. It must be said for a key; "
        "of a certificate (`x509`) the default is none."
    ),
    ("SignerEntry", "hash"): "Only where the publisher departs from the key's own default.",
    ("SignerEntry", "parameters"): "What the preset leaves open; `pratique presets` tells which.",
    ("SignerEntry", "timestamp"): (
        "required: it counts only with a timestamp, for a key of `trustRoot`, with x509 of the store's `timestamps`."
    ),
    ("SignerEntry", "trustRoot"): "The Sigstore root it stands under; for an identity the default is sigstore.",
    ("SignerEntry", "issuer"): "Who knows the identity, compared exactly; with `subject` or `subjectRegex`.",
    ("SignerEntry", "subject"): (
        "The whole identity, as a pattern in which * does not cross / and ** does. With x509 the certificate's subject, "
        "such as O=Acme,CN=Builder, of which all that is written must be there."
    ),
    ("SignerEntry", "subjectRegex"): "The whole identity as an RE2 expression.",
    ("SignerEntry", "extensions"): "Patterns over Fulcio's extensions, such as sourceRepositoryUri.",
    ("SignerEntry", "github"): "owner/repository, with `workflow`: a workflow of GitHub Actions.",
    ("SignerEntry", "workflow"): "The workflow's file name, such as release.yml.",
    ("SignerEntry", "ref"): "The ref it runs for, such as refs/tags/v*; absent: any.",
    ("SignerEntry", "x509"): "The X.509 store under trustRoots; with `subject`, `san` or both.",
    ("SignerEntry", "san"): "A pattern over the certificate's subject alternative name.",
    ("SignerEntry", "validFrom"): "The signer proves nothing before.",
    ("SignerEntry", "validUntil"): "The signer proves nothing from then on.",
    ("RuleEntry", "match"): "host/repository; ** crosses /, * does not. The most specific match governs.",
    ("RuleEntry", "mode"): "enforce or warn, for this rule.",
    ("RuleEntry", "tags"): "Tags that may be pulled; absent: all. Digests may, if they are admitted.",
    ("RuleEntry", "pinning"): (
        "first: the first admitted digest of a tag stays. follow: asked again after ttl. "
        "locked: only what the lock file names."
    ),
    ("RuleEntry", "ttl"): "With follow: how long a tag's digest is answered before the upstream is asked again.",
    ("RuleEntry", "platforms"): "os/architecture, such as linux/amd64; absent: all.",
    ("RuleEntry", "require"): "What must be proved; a list is AND.",
    ("RuleEntry", "signedAs"): "Names that the signed payload may carry; absent: the repository's own.",
    ("RuleEntry", "after"): "With follow: a new digest is taken up only when it is that old.",
    ("RuleEntry", "base"): "What the base image must satisfy too.",
    ("RuleEntry", "evidenceFrom"): (
        "Where else evidence is kept: host/repository, or api.github.com/ and repos/<owner>/<repository>, orgs/<name> or "
        "users/<name>."
    ),
    ("RuleEntry", "recheck"): "How often evidence is gathered again in the background.",
    ("RuleEntry", "covers"): (
        "index: proof on an Index covers the children that it lists. platform: each child its own. any: either, never a "
        "sibling's."
    ),
    ("RuleEntry", "rollback"): "Whether a tag may move to something that was signed earlier.",
    ("RuleEntry", "regression"): "Whether a tag may move to a digest that fewer or other signers signed.",
    ("BaseEntry", "require"): "Requirements for the base image.",
    ("BaseEntry", "rule"): "own: the rule of the base's own name; or the `match` of a rule that judges it.",
    ("ImageEntry", "maxAge"): "How old the image may be, by its config.",
    ("ImageEntry", "where"): "Facts of manifest and config that must be so, such as isRoot: false.",
    ("ImageEntry", "condition"): "A CEL expression over those facts that must be true.",
    ("RequirementEntry", "signature"): "A signature by this signer.",
    ("RequirementEntry", "claims"): "Signed annotations that the signature must carry.",
    ("RequirementEntry", "covers"): "index, platform or any, where it differs from the rule's.",
    ("RequirementEntry", "attestation"): (
        "An attestation: slsa-provenance, sbom, vuln, vex, test, vsa, sign, custom, or a predicate type's URI; with `by`."
    ),
    ("RequirementEntry", "by"): "The signer whose attestation counts.",
    ("RequirementEntry", "where"): (
        "Facts that must be so: a number or a comparison such as '<=5', true or false, a pattern or a list of them."
    ),
    ("RequirementEntry", "condition"): "A CEL expression over the attestation's facts that must be true.",
    ("RequirementEntry", "maxAge"): "How old the attestation may be, by proved time; the newest one must pass.",
    ("RequirementEntry", "grace"): "How much longer an admitted image stays pullable when no newer one comes.",
    ("RequirementEntry", "levels"): "Builders, as patterns, and the SLSA level that each has; the first that matches.",
    ("RequirementEntry", "vex"): "The signer whose OpenVEX statements take findings out.",
    ("RequirementEntry", "image"): "Facts of the image itself.",
    ("RequirementEntry", "digest"): "One of these reviewed digests.",
    ("RequirementEntry", "atLeast"): "How many of `of`, over distinct keys and identities.",
    ("RequirementEntry", "of"): "The requirements that atLeast counts.",
    ("RequirementEntry", "name"): "What `waive` and reports call it; default: the requirement's own word.",
    ("ExceptionEntry", "match"): "The repositories that it is for.",
    ("ExceptionEntry", "digest"): "The one digest that it is for.",
    ("ExceptionEntry", "waive"): "Requirements by name.",
    ("ExceptionEntry", "reason"): "Why, for the audit.",
    ("ExceptionEntry", "by"): "Who answers for it.",
    ("ExceptionEntry", "until"): "When it ends; at most 30 days away.",
    ("RevokedEntry", "digest"): "A digest that is never served again.",
    (
        "RevokedEntry",
        "key",
    ): "A key that proves nothing any more: its file, or the SHA-256 of its SubjectPublicKeyInfo.",
    ("RevokedEntry", "issuer"): "With `subject` or `subjectRegex`: an identity that proves nothing any more.",
    ("RevokedEntry", "subject"): "A pattern over the whole identity.",
    ("RevokedEntry", "subjectRegex"): "An RE2 expression over the whole identity.",
    ("RevokedEntry", "reason"): "Why, for the refusal and the audit.",
}
