"""Reads a pickle without running anything that it names.

A pickle is a program: it imports names and calls them. Here a name stays a :class:`Name`, and what a call would have
made is an :class:`Inert`, which records the call. Only builders that the caller gives make more of their arguments.
Nothing of the package's or of Python's own is ever on the stack, so there is nothing that a pickle could change.

The instructions are those of Python's own interpreter of pickles (``pickle._Unpickler``), as far as they handle plain
values; every other one is defined here. PyTorch's ``weights_only=True`` does the same for tensors, but rejects a whole
file for RecBole's Config in it, ran code before PyTorch 2.6 (CVE-2025-32434), and does not end on tuples within tuples
as keys.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Builders = Mapping[str, Callable[..., Any]]  # full name -> what is called instead, with what the pickle passes

_LONGEST_INTEGER = 1024  # bytes
_LONGEST_KEY = 100  # parts of a tuple; each of them is looked at whenever the key is
_SIZED = (str, bytes, bytearray, list, tuple, dict, set)

_OF_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # as protocols 0 to 2 write them


class NotPlain(ValueError):
    """The bytes are not a pickle, are damaged, or do what no file of plain values and tensors does."""


@dataclass(frozen=True)
class Name:
    """A name that a pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Inert:
    """What a call in a pickle would have made; nothing was called.

    Attributes:
        name: what would have been called.
        args: with these arguments.
        state: given to the object afterwards: its attributes, for most classes.
    """

    name: Name
    args: tuple[Any, ...]
    state: Any = field(default=None, repr=False)


# Hashed in no time, which a tuple of tuples of tuples is not.
_KEYS = (str, int, float, bool, bytes, type(None), Name, Inert)


def read(data: bytes, builders: Builders | None = None, persistent: Callable[[Any], Any] | None = None) -> Any:
    """The value of a pickle.

    Args:
        data: the pickle.
        builders: by full name, such as ``torch._utils._rebuild_tensor_v2``, a function that makes more than an
            :class:`Inert`. It must check its arguments, which are a stranger's.
        persistent: the same for persistent ids, by which PyTorch refers to the numbers of a tensor.

    Returns:
        None, numbers, text, bytes, lists, tuples, dicts and sets of such values, what builders made, :class:`Name`
        and :class:`Inert`.

    Raises:
        NotPlain: see there. Nothing else is raised, whatever the bytes are.
    """
    try:
        return _Reader(data, {**_PLAIN, **(builders or {})}, persistent).load()
    except NotPlain:
        raise
    except MemoryError:
        raise NotPlain("claims more than the memory holds") from None
    except Exception as error:  # an instruction without its operands, text that is none, and so on
        raise NotPlain(f"is no whole pickle ({type(error).__name__})") from None


def _check_key(key):
    parts = key if type(key) is tuple else (key,)
    if len(parts) > _LONGEST_KEY or any(type(part) not in _KEYS for part in parts):
        raise NotPlain(f"has a key of type {type(key).__name__}")
    return key


def _set(items=()):
    return {_check_key(item) for item in _of(list, items)}


def _pairs(kind):
    def build(pairs=()):
        made = kind()
        for key, value in [*pairs.items()] if type(pairs) is dict else _of((list, tuple), pairs):
            made[_check_key(key)] = value
        return made

    return build


def _defaultdict(factory=None):
    known = {"builtins.list": list, "builtins.dict": dict, "builtins.int": int, "builtins.float": float}
    if factory is not None and str(factory) not in known:
        raise NotPlain(f"has a dict that calls {factory}")
    return defaultdict(None if factory is None else known[str(factory)])


def _encoded(text, encoding="latin1"):
    """How protocol 2 writes bytes."""
    if type(text) is not str or encoding != "latin1":
        raise NotPlain("has text in an unknown encoding")
    return text.encode("latin1")


def _of(kinds, value):
    if not isinstance(value, kinds):
        raise NotPlain(f"has a {type(value).__name__} where there should be another type")
    return value


_PLAIN: Builders = {
    "builtins.set": _set,
    "builtins.frozenset": lambda items=(): frozenset(_set(items)),
    "builtins.bytearray": lambda content=b"": bytearray(_of((bytes, bytearray), content)),
    "builtins.bytes": lambda content=b"": bytes(_of((bytes, bytearray), content)),
    "builtins.complex": lambda real, imaginary: complex(_of(float, real), _of(float, imaginary)),
    "collections.OrderedDict": _pairs(OrderedDict),
    "collections.Counter": _pairs(Counter),
    "collections.defaultdict": _defaultdict,
    "_codecs.encode": _encoded,
}


_Python: Any = vars(pickle)["_Unpickler"]


