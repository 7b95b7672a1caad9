"""Reads what ``torch.save`` has written without running any code: tensors, arrays and plain values.

Such a file is a zip file, uncompressed, of a pickle and one entry of bytes for each tensor. The pickle is read by
:mod:`~recbole_iacn.system.inert_pickle`, and tensors are made here. So neither ``torch.load`` nor what it hands
TorchScript archives and older formats to is involved.
"""

from __future__ import annotations

import mmap
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from recbole_iacn.system import inert_pickle
from recbole_iacn.system.inert_pickle import Inert, Name, NotPlain
from recbole_iacn.system.nested import Endless, check_size

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
_PLAIN_KINDS = "biufcSU"  # of NumPy's types: numbers and text, no objects
_MOST_DIMENSIONS = 64
_LONGEST_CODE = 9  # of a type of NumPy's, such as U20


def read(path: str | os.PathLike[str], mapped: bool = False) -> Any:
    """The content of a file that ``torch.save`` has written, on the CPU.

    Args:
        path: the file.
        mapped: leave the tensors on the disk until they are read. The file must not be written over meanwhile
            (replaced, it may be, but not on Windows).

    Returns:
        Plain values, tensors, NumPy arrays and scalars (as numbers), and an
        :class:`~recbole_iacn.system.inert_pickle.Inert` for each object of another type.

    Raises:
        NotPlain: it is no such file, is damaged, or is written to do harm; the text goes on after the file's name.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise NotPlain("is empty")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        archive = _Archive(file, content, mapped)
    found = inert_pickle.read(bytes(archive.entry("data.pkl")), archive.builders(), archive.storage)
    try:
        check_size(found)
    except Endless as error:
        raise NotPlain(str(error)) from None
    return found


@dataclass(frozen=True)
class _Storage:
    """The numbers of tensors: bytes and the type that they are read as."""

    content: torch.Tensor  # uint8
    dtype: torch.dtype

    def numbers(self):
        return self.content.numel() // self.dtype.itemsize


class _Archive:
    """The entries of the zip file, checked."""

    def __init__(self, file, content, mapped):
        self._content, self._mapped, self._storages = content, mapped, {}
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
            whole = content[:2] == b"PK"
            raise NotPlain("is damaged, or cut off" if whole else "is no file of torch.save") from error
        roots = [entry.filename[: -len("data.pkl")] for entry in entries if entry.filename.endswith("/data.pkl")]
        if len(roots) != 1 or roots[0].count("/") != 1:
            raise NotPlain("is a zip file, but none of torch.save")
        self._entries = {entry.filename.removeprefix(roots[0]): entry for entry in entries}
        if "constants.pkl" in self._entries:
            raise NotPlain("is a TorchScript archive, which contains a program")
        if len(self._entries) != len(entries) or sum(entry.file_size for entry in entries) > len(content):
            raise NotPlain("is damaged, or claims more than it contains")
        if "byteorder" in self._entries and bytes(self.entry("byteorder")) != sys.byteorder.encode():
            raise NotPlain("was written on a machine with another order of bytes")

    def entry(self, name):
        """The bytes of an entry, as a view of the file."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotPlain(f"is damaged, and lacks its part {name[:80]!r}")
        at = entry.header_offset
        header = self._content[at : at + 30]  # see the format of zip files: a fixed part, the name, more
        start = at + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        stop = start + entry.file_size
        if entry.compress_type or entry.flag_bits & 1 or entry.compress_size != entry.file_size:
            raise NotPlain("is damaged, or has compressed or encrypted parts, which torch.save does not write")
        if header[:4] != b"PK\x03\x04" or stop > len(self._content):
            raise NotPlain("is damaged, or cut off")
        found = memoryview(self._content)[start:stop]
        if zlib.crc32(found) != entry.CRC:
            raise NotPlain(f"is damaged: the checksum of its part {name[:80]!r} is wrong")
        return found

    def storage(self, reference):
        """The storage that a persistent id of PyTorch's refers to."""
        if type(reference) is not tuple or len(reference) != 5 or reference[0] != "storage":
            raise NotPlain("refers to something that is no tensor")
        _, kind, key, _, count = reference  # the fourth is the device that it was on
        if type(kind) is not Name or type(key) is not str or type(count) is not int:
            raise NotPlain("refers to a tensor in an unknown way")
        dtype = torch.uint8 if kind.name == "UntypedStorage" else _STORAGES.get(kind.name)
        if dtype is None:
            raise NotPlain(f"has numbers of an unknown type, {kind.name[:80]}")
        if key not in self._storages:
            self._storages[key] = self._tensor_of(self.entry(f"data/{key}"))
        storage = _Storage(self._storages[key], dtype)
        if count != storage.numbers():
            raise NotPlain("has a tensor of another size than it claims")
        return storage

    def _tensor_of(self, found):
        if not len(found):
            return torch.empty(0, dtype=torch.uint8)
        mapped = self._mapped and torch.frombuffer(found, dtype=torch.uint8)
        if self._mapped and mapped.data_ptr() % 16 == 0:
            return mapped
        return torch.frombuffer(bytearray(found), dtype=torch.uint8)

    def builders(self):
        return {
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch._utils._rebuild_tensor_v3": _tensor_of_type,
            "torch._utils._rebuild_parameter": _parameter,
            "torch.Size": lambda sizes: torch.Size(_shape(sizes)),
            "torch.device": _device,
            "numpy.dtype": _Type,
            **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
        }


