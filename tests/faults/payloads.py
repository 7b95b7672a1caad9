"""Pickles that run code when they are opened, each by another instruction."""

import contextlib
import os
import struct
from pathlib import Path

from recbole_iacn.errors import ConfigError

RAN = "ran"  # the file that a payload makes, in the working directory
MAKE = f"open({RAN!r}, 'w').close()"


class Calls:
    """Pickled as a call."""

    def __init__(self, what, *args):
        self.call = what, args

    def __reduce__(self):
        return self.call


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def quoted(code):
    return b"S" + repr(code).encode() + b"\n"


# Pickles, without the last instruction, that make the file RAN when they are opened, each by another instruction.
PAYLOADS = {
    "REDUCE": b"cbuiltins\nexec\n(" + quoted(MAKE) + b"tR",
    "INST": b"(" + quoted(MAKE) + b"ibuiltins\nexec\n",
    "OBJ": b"(cbuiltins\nexec\n" + quoted(MAKE) + b"o",
    "a name of Python 2": b"c__builtin__\neval\n(" + quoted(f"exec({MAKE!r})") + b"tR",
    "a name on the stack": b"\x80\x04" + text("builtins") + text("exec") + b"\x93(" + quoted(MAKE) + b"tR",
    "a dotted name": b"\x80\x04" + text("os") + text("path.os.open") + b"\x93(" + quoted(RAN) + b"K\x41tR",
    "NEWOBJ": b"\x80\x02cbuiltins\nlist\n(cbuiltins\nmap\n(cbuiltins\nexec\n(" + quoted(MAKE) + b"lt\x81tR",
    "getattr": b"cbuiltins\ngetattr\n(cbuiltins\n__dict__\nS'get'\ntR(S'exec'\ntR(" + quoted(MAKE) + b"tR",
    "BUILD": b"cfunctools\npartial\n(cbuiltins\nlen\ntR(cbuiltins\nexec\n(" + quoted(MAKE) + b"t}Ntb)R",
}


@contextlib.contextmanager
def inside(folder):
    """The working directory of a payload; says whether one ran there."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
        assert not Path(RAN).exists(), "a payload ran"
    finally:
        os.chdir(before)


def rejected(use, words):
    """Whether something ends in one line that contains these words."""
    try:
        use()
    except ConfigError as error:
        assert words in str(error) and "\n" not in str(error), str(error)
        return
    raise AssertionError("it was accepted")
