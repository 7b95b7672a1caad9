"""The values that a setting accepts: types with their ranges, named once, to annotate settings with.

A kind is an ordinary type hint for pydantic, strict: True is not a number, 1 is a float, '1' is not. Markers add what a
type hint cannot say: :class:`Rule` a test and its text, :class:`Cap` a limit that only a mistake exceeds,
:class:`Null` what ``~`` stands for, :class:`Paper` the papers' value."""

import codecs
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AllowInfNan, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import NotRequired, TypedDict  # the ones that pydantic can read on Python 3.10 and 3.11

STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True)
class Paper:
    """The paper's value of a setting, for the documentation."""

    value: Any


@dataclass(frozen=True)
class Null:
    """What ``~`` (None) means where a setting may be None: 'for never'."""

    meaning: str


@dataclass(frozen=True)
class Rule:
    """A test beyond type and range.

    Args:
        allows (callable): value to bool.
        words (str): what the value must be: 'a list of column names'.
    """

    allows: Any
    words: str

    def __get_pydantic_core_schema__(self, source, handler):
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value):
        if not self.allows(value):
            raise PydanticCustomError("rule", "")
        return value


@dataclass(frozen=True)
class Cap:
    """A limit that no sensible value reaches; beyond it memory or the range of float32 is exceeded.

    Args:
        most (float): the largest value.
        least (float): the smallest value other than 0.
    """

    most: float
    least: float = 0

    def __get_pydantic_core_schema__(self, source, handler):
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value):
        if value > self.most:
            raise PydanticCustomError("cap", "at most {limit}", {"limit": self.most})
        if 0 < value < self.least:
            raise PydanticCustomError("cap", "at least {limit}", {"limit": self.least})
        return value


# Numbers
Count = Annotated[int, Ge(1), Cap(2**31 - 1)]
Natural = Annotated[int, Ge(0), Cap(2**31 - 1)]
Width = Annotated[int, Ge(1), Cap(2**16)]  # of a layer, an embedding, a history
Rows = Annotated[int, Ge(1), Cap(2**20)]  # of a table that is held in memory
Repeats = Annotated[int, Ge(1), Cap(1000)]  # of a layer or an iteration
Digits = Annotated[int, Ge(0), Le(15)]
Number = Annotated[float, AllowInfNan(False)]
Weight = Annotated[Number, Ge(0), Cap(1e6)]  # of a term in a sum
Positive = Annotated[Number, Gt(0), Cap(1e6, 1e-6)]
Rate = Annotated[Number, Gt(0), Cap(1000)]  # of learning
LogitStd = Annotated[Positive, Rule(lambda value: value > 0, "a number > 0 (equal starts leave all capsules equal)")]
Power = Annotated[Number, Ge(0), Cap(100)]
Decay = Annotated[Number, Ge(0), Cap(1000)]
Share = Annotated[Number, Ge(0), Le(1)]
SomeOf = Annotated[Number, Gt(0), Le(1)]  # a share that leaves something
Dropout = Annotated[Number, Ge(0), Lt(1)]
Forgetting = Annotated[Number, Gt(0), Lt(1)]  # of a moving average

# Text
Text = Annotated[str, Rule(lambda text: text != "" and text.isprintable(), "a name")]
Path = Annotated[str, Rule(lambda text: text != "" and text.isprintable(), "a path")]
Column = Annotated[str, Rule(lambda text: text != "" and text.isprintable(), "a column name")]
Separator = Annotated[str, Rule(lambda text: len(text) == 1, "one character")]


def one_of(*names: str) -> Rule:
    """A rule for text: one of these names, in upper or lower case."""
    return Rule(lambda text: text.lower() in names, f"one of {', '.join(names)}")


def _is_encoding(text):
    try:
        return codecs.lookup(text)._is_text_encoding
    except (LookupError, ValueError):
        return False


Encoding = Annotated[str, Rule(_is_encoding, "the name of a text encoding, such as utf-8")]

# True, False or absent; ~ means absent.
Flag = Annotated[bool | None, Null("")]

# ``off`` without quotes is False in YAML.
Mode = Annotated[Literal["off", "width", "full"], BeforeValidator(lambda value: "off" if value is False else value)]

