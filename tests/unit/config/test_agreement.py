"""Fields that contradict one another, or would let something leave by mistake, are load errors."""

import pytest

HEAD = "policy: p\nupstreams:\n"
REGISTRY = "pratique.yaml:4: listen.registry.address"
OPEN = "listen: { registry: { address: '0.0.0.0:5000' } }\n"


def private(site, *, settings=""):
    site.write("ngc", "secret")
    return HEAD + f"  nvcr.io: {{ credentials: {{ username: u, passwordFile: ngc }}{settings} }}\n"


def test_a_port_beyond_this_host_without_tls_is_refused(site):
    assert site.problems(HEAD + "  nvcr.io: {}\n" + OPEN) == [
        (
            f"{REGISTRY}: 0.0.0.0:5000 is beyond this host and has no TLS; add tls: {{ certificate, key }}, or say in "
            "clients.open which networks may do without"
        )
    ]


def test_a_port_beyond_this_host_may_do_without_tls_for_networks_that_are_named(site):
    config = site.load(HEAD + "  nvcr.io: {}\n" + OPEN + "clients: { open: [10.0.0.0/8] }\n")

    assert config.warnings == ()


def test_a_mirror_beyond_this_host_without_tls_is_refused(site):
    text = HEAD + "  nvcr.io: {}\nlisten:\n  mirrors:\n    - { address: '0.0.0.0:5002', upstream: nvcr.io }\n"

    (problem,) = site.problems(text)

    assert problem.startswith("pratique.yaml:6: listen.mirrors[0].address: 0.0.0.0:5002 is beyond this host")


def test_tls_is_enough_for_public_images(site):
    site.write_certificate("tls")

    config = site.load(
        HEAD
        + "  nvcr.io: {}\nlisten: { registry: { address: '0.0.0.0:5000', tls: { certificate: tls.crt, key: tls.key } } }\n"
    )

    assert config.listen.registry.tls.key == site.folder / "tls.key"


def test_private_images_behind_an_open_port_are_refused_even_with_tls(site):
    site.write_certificate("tls")
    text = (
        private(site)
        + "listen: { registry: { address: '0.0.0.0:5000', tls: { certificate: tls.crt, key: tls.key } } }\n"
    )

    assert site.problems(text) == [
        (
            f"{REGISTRY}: whoever reaches 0.0.0.0:5000 could pull what our credentials for nvcr.io can; say in "
            "clients.open which networks may"
        )
    ]
    assert site.load(text + "clients: { open: [10.0.0.0/8] }\n").clients.open


def test_private_images_on_loopback_are_fine(site):
    assert site.load(private(site)).warnings == ()


def test_a_mirror_of_public_images_is_not_blamed_for_private_ones_elsewhere(site):
    site.write_certificate("tls")
    text = private(site) + (
        "  docker.io: {}\n"
        "listen:\n  mirrors:\n"
        "    - { address: '0.0.0.0:5002', upstream: docker.io, tls: { certificate: tls.crt, key: tls.key } }\n"
    )

    assert site.load(text).listen.mirrors[0].upstream == "docker.io"


def test_networks_that_are_everyone_are_a_warning(site):
    config = site.load(HEAD + "  nvcr.io: {}\nclients: { open: [10.0.0.0/8, 0.0.0.0/0] }\n")

    assert site.plain(config.warnings) == [
        "pratique.yaml:4: clients.open[1]: 0.0.0.0/0 is everyone who can reach the port"
    ]


def test_the_operators_port_stays_on_this_host(site):
    (problem,) = site.problems(HEAD + "  nvcr.io: {}\nlisten: { admin: { address: '0.0.0.0:5001' } }\n")

    assert problem.startswith("pratique.yaml:4: listen.admin.address: 0.0.0.0:5001 is beyond this host")
    assert "listen.health" in problem


def test_the_health_port_may_be_beyond_this_host(site):
    assert site.load(HEAD + "  nvcr.io: {}\nlisten: { health: { address: '0.0.0.0:5003' } }\n").listen.health.address


