"""The error for wrong input is one line that can be read, whatever it quotes."""

import pickle

from recbole_iacn.errors import ConfigError, did_you_mean


def test_a_short_message_is_as_it_was_written():
    assert (
        str(ConfigError("λ: must be a number, got 'x'; leave it out")) == "λ: must be a number, got 'x'; leave it out"
    )


def test_a_long_message_keeps_its_begin_and_its_end():
    text = str(ConfigError(f"seed: got {'9' * 100_000}; leave it out"))
    assert text.startswith("seed: got 999") and text.endswith("999; leave it out")
    assert " … 98,824 characters … " in text and len(text) < 1_300  # 100,024 in all, 600 at each end


def test_what_a_terminal_would_obey_is_escaped():
    text = str(ConfigError("x: \x1b[31m got\na \u202e line \udcff"))
    assert text == r"x: \x1b[31m got\na \u202e line \udcff" and text.isprintable()


def test_an_error_crosses_processes():
    error = pickle.loads(pickle.dumps(ConfigError("x: y")))
    assert isinstance(error, ConfigError) and str(error) == "x: y"


def test_no_suggestion_is_looked_for_among_texts_that_are_no_names():
    assert did_you_mean("epoch", ["epochs", "e" * 200_000]) == " Did you mean 'epochs'?"
    assert did_you_mean("x" * 101, ["x" * 101]) == ""
