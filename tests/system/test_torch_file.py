"""Files of torch.save are read as torch.load reads them, but for what would run; damage is noticed."""

import collections
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_iacn.system import torch_file
from recbole_iacn.system.inert_pickle import Inert, NotPlain

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16]
DTYPES += [torch.int8, torch.uint8, torch.bool, torch.complex64]


def written(value, protocol=2, path="x.pth"):
    torch.save(value, path, pickle_protocol=protocol)
    return path


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_values_are_those_of_torch_load(protocol, mapped):
    layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(layers.parameters())
    layers(torch.rand(5, 3)).sum().backward()
    optimizer.step()
    base = torch.arange(24.0).reshape(4, 6)
    content = {
        "state_dict": layers.state_dict(),
        "optimizer": optimizer.state_dict(),
        "types": [torch.arange(3).to(dtype) for dtype in DTYPES],
        "views": [
            base[1:, ::2].T,
            base,
            base[0],
            torch.empty(0, 3),
            torch.tensor(2.0),
            torch.arange(2).to(torch.uint16),
        ],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "others": [torch.Size([1, 2]), torch.device("cuda", 1), {1, 2}, collections.OrderedDict(a=1)],
    }
    path = written(content, protocol)
    found, wanted = torch_file.read(path, mapped), torch.load(path, weights_only=False)
    assert_same(found, wanted)
    assert found["state_dict"]._metadata == wanted["state_dict"]._metadata
    assert found["views"][1].data_ptr() == found["views"][2].data_ptr()  # one storage, as it was
    assert found["parameter"].requires_grad


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for parts in zip(one, other):
            assert_same(*parts)
    else:
        assert one == other


@pytest.mark.parametrize("protocol", [2, 5])
def test_numpys_values(protocol):
    arrays = [np.arange(6).reshape(2, 3), np.asfortranarray(np.ones((2, 3))), np.array(["a", "bc"])]
    scalars = [np.float64(2.5), np.int32(-3), np.bool_(True), np.str_("é")]
    objects = np.array([{}, 1], dtype=object)
    found = torch_file.read(written([arrays, scalars, objects], protocol))
    for one, other in zip(map(torch_file.array_of, found[0]), arrays):
        assert one.dtype == other.dtype and (one == other).all()
    assert found[1] == [2.5, -3, True, "é"] and [type(one) for one in found[1]] == [float, int, bool, str]
    assert type(found[2]) is Inert and torch_file.array_of(found[2]) is None


def test_a_mapped_file_may_be_replaced():
    import os

    found = torch_file.read(written(torch.ones(5)), mapped=True)
    os.replace(written(torch.zeros(5), path="y.pth"), "x.pth")
    found += 1
    assert found.tolist() == [2] * 5 and torch_file.read("x.pth").tolist() == [0] * 5


def rewritten(path, change):
    """The same zip file with changed entries."""
    with zipfile.ZipFile(path) as whole:
        entries = {entry.filename: whole.read(entry) for entry in whole.infolist()}
    with zipfile.ZipFile(path, "w") as made:
        for name, content in change(entries).items():
            made.writestr(name, content)


def test_what_does_not_fit_together_is_named():
    changes = [
        (lambda entries: {n: c[:8] if n.endswith("data/0") else c for n, c in entries.items()}, "of another size than"),
        (
            lambda entries: {n: c for n, c in entries.items() if not n.endswith("data/0")},
            "is damaged, and lacks its part",
        ),
        (lambda entries: {**entries, "x/constants.pkl": b""}, "is a TorchScript archive"),
        (lambda entries: {**entries, "x/byteorder": b"big"}, "another order of bytes"),
        (lambda entries: {**entries, "y/data.pkl": b"N."}, "is a zip file, but none of torch.save"),
    ]
    for change, message in changes:
        path = written(torch.ones(50))
        rewritten(path, change)
        with pytest.raises(NotPlain, match=message):
            torch_file.read(path)
    with zipfile.ZipFile("x.pth", "w", zipfile.ZIP_DEFLATED) as made:  # a thousandth of what it becomes
        made.writestr("x/data.pkl", b"N." + bytes(10**6))
    with pytest.raises(NotPlain, match="claims more than it contains"):
        torch_file.read("x.pth")


def test_every_byte_of_a_tensor_is_checked():
    content = Path(written(torch.ones(50))).read_bytes()
    place = content.index(torch.ones(50).numpy().tobytes())
    for at in (place, place + 199):
        changed = bytearray(content)
        changed[at] ^= 1
        Path("y.pth").write_bytes(changed)
        with pytest.raises(NotPlain, match="checksum of its part 'data/0' is wrong"):
            torch_file.read("y.pth")


def test_a_tensor_reads_only_its_own_numbers():
    """A view beyond the storage, or one that repeats a number a billion times."""
    storage = torch_file._Storage(torch.zeros(40, dtype=torch.uint8), torch.float32)
    assert torch_file._tensor(storage, 2, (2, 4), (4, 1)).shape == (2, 4)
    for offset, size, stride in ((3, (2, 4), (4, 1)), (0, (11,), (1,)), (0, (10**9,), (0,)), (-1, (1,), (1,))):
        with pytest.raises(NotPlain):
            torch_file._tensor(storage, offset, size, stride)
    with pytest.raises(NotPlain, match="impossible shape"):
        torch_file._tensor(storage, 0, (2, -1), (1, 1))


def test_a_bit_of_the_list_of_parts_that_has_changed_is_damage():
    """Any bit of it, such as that of a name, a size or the way of compression."""
    data = Path(written(torch.ones(50))).read_bytes()
    for place in range(data.find(b"PK\x01\x02"), len(data) - 22):
        Path("x.pth").write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            assert torch.equal(torch_file.read("x.pth"), torch.ones(50))
        except NotPlain as error:
            assert "is damaged" in str(error) or "of torch.save" in str(error), (place, error)