@pytest.mark.parametrize("settings", [", url: 'http://nvcr.io'", ", realms: ['http://auth.example/token']"])
def test_t09_credentials_in_the_clear_beyond_loopback_are_refused(site, settings):
    (problem,) = site.problems(private(site, settings=settings))

    assert problem.startswith("pratique.yaml:3: upstreams.nvcr.io: credentials would go to http://")
    assert "in the clear; use https, or remove the credentials" in problem


def test_credentials_to_loopback_may_be_in_the_clear(site):
    assert site.load(private(site, settings=", url: 'http://127.0.0.1:5009'"))


def test_an_upstream_without_credentials_may_be_http(site):
    assert site.load(HEAD + "  reg.test: { url: 'http://10.0.0.1:5000' }\n")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("index.docker.io", "write docker.io"),
        ("registry-1.docker.io", "write docker.io"),
        ("NVCR.io", "in lower case"),
        ("nvcr.io/nvidia", "in lower case"),
        ("https://nvcr.io", "in lower case"),
        ("registry", "use a name with a dot or a port"),
    ],
)
def test_an_upstream_is_named_as_images_name_it(site, name, remedy):
    (problem,) = site.problems(HEAD + f"  '{name}': {{}}\n")

    assert problem.startswith("pratique.yaml:3: upstreams.")
    assert remedy in problem


def test_a_host_with_a_port_is_a_name(site):
    assert site.load(HEAD + "  registry:5000: {}\n").upstreams.keys() == {"registry:5000"}


def test_default_and_mirrored_upstreams_must_be_there(site):
    text = (
        HEAD
        + "  nvcr.io: {}\ndefaultUpstream: docker.io\nlisten: { mirrors: [ { address: 127.0.0.1:1, upstream: a.b } ] }\n"
    )

    assert site.problems(text) == [
        "pratique.yaml:4: defaultUpstream: docker.io is not under upstreams; add it there, or write one of nvcr.io",
        "pratique.yaml:5: listen.mirrors[0].upstream: a.b is not under upstreams; add it there, or write one of nvcr.io",
    ]


@pytest.mark.parametrize(
    "listen",
    [
        "{ admin: { address: '127.0.0.1:5000' } }",
        "{ health: { address: '0.0.0.0:5001' } }",
        "{ mirrors: [ { address: '127.0.0.1:5001', upstream: nvcr.io } ] }",
    ],
)
def test_two_listeners_never_share_a_port(site, listen):
    (problem,) = site.problems(HEAD + f"  nvcr.io: {{}}\nlisten: {listen}\n")

    assert problem.endswith("has another listener; give each its own")


def test_ports_that_the_system_chooses_are_never_the_same(site):
    assert site.load(
        HEAD + "  nvcr.io: {}\nlisten: { registry: { address: '127.0.0.1:0' }, admin: { address: '127.0.0.1:0' } }\n"
    )


def test_a_judgement_may_not_end_before_its_request(site):
    (problem,) = site.problems(HEAD + "  nvcr.io: {}\nlimits: { requestSeconds: 20, gatherSeconds: 10 }\n")

    assert problem.startswith("pratique.yaml:4: limits.gatherSeconds: shorter than requestSeconds")


@pytest.mark.parametrize("seconds", [0, 29])
def test_a_request_is_answered_before_containerd_gives_up(site, seconds):
    (problem,) = site.problems(HEAD + f"  nvcr.io: {{}}\nlimits: {{ requestSeconds: {seconds} }}\n")

    assert problem.startswith("pratique.yaml:4: limits.requestSeconds:")


def test_what_disagrees_is_told_beside_a_mistake_in_another_section_and_not_beside_one_in_its_own(site):
    open_port = HEAD + "  nvcr.io: {}\n" + OPEN
    elsewhere = site.problems(open_port + "limits: { requestSecond: 3 }\n")
    assert [problem.partition(": ")[0] for problem in elsewhere] == ["pratique.yaml:4", "pratique.yaml:5"]
    assert "has no TLS" in elsewhere[0]
    (within,) = site.problems(HEAD + "  nvcr.io: {}\n" + OPEN.replace("} }", ", tsl: {} } }"))
    assert "did you mean 'tls'?" in within
    (section,) = site.problems(open_port + "client: { open: [10.0.0.0/8] }\n")
    assert "did you mean 'clients'?" in section
