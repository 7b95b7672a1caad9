"""A stand-in for a GPU: tensors that say they are on another device, and compute on the CPU.

    with StandIn() as gpu:
        model = MyModel(config, dataset).to(gpu.device)     # config["device"] is gpu.device
        model.calculate_loss(batch.to(gpu.device)).backward()
    gpu.waits                                               # Counter({'nonzero, transformer.py:18': 1, …})

What a GPU would refuse is refused here: an operation on tensors of two devices. What a GPU makes a step wait for is
counted, with its line: an operation whose result's size depends on values, and a value that is read back. The values
are those of the CPU, to the bit.

PyTorch's device of the name ``privateuseone`` is renamed for it, once per process, by an interface that PyTorch 2.10
and later have and call experimental.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "standin"
# Operations whose result has as many rows as the values say: a GPU computes the size, and the CPU waits for it.
_SIZED_BY_VALUES = (  # repeat_interleave: unless it is told the size
    *("nonzero", "masked_select", "_unique", "_unique2", "unique_dim", "unique_consecutive", "bincount"),
    *("repeat_interleave.Tensor", "repeat_interleave.self_Tensor"),
)
_READ_BACK = ("_local_scalar_dense", "equal", "allclose", "is_nonzero")
_MOVES = ("_to_copy", "copy_")
_INDEXING = ("index.", "index_put", "_index_put")  # PyTorch takes an index on the CPU, and copies it
_HERE = Path(__file__).parents[1]


def available() -> bool:
    """Whether this PyTorch has the interface, and no real device took its place."""
    from torch.utils import backend_registration

    name = torch._C._get_privateuse1_backend_name()
    return hasattr(backend_registration, "_setup_privateuseone_for_python_backend") and name in ("privateuseone", NAME)


class StandIn(TorchDispatchMode):
    """While active, tensors may be made on, and moved to, :attr:`device`.

    Attributes:
        device (torch.device): the device.
        waits (collections.Counter): how often a step would have waited for a GPU, by operation and line.
        copies (collections.Counter): how often something was copied to the device, by line.

    Raises:
        RuntimeError: PyTorch lacks the interface; and, while active, an operation mixes devices.
    """

    def __init__(self) -> None:
        super().__init__()
        register()
        self.device = torch.device(NAME, 0)
        self.waits: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()

    def __enter__(self) -> StandIn:
        global _active
        self._before = _active, torch._C._only_lift_cpu_tensors()
        _active = self
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(…, device=…) then is a copy, which arrives here
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        global _active
        super().__exit__(*error)
        _active, lifted = self._before
        torch._C._set_only_lift_cpu_tensors(lifted)

    def __torch_dispatch__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def count(self, name: str, args: Any, kwargs: Any) -> None:
        """Note an operation if a GPU would make the step wait for it, or be sent something."""
        here = [isinstance(one, _OnStandIn) for one in _tensors(args, kwargs)]
        to_cpu, to_device = _moved(name, args, kwargs, here)
        sized = name in _SIZED_BY_VALUES and kwargs.get("output_size") is None
        if any(here) and (sized or name in _READ_BACK or _by_mask(name, args) or to_cpu):
            self.waits[f"{name.partition('.')[0]}, {_line()}"] += 1
        elif to_device:
            self.copies[_line()] += 1


_active: StandIn | None = None
_kernels: list[torch.library.Library] = []


@functools.cache
def register() -> None:
    """Make the device known to PyTorch; must come before the first backward pass of the process."""
    if not available():
        raise RuntimeError("StandIn: needs PyTorch 2.10 or later, and no other device in the place of privateuseone")
    from torch.utils import backend_registration

    class Module(backend_registration._DummyBackendModule):
        def get_amp_supported_dtype(self) -> list[torch.dtype]:
            return [torch.bfloat16, torch.float16]

    backend_registration._setup_privateuseone_for_python_backend(NAME, Module())
    _kernels.append(torch.library.Library("_", "IMPL"))  # it lives as long as this list
    _kernels[-1].fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # autocast then changes nothing


class _OnStandIn(torch.Tensor):
    """A tensor that is said to be on the device; its values are in ``on_cpu``, on the CPU."""

    on_cpu: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> _OnStandIn:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
        )

    def __init__(self, inner: torch.Tensor) -> None:
        self.on_cpu = inner

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"{self.on_cpu!r}, on {NAME}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.on_cpu.__reduce_ex__(protocol)  # a checkpoint holds it as a tensor of the CPU

    def tolist(self) -> Any:  # PyTorch's own refuses subclasses
        if _active is not None:
            _active.count("_local_scalar_dense", (self,), {})
        return self.on_cpu.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    """Compute an operation on the CPU; its result is on the device where its input is, or where it is asked for."""
    name = func.name().removeprefix("aten::")
    tensors = _tensors(args, kwargs)
    on_device = any(isinstance(one, _OnStandIn) for one in tensors)
    asked = kwargs.get("device")
    target = torch.device(asked).type if asked is not None else NAME if on_device else "cpu"
    if on_device and name not in _MOVES:
        # An index may be on the CPU where what it is taken from is on the device, and is copied; not the reverse.
        others = _tensors((*args[:1], *args[2:]), kwargs) if name.startswith(_INDEXING) else tensors
        _refuse_mixed(name, others if isinstance(others[0], _OnStandIn) else tensors)
    if _active is not None:
        _active.count(name, args, kwargs)
    result = func(*_each(_on_cpu, args), **{name: _each(_on_cpu, value) for name, value in kwargs.items()})
    if func._schema.is_mutable:
        return _written(func, args, kwargs, result)
    return _each(_on_device, result) if target == NAME else result


def _moved(name, args, kwargs, here):
    """Whether an operation copies from the device to the CPU, and whether from the CPU to the device."""
    if name == "copy_":
        return here == [False, True], here == [True, False]
    if name == "_to_copy":
        asked = kwargs.get("device")
        target = torch.device(asked).type if asked is not None else None
        return here == [True] and target == "cpu", here == [False] and target == NAME
    indices = _tensors(args[1:2], {}) if name.startswith(_INDEXING) else []
    return False, here[:1] == [True] and any(one.dim() and not isinstance(one, _OnStandIn) for one in indices)


def _by_mask(name, args):
    """Whether rows are chosen by a mask, whose true entries have to be counted."""
    return name.startswith(_INDEXING) and any(one.dtype == torch.bool for one in _tensors(args[1:2], {}))


def _written(func, args, kwargs, result):
    """What an operation that writes to its input returns: that input, as often as it returns it."""
    if result is None:
        return None
    writes = [one.alias_info is not None and one.alias_info.is_write for one in func._schema.arguments]
    names = [one.name for one in func._schema.arguments]
    given = dict(zip(names, args)) | kwargs
    written = [given[name] for name, write in zip(names, writes) if write and name in given]
    return tuple(written) if isinstance(result, tuple) else written[0]


def _each(change, value):
    """A value with a change made to it, or to each entry of a list: what operations take and return is no deeper."""
    if isinstance(value, list | tuple):
        return type(value)([_each(change, one) for one in value])
    return change(value)


def _tensors(args, kwargs):
    """The tensors among an operation's arguments, and in lists among them."""
    found: list[torch.Tensor] = []
    for one in (*args, *kwargs.values()):
        found += _tensors(one, {}) if isinstance(one, list | tuple) else [one] if isinstance(one, torch.Tensor) else []
    return found


def _refuse_mixed(name, tensors):
    strange = [one for one in tensors if not isinstance(one, _OnStandIn) and one.dim() > 0]
    if strange:
        shapes = ", ".join(str(tuple(one.shape)) for one in strange)
        raise RuntimeError(f"{name} mixes devices: {shapes} on the CPU, the rest on {NAME}; at {_line()}")


def _on_cpu(value):
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.on_cpu if isinstance(value, _OnStandIn) else value


def _on_device(value):
    return _OnStandIn(value) if isinstance(value, torch.Tensor) else value


def _line():
    """The line of this package, or else of RecBole, that asked for the running operation."""
    frame: types.FrameType | None = sys._getframe(2)
    other = ""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if _HERE in path.parents and path.name != Path(__file__).name:
            return f"{path.name}:{frame.f_lineno}"
        if not other and "recbole" in path.parts:
            other = f"RecBole's {path.name}:{frame.f_lineno}"
        frame = frame.f_back
    return other or "backward or optimizer"
