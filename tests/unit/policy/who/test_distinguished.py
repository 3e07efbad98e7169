import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.policy.who.distinguished import parse_subject


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("O=Wabbit Networks,CN=SecureBuilder", (("O", "Wabbit Networks"), ("CN", "SecureBuilder"))),
        (
            "C=US, ST=WA, O=acme.test, CN=release-signer",
            (("C", "US"), ("ST", "WA"), ("O", "acme.test"), ("CN", "release-signer")),
        ),
        ("s=WA,cn=a", (("ST", "WA"), ("CN", "a"))),
        (r"O=Acme\, Inc.", (("O", "Acme, Inc."),)),
        (r"O=Acme\2C Inc.", (("O", "Acme, Inc."),)),
        (r"CN=\C3\A4", (("CN", "ä"),)),
        (r"CN=a\=b", (("CN", "a=b"),)),
        (r"CN=\#1", (("CN", "#1"),)),
        (r"CN=a\\,O=b", (("CN", "a\\"), ("O", "b"))),
        (r"CN=a\ ,O=b", (("CN", "a "), ("O", "b"))),
        ("CN=a,DC=corp,DC=example", (("CN", "a"), ("DC", "corp"), ("DC", "example"))),
        ("CN=日本", (("CN", "日本"),)),
    ],
)
def test_a_subject_is_read_attribute_by_attribute(text, means):
    assert parse_subject(text) == means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "between 1 and"),
        ("CN=" + "a" * 2000, "between 1 and"),
        ("SecureBuilder", "is no attribute"),
        ("X=a", "is no attribute"),
        ("2.5.4.3=a", "is no attribute"),
        ("x509.subject: CN=a", "is no attribute"),
        ("CN=", "has no value"),
        ("CN=a,", "is no attribute"),
        (",CN=a", "is no attribute"),
        ("CN=a,,O=b", "is no attribute"),
        ("CN=a,CN=b", "CN stands twice"),
        ("S=a,ST=a,O=b", "ST stands twice"),
        ("CN=a+O=b", "needs"),
        ('CN="a"', "needs"),
        ("CN=a=b", "needs"),
        ("CN=a;O=b", "needs"),
        ("CN=a\\", "needs"),
        ("CN=a\\x", "needs"),
        ("CN=#0401", "values in hex"),
        ("CN=*", "compared exactly"),
        (r"CN=\FF", "not UTF-8"),
        (r"CN=a\00", "control characters"),
        ("CN=a\nb", "control characters"),
        ("C=US,ST=WA", "nobody there"),
        (",".join(f"DC=a{index}" for index in range(17)), "at most 16"),
    ],
)
def test_t52_what_could_be_read_in_two_ways_or_names_nobody_is_refused(text, says):
    with pytest.raises(ConfigError, match=says):
        parse_subject(text)


@pytest.mark.parametrize("text", ["CN=" + "=#" * 500, "CN=" + "\\," * 500, "," * 1024, "CN=" + "\\" * 1000, "#" * 1024])
def test_t52_a_pathological_subject_is_read_in_one_pass(text):
    try:
        read = parse_subject(text)
    except ConfigError as error:
        assert len(error.message) < 300  # noqa: PT017 - the other branch is as good
    else:
        assert len(read[0][1]) < 1024


@given(st.text(max_size=80) | st.text(alphabet="CNO=,\\+#\"' a2F", max_size=40).map(lambda text: f"CN={text}"))
def test_any_text_is_a_subject_or_a_configuration_error(text):
    try:
        assert all(name and value for name, value in parse_subject(text))
    except ConfigError as error:
        assert error.message  # noqa: PT017 - the other branch is as good
