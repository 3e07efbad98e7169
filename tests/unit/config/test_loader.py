"""pratique.yaml: everything wrong at once, with file, line and remedy; nothing ignored (T27)."""

import pytest

from proxy.config.loader import load
from proxy.errors import ConfigError

ABSENT = "cannot be read: No such file or directory; correct the path or the file's permissions"
TWO_LINES = "policy: policy.yaml\nupstreams:\n"


def test_two_fields_are_enough_and_everything_else_has_its_default(site):
    config = site.load("policy: policy.yaml\nupstreams:\n  nvcr.io: {}\n")

    assert str(config.listen.registry.address) == "127.0.0.1:5000"
    assert config.default_upstream is None
    assert (config.limits.request_seconds, config.limits.gather_seconds) == (20, 120)
    assert (config.limits.stall_seconds, config.limits.drain_seconds) == (60, 60)
    assert config.warnings == ()


def test_relative_paths_are_relative_to_the_file(site, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    site.write("ngc", "secret")

    config = site.load(
        TWO_LINES + "  nvcr.io: { credentials: { username: u, passwordFile: ngc } }\nlock: locks/pins.yaml\n"
    )

    assert config.file == site.folder / "pratique.yaml"
    assert config.policy == site.folder / "policy.yaml"
    assert config.lock == site.folder / "locks/pins.yaml"
    assert config.upstreams["nvcr.io"].credentials[0].password_file == site.folder / "ngc"


def test_the_content_the_state_and_the_audit_live_under_data(site):
    config = site.load("data: ./store\n" + TWO_LINES + "  nvcr.io: {}\n")

    assert config.content_folder == site.folder / "store/content"
    assert config.state_file == site.folder / "store/state.db"
    assert config.audit_folder == site.folder / "store/audit"


def test_an_absolute_path_of_the_state_stays_where_it_is(site):
    config = site.load(TWO_LINES + '  nvcr.io: {}\nstate: { url: "sqlite:/srv/state.db" }\n')

    assert str(config.state_file) == "/srv/state.db"


def test_a_bare_upstream_has_its_defaults(site):
    assert site.load(TWO_LINES + "  docker.io:\n").upstreams["docker.io"].credentials == ()


def test_every_problem_is_reported_at_once_in_the_order_of_the_lines(site):
    text = (
        "polcy: policy.yaml\n"
        "policy: policy.yaml\n"
        "listen: { registry: { address: nowhere } }\n"
        "limits: { requestSeconds: soon }\n"
        "upstreams:\n"
        "  nvcr.io: { credentials: { username: u, passwordFile: absent } }\n"
        "  quay.io: { ca: absent.pem }\n"
    )

    assert site.problems(text) == [
        "pratique.yaml:1: polcy: no such field; did you mean 'policy'?",
        (
            "pratique.yaml:3: listen.registry.address: 'nowhere' is not an address to listen on; "
            "write 127.0.0.1:5000 or [::1]:5000"
        ),
        "pratique.yaml:4: limits.requestSeconds: write a whole number",
        "pratique.yaml:6: upstreams.nvcr.io.credentials[0].passwordFile: absent " + ABSENT,
        "pratique.yaml:7: upstreams.quay.io.ca: absent.pem " + ABSENT,
    ]


def test_the_message_says_the_first_problem_and_how_many_more(site):
    with pytest.raises(ConfigError) as caught:
        site.load("a: 1\nb: 2\npolicy: p\nupstreams: { nvcr.io: {} }\n")

    assert caught.value.message.endswith("(and 1 more)")
    assert "pratique.yaml:1: a: no such field" in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "pratique.yaml:1: the file is empty or a list; it needs at least `policy` and `upstreams`"),
        ("- a\n", "pratique.yaml:1: the file is empty or a list; it needs at least `policy` and `upstreams`"),
        ("upstreams: { nvcr.io: {} }\n", "pratique.yaml:1: policy: this field is required"),
        ("policy: p\n", "pratique.yaml:1: upstreams: this field is required"),
        ("policy: p\nupstreams: {}\n", "pratique.yaml:2: upstreams: it is empty; give it a value or remove it"),
        ("policy:\nupstreams: { nvcr.io: }\n", "pratique.yaml:1: policy: it is empty; give it a value or remove it"),
        ("policy: p\npolicy: q\n", "pratique.yaml:2: 'policy' stands twice; keep one of them"),
    ],
)
def test_a_file_without_its_two_needed_fields_is_refused(site, text, expected):
    assert site.problems(text) == [expected]