class _Reader(_Python):
    """``dispatch`` has an entry for each instruction; those that are not defined here handle plain values alone."""

    def __init__(self, data, builders, persistent):
        super().__init__(io.BytesIO(data))
        self._builders, self._persistent = builders, persistent
        # Builders copy what they are given. A pickle says each value once, so that all copies are no larger than it is;
        # one that hands the same value on again and again, in some bytes each time, would fill the memory.
        self._room = 4 * len(data) + 1024

    def load_global(self):
        module, name = (self.readline()[:-1].decode() for _ in range(2))
        self._push_name(module, name)

    def load_stack_global(self):
        name, module = self.stack.pop(), self.stack.pop()
        self._push_name(module, name)

    def _push_name(self, module, name):
        if type(module) is not str or type(name) is not str:
            raise NotPlain("imports something that is no name")
        self.append(Name(_OF_PYTHON_2.get(module, module), name))

    def load_reduce(self):
        args = self.stack.pop()
        self.stack[-1] = self._called(self.stack[-1], args)

    load_newobj = load_reduce

    def load_newobj_ex(self):
        named, args, what = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.append(self._called(what, args) if named == {} else _recorded(what, (args, named)))

    def load_inst(self):
        self.load_global()
        what = self.stack.pop()
        args = tuple(self.pop_mark())
        self.append(self._called(what, args))

    def load_obj(self):
        what, *args = self.pop_mark()
        self.append(self._called(what, tuple(args)))

    def _called(self, what, args):
        if type(args) is not tuple:
            raise NotPlain("calls something without arguments")
        if type(what) is Name:
            if str(what) == "copyreg._reconstructor" and args:  # how protocols 0 and 1 write an object
                what, args = args[0], ()
            builder = self._builders.get(str(what))
            if builder is not None:
                self._room -= sum(len(part) for part in args if isinstance(part, _SIZED))
                if self._room < 0:
                    raise NotPlain("claims more than it contains")
                return builder(*args)
        return _recorded(what, args)

    def load_build(self):
        state, made = self.stack.pop(), self.stack[-1]
        if type(made) is Inert:
            made.state = state
        elif type(made) is OrderedDict:  # PyTorch keeps the versions of modules beside a state dict
            metadata = _of(dict, state).get("_metadata")
            if isinstance(metadata, dict):
                vars(made)["_metadata"] = metadata
        elif hasattr(type(made), "inert_state"):  # made by a builder
            made.inert_state(state)
        else:
            raise NotPlain(f"changes a {type(made).__name__}")

    def load_append(self):
        value = self.stack.pop()
        self._extended([value])

    def load_appends(self):
        items = self.pop_mark()
        self._extended(items)

    def _extended(self, items):
        made = self.stack[-1]
        if type(made) is list:
            made.extend(items)
        elif type(made) is not Inert:
            raise NotPlain(f"appends to a {type(made).__name__}")

    def load_additems(self):
        items = self.pop_mark()
        _of(set, self.stack[-1]).update(map(_check_key, items))

    def load_frozenset(self):
        items = self.pop_mark()
        self.append(frozenset(map(_check_key, items)))

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def load_setitems(self):
        items = self.pop_mark()
        self._set_items(items)

    def load_dict(self):
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def _set_items(self, items):
        made = self.stack[-1]
        if type(made) is Inert:
            return
        if type(made) not in (dict, OrderedDict, defaultdict, Counter) or len(items) % 2:
            raise NotPlain(f"sets an item of a {type(made).__name__}")
        for key, value in zip(items[::2], items[1::2]):
            made[_check_key(key)] = value

    def load_binpersid(self):
        if self._persistent is None:
            raise NotPlain("refers to something outside of it")
        self.append(self._persistent(self.stack.pop()))

    def load_long4(self):
        count = int.from_bytes(self.read(4), "little")
        if count > _LONGEST_INTEGER:
            raise NotPlain("has an integer of more than a thousand bytes")
        self.append(pickle.decode_long(self.read(count)))

    def load_bytearray8(self):  # Python's own allocates what is claimed
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def load_rejected(self):
        raise NotPlain("has an instruction that no file of plain values needs")


# Which of Python's own handle plain values alone; unknown ones, of a later protocol, are rejected, too.
_AS_THEY_ARE = frozenset(
    (
        *("proto", "frame", "stop", "mark", "pop", "pop_mark", "dup", "put", "binput", "long_binput", "memoize"),
        *("get", "binget", "long_binget", "none", "false", "true", "int", "binint", "binint1", "binint2", "long"),
        *("long1", "float", "binfloat", "string", "binstring", "short_binstring", "binbytes", "binbytes8"),
        *("short_binbytes", "unicode", "binunicode", "binunicode8", "short_binunicode", "tuple", "empty_tuple"),
        *("tuple1", "tuple2", "tuple3", "list", "empty_list", "empty_dictionary", "empty_set"),
    )
)


def _instruction(theirs):
    as_it_is = theirs.__name__.removeprefix("load_") in _AS_THEY_ARE
    return vars(_Reader).get(theirs.__name__, theirs if as_it_is else _Reader.load_rejected)


_Reader.dispatch = {code: _instruction(method) for code, method in _Python.dispatch.items()}


def _recorded(what, args):
    if type(what) is Name:
        return Inert(what, args)
    if type(what) is Inert:  # a call of what a call returned
        return Inert(what.name, args)
    raise NotPlain(f"calls a {type(what).__name__}")
