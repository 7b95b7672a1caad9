"""Files that claim more than they hold, contain values without end, or are damaged."""

import itertools
import random
import struct
import zipfile

import torch

from faults.cases import case
from faults.payloads import rejected, text
from recbole_iacn.errors import ConfigError
from recbole_iacn.training import checkpoint_file

KIND = "stranger's file"


def _doubled(count):
    """A pickle in which each tuple contains the one before twice."""
    return b")" + b"q\x00h\x00\x86" * count


BOMBS = {
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**50) + b"ab",
    "a bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**45) + b"ab",
    "a frame": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N",
    "a place of the memo": b"Nr\xff\xff\xff\x7f",
    "an integer": b"\x8b" + struct.pack("<I", 2**31 - 1) + b"ab",
    "digits": b"I" + b"9" * 100_000 + b"\n",
    "a key of tuples in tuples": b"}" + _doubled(60) + b"K\x01s",
    "a member of a set": b"\x80\x04\x8f(" + _doubled(60) + b"\x90",
    "a value of tuples in tuples": _doubled(60),
    "a list in itself": b"]q\x00h\x00a",
    "depth": b"]" * 50_000 + b"a" * 49_999,
    "a tensor of petabytes": b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\n"
    b"\x8a\x07\x00\x00\x00\x00\x00\x00\x04tQK\x00\x8a\x07\x00\x00\x00\x00\x00\x00\x04\x85K\x01\x85\x89NtR",
    "an array of petabytes": b"cnumpy\nzeros\n(\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x10tR",
}


@case(KIND, "a small file that claims petabytes, or values without end", tries=130)
def claims_too_much(folder, seed):
    chosen = random.Random(seed)
    body = BOMBS[[*BOMBS][seed % len(BOMBS)]]
    with zipfile.ZipFile(folder / "bad.pth", "w") as archive:
        content = b"\x80\x02}" + text("config") + b"}" + text("model") + text("BPR") + b"s" + b"s"
        content += text("state_dict") + body + b"s."
        archive.writestr("bad/data.pkl", content)
        archive.writestr("bad/data/0", bytes(chosen.randrange(64)))
    rejected(lambda: checkpoint_file.load(folder / "bad.pth"), "bad.pth: is not a checkpoint")


@case("damaged file", "a checkpoint with a changed byte, cut off, or with bytes between", tries=500)
def damaged_checkpoint(folder, seed):
    chosen = random.Random(seed)
    path, state = folder / "model.pth", {"config": {"model": "BPR"}, "state_dict": {"w": torch.arange(50.0)}}
    torch.save(state, path)
    content = bytearray(path.read_bytes())
    place = chosen.randrange(len(content))
    how = chosen.choice(["changed", "cut", "between"])
    if how == "changed":
        content[place] ^= 1 << chosen.randrange(8)
    content = content[:place] if how == "cut" else content
    content = content[:place] + bytes(chosen.randrange(1, 9)) + content[place:] if how == "between" else content
    path.write_bytes(content)
    try:
        found = checkpoint_file.load(path, mapped=chosen.random() < 0.5)
    except ConfigError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error), str(error)
    else:  # a byte that means nothing, such as a time
        assert torch.equal(found["state_dict"]["w"], state["state_dict"]["w"]) and found["config"] == state["config"]


@case(KIND, "YAML whose aliases, merges or lists have no end", tries=40)
def endless_yaml(folder, seed):
    from recbole_iacn.settings.sources import read_config_file

    letters = "abcdefghij"
    files = [
        "a: &a [x, x]\n" + "".join(f"{n}: &{n} [{', '.join(['*' + o] * 9)}]\n" for o, n in itertools.pairwise(letters)),
        "a: &a {x: 1, y: 2}\n"
        + "".join(f"{n}: &{n} {{<<: [{', '.join(['*' + o] * 9)}]}}\n" for o, n in itertools.pairwise(letters)),
        "a: &a [*a]\n",
        "a: " + "[" * 5000 + "]" * 5000,
        "a: 1\n" * (1 << 18),
    ]
    (folder / "bad.yaml").write_text(files[seed % len(files)])
    rejected(lambda: read_config_file(folder / "bad.yaml"), "config file")