def _tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    if type(storage) is not _Storage or type(offset) is not int or offset < 0:
        raise NotPlain("has a tensor without numbers")
    size, stride = _shape(size), _shape(stride)
    last = offset + sum((count - 1) * step for count, step in zip(size, stride))
    empty = 0 in size
    if len(size) != len(stride) or (not empty and last >= storage.numbers()):
        raise NotPlain("has a tensor that reaches beyond its numbers")
    if not empty and _product(size) > storage.numbers():
        raise NotPlain("has a tensor that repeats its numbers")
    typed = torch.empty(0, dtype=storage.dtype)
    typed.set_(storage.content.untyped_storage(), 0 if empty else offset, size, stride)
    return typed.requires_grad_() if requires_grad is True and typed.is_floating_point() else typed


def _tensor_of_type(storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    if type(storage) is not _Storage or type(dtype) is not Name:
        raise NotPlain("has a tensor without numbers")
    kind = getattr(torch, dtype.name, None)
    if dtype.module != "torch" or not isinstance(kind, torch.dtype):
        raise NotPlain(f"has numbers of an unknown type, {str(dtype)[:80]}")
    return _tensor(_Storage(storage.content, kind), offset, size, stride, requires_grad)


def _parameter(values, requires_grad=True, hooks=None):
    if not isinstance(values, torch.Tensor):
        raise NotPlain("has a parameter without numbers")
    return torch.nn.Parameter(values, requires_grad is True and values.is_floating_point())


def _device(kind="cpu", index=None):
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise NotPlain("has a device without a name")
    try:
        return torch.device(kind) if index is None else torch.device(kind, index)
    except RuntimeError:
        raise NotPlain("has an unknown device") from None


def _shape(sizes):
    sizes = tuple(sizes) if isinstance(sizes, tuple | list) else (None,)
    if len(sizes) > _MOST_DIMENSIONS or any(type(size) is not int or not 0 <= size < 2**63 for size in sizes):
        raise NotPlain("has a tensor of an impossible shape")
    return sizes


def _product(sizes):
    product = 1
    for size in sizes:
        product *= size
    return product


class _Type:
    """A type of NumPy's, such as ``<f8``."""

    def __init__(self, code, align=False, copy=False):
        if type(code) is not str:
            raise NotPlain("has an array of an unknown type")
        self.code, self.order = code, "="

    def inert_state(self, state):
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise NotPlain("has an array of an unknown type")
        self.order = state[1]

    def plain(self):
        """The type; None if it is not one of numbers or text."""
        if self.code[:1] not in _PLAIN_KINDS or not self.code[1:].isdecimal() or len(self.code) > _LONGEST_CODE:
            return None
        try:
            return np.dtype(self.order + self.code)
        except TypeError:
            return None


def _scalar(dtype, content=b""):
    plain = dtype.plain() if type(dtype) is _Type else None
    if plain is None:
        return Inert(Name("numpy", "generic"), ())
    if type(content) is not bytes or len(content) != plain.itemsize:
        raise NotPlain("has a number of another size than its type")
    return np.frombuffer(content, plain)[0].item()


def array_of(value: Any) -> np.ndarray | None:
    """The NumPy array of numbers or text that a pickle would have made.

    Args:
        value: what :func:`read` returned for it.

    Returns:
        None if it is something else, such as an array of objects.
    """
    if type(value) is not Inert or value.name.module.partition(".")[0] != "numpy":
        return None
    if value.name.name == "_frombuffer" and len(value.args) == 4:  # protocol 5
        content, dtype, sizes, order = value.args
    elif value.name.name == "_reconstruct" and type(value.state) is tuple and len(value.state) == 5:
        _, sizes, dtype, by_columns, content = value.state
        order = "F" if by_columns is True else "C"
    else:
        return None
    plain = dtype.plain() if type(dtype) is _Type else None
    if plain is None or type(content) not in (bytes, bytearray) or order not in ("C", "F"):
        return None
    shape = _shape(sizes)
    if _product(shape) * plain.itemsize != len(content):
        return None
    return np.frombuffer(content, plain).reshape(shape, order=order).copy()
