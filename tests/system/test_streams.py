"""What is printed ends no program, whatever the encoding behind it."""

import io
import sys

from recbole_iacn.system.streams import escape_what_cannot_be_encoded


def test_what_cannot_be_encoded_is_escaped(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    escape_what_cannot_be_encoded()
    print("a λ \udcff", flush=True)
    assert written.getvalue() == b"a \\u03bb \\udcff\n"