# Devices: '0', '0,1', 0, (0, 1) or '', the CPU.
_DEVICES = "a GPU's number, several such as '0,1', or '' for the CPU"


def _are_devices(value):
    if isinstance(value, tuple):
        return bool(value) and all(type(one) is int and one >= 0 for one in value)
    return re.fullmatch(r"(\d+(,\s*\d+)*)?", str(value)) is not None


Devices = Annotated[str | int | tuple[Any, ...], Rule(_are_devices, _DEVICES)]

# Lists
Widths = Annotated[list[Width], MinLen(1)]
Columns = list[Column]
Names = Annotated[list[Text], MinLen(1)] | Text
TopK = Annotated[list[Count], MinLen(1)] | Count

# Intervals, as RecBole writes them: '[5,inf)', several divided by ';'.
_POINT = r"\s*[-+]?(?:inf|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+)\s*"
_INTERVAL = re.compile(rf"\s*[\[(]({_POINT}),({_POINT})[\])]\s*", re.IGNORECASE)


def is_interval(text: str) -> bool:
    """Whether RecBole reads a text as intervals; of any other it filters nothing."""
    parts = [_INTERVAL.fullmatch(part) for part in text.split(";")]
    return all(part and float(part[1]) <= float(part[2]) for part in parts)


Interval = Annotated[str, Rule(is_interval, "an interval such as '[5,inf)'")]
Token = Annotated[str, Rule(lambda text: True, "a token")]  # as in the file; a number would be equal to none
Values = Annotated[list[Token], MinLen(1)]

# RecBole's tables of several keys


class Negatives(TypedDict, total=False):
    """``train_neg_sample_args``."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    distribution: Literal["uniform", "popularity", "none", "None"] | None
    sample_num: Annotated[int, Ge(1), Cap(1000)] | Literal["none"]
    alpha: Weight | Literal["none"]
    dynamic: bool
    candidate_num: Annotated[int, Ge(0), Cap(1000)]


class ClipGradNorm(TypedDict):
    """``clip_grad_norm``: the arguments of PyTorch's function of that name."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    max_norm: Positive
    norm_type: NotRequired[Annotated[float, Gt(0), AllowInfNan(True)]]
    error_if_nonfinite: NotRequired[bool]
    foreach: NotRequired[bool | None]


_SHARES = "three shares above 0 that add up to 1, or three whole numbers such as [8, 1, 1]"


def _are_shares(values):
    return len(values) == 3 and (all(value == int(value) for value in values) or abs(sum(values) - 1) < 1e-6)


Shares = Annotated[list[Annotated[Number, Gt(0)]], Rule(_are_shares, _SHARES)]


class Split(TypedDict, total=False):
    """``eval_args.split``."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    RS: Shares
    LS: Literal["valid_and_test", "valid_only", "test_only"]
    TS: Shares


_CANDIDATES = re.compile(r"full|labeled|(?:uni|pop)[1-9]\d{0,5}")
Candidates = Annotated[
    str, Rule(lambda text: _CANDIDATES.fullmatch(text), "full, labeled, or uni or pop with a number such as uni100")
]


class Modes(TypedDict, total=False):
    """``eval_args.mode``, one per part."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    valid: Candidates
    test: Candidates


class EvalArgs(TypedDict, total=False):
    """``eval_args``."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    split: Annotated[Split, Rule(lambda split: len(split) == 1, "a dict with one of RS, LS and TS")]
    group_by: Literal["user", "none", "None"] | None
    order: Literal["RO", "TO"]
    mode: Candidates | Modes


class Discretization(TypedDict):
    """One column of ``discretization``."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    method: Literal["ED", "LD"]
    bucket: NotRequired[Count]


# Which columns of which file
_HAS_INTER = Rule(lambda load: load.get("inter"), "a dict from files to lists of columns, with some of inter")
Loaded = Annotated[dict[Text, Columns | Literal["*"]], _HAS_INTER]
Unloaded = Annotated[dict[Text, Columns], Rule(bool, "a dict from files (inter, item, user) to lists of columns")]
Benchmark = Annotated[list[Text], MinLen(1)]
Transform = Literal["mask_itemseq", "inverse_itemseq", "crop_itemseq", "reorder_itemseq"]
