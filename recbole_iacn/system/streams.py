"""Standard output and error that take any text, whatever the encoding of the terminal or pipe behind them."""

import io
import sys


def escape_what_cannot_be_encoded() -> None:
    """From now on, write a character that the encoding lacks as an escape, such as ``\\u03bb``, where Python would end
    the program: a name of a file that is not valid UTF-8, or λ on a terminal of ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
