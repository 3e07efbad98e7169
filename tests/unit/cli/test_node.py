"""`pratique node hosts`: what is written, what would be, and what must go with it."""

import json

PROXY = ("--proxy", "https://a.internal:5000", "--proxy", "https://b.internal:5000")


def test_it_writes_the_tree_for_the_configured_upstreams_and_says_the_egress_rule(desk, tmp_path):
    out = tmp_path / "certs.d"
    said = desk("node", "hosts", *PROXY, "--out", str(out), "--ca", "/etc/pratique/ca.pem")
    assert said.code == 0
    assert {file.parent.name for file in out.glob("*/hosts.toml")} == {"_default", "reg.test"}
    text = (out / "reg.test" / "hosts.toml").read_text()
    assert 'server = "https://b.internal:5000"' in text
    assert '[host."https://a.internal:5000"]' in text
    assert "config_path" in said.out
    assert "nothing else that serves images" in said.out
    assert "table inet pratique" in said.out


def test_a_dry_run_writes_nothing_and_exits_2_while_there_is_something_to_do(desk, tmp_path):
    out = tmp_path / "certs.d"
    arguments = ("node", "hosts", *PROXY, "--out", str(out), "--upstream", "nvcr.io")
    plan = desk(*arguments, "--dry-run", "-o", "json")
    assert plan.code == 2
    assert not out.exists()
    assert {each["path"]: each["state"] for each in plan.document["files"]} == {
        "_default/hosts.toml": "created",
        "nvcr.io/hosts.toml": "created",
    }
    assert desk(*arguments).code == 0
    assert desk(*arguments, "--dry-run").code == 0


def test_a_directory_that_stands_there_already_is_covered_too(desk, tmp_path):
    stray = tmp_path / "certs.d" / "quay.io"
    stray.mkdir(parents=True)
    said = desk("node", "hosts", *PROXY, "--out", str(stray.parent), "--upstream", "nvcr.io")
    assert said.code == 0
    assert (stray / "hosts.toml").exists()


def test_podman_gets_its_drop_in_instead(desk, tmp_path):
    out = tmp_path / "registries.conf.d"
    said = desk("node", "hosts", *PROXY, "--out", str(out), "--podman", "-o", "json")
    assert said.code == 0
    assert [file.name for file in out.iterdir()] == ["50-pratique.conf"]
    assert "blocked = true" in (out / "50-pratique.conf").read_text()
    assert json.loads(said.out)["containerdConfig"] == {}


def test_wrong_words_are_exit_64_with_every_problem(desk, tmp_path):
    half = desk("node", "hosts", *PROXY, "--out", str(tmp_path), "--client-cert", "/a.crt")
    assert half.code == 64
    assert "--client-cert and --client-key go together" in half.err
    two = desk("node", "hosts", "--proxy", "ftp://x", "--proxy", "https://u:p@y", "--out", str(tmp_path))
    assert two.code == 64
    assert len(two.err.splitlines()) == 2
    (tmp_path / "pratique.yaml").unlink()
    nameless = desk("node", "hosts", *PROXY, "--out", str(tmp_path), "-c", "none.yaml")
    assert nameless.code == 64
    assert "--upstream HOST" in nameless.err
