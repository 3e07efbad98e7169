from datetime import timedelta

import pytest

from tests.unit.policy.cases import policy, problems, rule_text, signers

HEX = "9F" * 32


def root(fields):
    return f"trustRoots: {{ corp: {{ {fields} }} }}\n{signers('team')}images:\n{rule_text()}"


def read(fields):
    return policy(root(fields)).trust_roots["corp"]


def test_a_root_from_a_file_is_pinned_by_its_hash():
    found = read(f"file: root.json, sha256: {HEX}")
    assert (found.file, found.sha256, found.is_store) == ("root.json", HEX.lower(), False)


def test_a_root_by_tuf_is_refreshed_daily_unless_it_says_otherwise():
    found = read("tuf: 'https://tuf.corp.example', root: root.json")
    assert (found.tuf, found.root) == ("https://tuf.corp.example", "root.json")
    assert (found.refresh, found.max_age) == (timedelta(hours=24), None)
    slow = read("tuf: 'https://tuf.corp.example', root: root.json, refresh: 7d, maxAge: 30d")
    assert (slow.refresh, slow.max_age) == (timedelta(days=7), timedelta(days=30))


def test_a_store_asks_about_revocation_unless_it_says_otherwise():
    found = read("certificates: ca.pem")
    assert (found.certificates, found.timestamps, found.revocation) == ("ca.pem", None, "enforce")
    assert found.is_store
    said = read("certificates: ca.pem, timestamps: tsa.pem, revocation: log, hosts: [CRL.corp:8080], crls: [a.crl]")
    assert (said.timestamps, said.revocation, said.hosts, said.crls) == (
        "tsa.pem",
        "log",
        ("crl.corp:8080",),
        ("a.crl",),
    )


@pytest.mark.parametrize(
    "address",
    ["https://tuf.corp.example", "https://tuf.corp.example:8443/a/b", "http://127.0.0.1:8080", "http://[::1]:1/"],
)
def test_an_address_is_https_or_this_host(address):
    assert read(f"tuf: '{address}', root: root.json").tuf == address


@pytest.mark.parametrize(
    "address",
    [
        "http://tuf.corp.example",
        "ftp://tuf.corp.example",
        "file:///etc/passwd",
        "https://",
        "https://user@tuf.corp.example",
        "https://a.b?x=y",
        "https://a.b#x",
        "https://a.b:99999",
        "https://[::1",
        "https://a b",
        "//a.b",
        "a.b",
    ],
)
def test_any_other_address_is_refused(address):
    assert any("write the repository's address" in each for each in problems(root(f"tuf: '{address}', root: r.json")))


def test_the_shipped_roots_need_no_entry_and_cannot_be_replaced():
    for name in ("sigstore", "github"):
        text = f"signers: {{ a: {{ issuer: 'https://ci', subject: b, trustRoot: {name} }} }}\nimages:\n"
        text += rule_text("[{ signature: a }]")
        assert policy(text).signers["a"].trust_root == name
        assert (
            "it is shipped with the program" in problems(f"trustRoots: {{ {name}: {{ certificates: a }} }}\n{text}")[0]
        )
