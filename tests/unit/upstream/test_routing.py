import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NameInvalid, NameUnknown, NotAllowed, PratiqueError
from proxy.oci.reference import Repository
from proxy.upstream.routing import alias, resolve

NAMES = frozenset({"docker.io", "nvcr.io", "nvcr.example:5000"})


def ask(name, *, ns=None, bound=None, default=None):
    return resolve(name=name, ns=ns, bound=bound, names=NAMES, default=default)


@pytest.mark.parametrize(
    ("request_", "repository"),
    [
        ({"name": "nvidia/cuda", "ns": "nvcr.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvcr.io/nvidia/cuda"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvidia/cuda", "bound": "nvcr.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvidia/cuda", "default": "nvcr.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvcr.io/nvidia/cuda", "ns": "nvcr.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvcr.io/nvidia/cuda", "bound": "nvcr.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvcr.io/nvidia/cuda", "default": "docker.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "nvidia/cuda", "ns": "NVCR.io"}, "nvcr.io/nvidia/cuda"),
        ({"name": "x", "ns": "nvcr.example:5000"}, "nvcr.example:5000/x"),
    ],
)
def test_the_four_addressings_lead_to_one_key(request_, repository):
    assert str(ask(**request_)) == repository


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_names_are_normalised_and_get_library(host):
    assert ask("busybox", ns=host) == Repository("docker.io", "library/busybox")
    assert ask(f"{host}/busybox") == Repository("docker.io", "library/busybox")
    assert ask(f"{host}/library/busybox") == Repository("docker.io", "library/busybox")
    assert ask(f"{host}/acme/app", ns="docker.io") == Repository("docker.io", "acme/app")


def test_host_and_port_have_an_alias_in_paths():
    assert alias("nvcr.example:5000") == "nvcr.example_5000"
    assert ask("nvcr.example_5000/a/b") == Repository("nvcr.example:5000", "a/b")


def test_a_prefix_is_stripped_once_only():
    assert ask("docker.io/docker.io/library/x") == Repository("docker.io", "docker.io/library/x")


@pytest.mark.parametrize(
    "request_",
    [
        {"name": "docker.io/library/x", "ns": "nvcr.io"},
        {"name": "docker.io/library/x", "bound": "nvcr.io"},
        {"name": "x", "ns": "docker.io", "bound": "nvcr.io"},
    ],
)
def test_ns_prefix_and_listener_must_agree(request_):
    with pytest.raises(NameInvalid) as error:
        ask(**request_)
    assert error.value.status == 400


@pytest.mark.parametrize(
    "request_",
    [
        {"name": "x", "ns": "evil.example"},
        {"name": "x", "ns": "169.254.169.254"},
        {"name": "x", "ns": ""},
        {"name": "x", "ns": "nvcr.io:443"},
        {"name": "evil.example/x", "default": "docker.io"},
        {"name": "evil.example_5000/x"},
    ],
)
def test_an_unknown_host_is_refused_and_says_what_to_do(request_):
    with pytest.raises(NotAllowed, match="add it under upstreams"):
        ask(**request_)


def test_with_ns_a_dotted_component_may_be_part_of_the_name():
    assert ask("some.org/app", ns="nvcr.io") == Repository("nvcr.io", "some.org/app")
    assert ask("some.org/app", bound="nvcr.io") == Repository("nvcr.io", "some.org/app")


def test_without_any_upstream_the_name_is_unknown():
    with pytest.raises(NameUnknown, match="<host>/"):
        ask("acme/app")


@given(st.text(max_size=40), st.none() | st.text(max_size=20), st.none() | st.sampled_from(sorted(NAMES)))
def test_whatever_is_asked_only_known_upstreams_come_out(name, ns, bound):
    try:
        found = resolve(name=name, ns=ns, bound=bound, names=NAMES, default="nvcr.io")
    except PratiqueError:
        return
    assert found.upstream in NAMES