def test_keys_are_camel_case_and_nothing_else(site):
    text = TWO_LINES + "  nvcr.io: {}\ndefault_upstream: nvcr.io\n"

    assert site.problems(text) == ["pratique.yaml:4: default_upstream: no such field; did you mean 'defaultUpstream'?"]


def test_a_budget_is_read_with_its_marks(site):
    text = TWO_LINES + "  nvcr.io: {}\ncontent: { maxBytes: 500GiB, highWater: 0.95, lowWater: 0.5 }\n"

    content = site.load(text).content

    assert (content.max_bytes, content.high_water, content.low_water) == (500 * 2**30, 0.95, 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "state: { url: 'rediss://redis.internal' }\n",
        "listen: { admin: { tokens: [ { name: ops, file: t, role: view } ] } }\n",
        "clients: { require: mtls }\n",
        "clients: { require: header }\n",
        "listen: { registry: { address: '127.0.0.1:5000', tls: { certificate: c, key: k, clientCa: ca } } }\n",
    ],
)
def test_t27_what_this_version_cannot_honour_is_an_error_that_says_so(site, text):
    assert any(
        "not supported by this version" in problem for problem in site.problems(TWO_LINES + "  a.b: {}\n" + text)
    )


@pytest.mark.parametrize("kind", ["{ helper: ecr-login }", "{ dockerConfig: /root/.docker/config.json }"])
def test_t27_credentials_of_a_later_version_are_an_error_that_says_so(site, kind):
    (problem,) = site.problems(TWO_LINES + f"  nvcr.io: {{ credentials: {kind} }}\n")

    assert "not supported by this version; use username and passwordFile" in problem


def test_an_unreadable_file_is_said_with_its_path(tmp_path):
    with pytest.raises(ConfigError, match=r"pratique\.yaml: cannot be read: No such file or directory"):
        load(tmp_path / "pratique.yaml", env={})


def test_a_file_that_is_no_text_or_far_too_large_is_refused(site):
    path = site.write("pratique.yaml", b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load(path, env={})
    site.write("pratique.yaml", b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="name the right file"):
        load(path, env={})


def test_a_secret_that_everyone_can_read_is_a_warning(site):
    site.write("ngc", "secret", mode=0o644)

    config = site.load(TWO_LINES + "  nvcr.io: { credentials: { username: u, passwordFile: ngc } }\n")

    assert site.plain(config.warnings) == [
        (
            "pratique.yaml:3: upstreams.nvcr.io.credentials[0].passwordFile: everyone on this host can read ngc; "
            "run chmod o-r on it"
        )
    ]


def test_an_empty_secret_is_refused(site):
    site.write("ngc", "\n")

    (problem,) = site.problems(TWO_LINES + "  nvcr.io: { credentials: { username: u, passwordFile: ngc } }\n")

    assert problem.endswith("ngc is empty; write the secret into it")


def test_a_password_is_read_nowhere_into_the_configuration(site):
    site.write("ngc", "hunter2")

    config = site.load(TWO_LINES + "  nvcr.io: { credentials: { username: u, passwordFile: ngc } }\n")

    assert "hunter2" not in repr(config)


def test_a_secret_behind_what_is_no_folder_is_said_with_its_path(site):
    site.write("file", "x")

    (problem,) = site.problems(TWO_LINES + "  nvcr.io: { credentials: { username: u, passwordFile: file/ngc } }\n")

    assert "file/ngc cannot be read: Not a directory" in problem


def test_a_missing_file_is_still_reported_beside_a_misfit_in_a_list(site):
    text = (
        "policy: policy.yaml\n"
        "listen:\n"
        "  mirrors:\n"
        "    - { address: '127.0.0.1:5002', upstream: nvcr.io }\n"
        "    - { adress: '127.0.0.1:5003', upstream: nvcr.io }\n"
        "upstreams:\n"
        "  nvcr.io: { ca: absent.pem }\n"
    )

    problems = site.problems(text)

    assert "pratique.yaml:5: listen.mirrors[1].adress: no such field; did you mean 'address'?" in problems
    assert any(problem.startswith("pratique.yaml:7: upstreams.nvcr.io.ca: absent.pem") for problem in problems)
