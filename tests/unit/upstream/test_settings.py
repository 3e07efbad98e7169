import pytest
from pydantic import ValidationError

from proxy.oci.challenge import parse
from proxy.upstream.settings import WELL_KNOWN, UpstreamSettings


def read(**values):
    return UpstreamSettings.model_validate(values)


def test_well_known_names_know_their_url_and_realms():
    assert read().base_url("docker.io") == "https://registry-1.docker.io"
    assert read().all_realms("docker.io") == ("https://auth.docker.io/token",)
    assert read().all_realms("nvcr.io") == ("https://nvcr.io/proxy_auth",)
    assert read().base_url("registry.corp.example:5000") == "https://registry.corp.example:5000"
    assert read().all_realms("registry.corp.example") == ()
    assert len(WELL_KNOWN) == 10


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (
            "docker.io",
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull"',
        ),
        ("ghcr.io", 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:acme/x:pull"'),
        ("quay.io", 'Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:acme/x:pull"'),
        ("nvcr.io", 'Bearer realm="https://nvcr.io/proxy_auth?scope=repository:nvidia/x:pull,push"'),
    ],
)
def test_the_realm_that_a_well_known_registry_names_needs_no_entry(name, header):
    (challenge,) = parse(header)
    assert challenge.scheme == "bearer"
    assert challenge.parameters["realm"].partition("?")[0] in read().all_realms(name)


def test_a_well_known_realm_does_not_hold_for_another_url():
    assert read(url="https://mirror.corp.example").all_realms("docker.io") == ()


def test_the_example_of_the_face_is_read():
    settings = read(
        url="https://10.0.0.7:5000/",
        ca="corp-ca.pem",
        proxy="http://proxy.corp.example:3128",
        realms=["https://auth.corp.example/token"],
        redirects=["blobs.corp.example"],
        credentials=[
            {"match": "vendor/**", "username": "vendor", "passwordFile": "/run/secrets/vendor"},
            {"anonymous": True},
        ],
    )
    assert settings.base_url("registry.corp.example") == "https://10.0.0.7:5000"
    assert settings.has_credentials
    assert settings.credentials[0].match == "vendor/**"


def test_one_credential_needs_no_list():
    settings = read(credentials={"username": "$oauthtoken", "passwordFile": "ngc"})
    assert settings.credentials[0].username == "$oauthtoken"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"credentials": {"helper": "ecr-login"}}, "`helper` is not supported by this version"),
        ({"credentials": {"dockerConfig": "x.json"}}, "`dockerConfig` is not supported by this version"),
        ({"credentials": {"username": "x"}}, "go together"),
        ({"credentials": {"passwordFile": "x"}}, "go together"),
        ({"credentials": {}}, "either anonymous"),
        ({"credentials": {"anonymous": False}}, "either anonymous"),
        ({"credentials": {"anonymous": True, "username": "x", "passwordFile": "y"}}, "either anonymous"),
        ({"credentials": {"username": "a:b", "passwordFile": "y"}}, "colon"),
        ({"credentials": [{"anonymous": True}, {"match": "a/*", "anonymous": True}]}, "put it last"),
        ({"credentials": {"match": "Vendor/?", "anonymous": True}}, "pattern"),
        ({"clientKey": "x"}, "go together"),
        ({"url": "ftp://x"}, "not a URL"),
        ({"url": "https://x:99999"}, "not a URL"),
        ({"url": "https://user:pw@x"}, "user or password"),
        ({"url": "https://x/v2/project"}, "without path"),
        ({"realms": ["https://x/token?scope=a"]}, "without query"),
        ({"redirects": ["https://x"]}, "not a host"),
        ({"redirect": ["x"]}, "Extra inputs"),
        ({"insecure": True}, "Extra inputs"),
    ],
)
def test_t27_what_is_wrong_is_a_load_error_that_says_what_to_do(values, words):
    with pytest.raises(ValidationError, match=words):
        read(**values)


def test_credentials_in_the_clear_are_told():
    secret = {"username": "a", "passwordFile": "b"}
    assert list(read(url="http://10.0.0.7:5000", credentials=secret).clear_text_urls("x")) == ["http://10.0.0.7:5000"]
    assert list(read(url="https://x", realms=["http://y/token"], credentials=secret).clear_text_urls("x")) == [
        "http://y/token"
    ]
    assert not list(read(url="http://127.0.0.1:5000", credentials=secret).clear_text_urls("x"))
    assert not list(read(url="http://localhost:5000", credentials=secret).clear_text_urls("x"))
    assert not list(read(url="http://10.0.0.7:5000").clear_text_urls("x"))


def test_the_schema_says_that_credentials_are_one_or_a_list():
    schema = UpstreamSettings.model_json_schema()["properties"]["credentials"]
    assert [each["type"] for each in schema["oneOf"]] == ["object", "array"]


def test_docker_hub_counts_gets_of_manifests_and_no_other_does():
    assert [name for name in WELL_KNOWN if read().counts_manifest_gets(name)] == ["docker.io"]
    assert read(url="https://mirror.corp.example").counts_manifest_gets("docker.io")
    assert not read().counts_manifest_gets("registry.corp.example")
