from proxy import __version__


def test_it_says_which_program_this_is(desk):
    said = desk("version")
    assert said.code == 0
    assert said.out.startswith(f"pratique {__version__} (Python 3.")
    assert desk("version", "-o", "json").document["version"] == __version__


def test_the_option_says_the_same_before_any_command_is_looked_for(desk):
    said = desk("--version")
    assert (said.code, said.out, said.err) == (0, desk("version").out, "")
    assert desk("--version", "bogus").code == 0
