"""What a stored result must be, so that a damaged one is named and never taken for a run that is done."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run
from recbole_iacn.system import disk, json_file
from recbole_iacn.system.nested import Endless, check_size

RUN_FIELDS = ("dataset", "model", "mode", "sweep", "seed", "settings")  # the fields of a run that its result records


class Strict(BaseModel):
    """The base of what a file must hold: no type is converted."""

    model_config = ConfigDict(strict=True, extra="allow")


class Epoch(Strict):
    """What is recorded of an epoch."""

    losses: dict[str, float]
    valid: float
    seconds: float
    interests: dict[str, float] | None = None


class _Measured(Strict):
    """A measure of a model's interests, beside controls."""

    model: float | None
    chance: float | None
    k_means: float | None
    k_means_id: float | None = None
    k_means_own: float | None = None
    users: int
    category: str | None = None


class _Stratum(Strict):
    """Test rows that have something in common."""

    at_least: int
    at_most: int | None
    rows: int
    clicks: int
    users: int
    auc: float | None
    gauc: float | None


class _TestBy(Strict):
    history: list[_Stratum] | None = None
    categories: list[_Stratum] | None = None
    category: str | None = None


class _OfRun(Strict):
    """What tells runs apart, and the version that made it."""

    dataset: str
    model: str
    mode: Literal["", "off", "width", "full"]
    column: str = ""
    sweep: dict[str, Any]
    seed: int
    settings: dict[str, Any]
    version: str


class _Result(_OfRun):
    """As :func:`recbole_iacn.experiments.one_run.train` returns it; earlier versions lack what has a default here."""

    best: float | None = None
    valid: dict[str, float]
    test: dict[str, float]
    test_by: _TestBy | None = None
    divergence: float | None = None
    interests: dict[str, _Measured] | None = None
    loading: float | None = None
    epochs: list[Epoch] = Field(min_length=1)
    seconds: float
    peak_mb: float | None
    device: str | None = None
    warnings: list[str] | None = None


class _Pruned(_OfRun):
    """A trial that a search has ended early."""

    state: Literal["pruned"]
    study: str
    reported: list[float]


class Unreadable(ValueError):
    """Why a text is not a result, in a few words."""


def parse_result(text: str) -> dict[str, Any]:
    """Read a result.

    Args:
        text: JSON.

    Raises:
        Unreadable: it is damaged, or something else.
    """
    result = parse_as(_Result, text)
    if not result["mode"] and result.get("best") is None:  # those without one are of models with modes
        raise Unreadable("best: Field required")
    _check_run(result)
    return result


def parse_trial(text: str) -> dict[str, Any]:
    """Read a trial of a search: a result, or what is known of a trial that was pruned.

    Args:
        text: JSON.

    Raises:
        Unreadable: it is damaged, or something else.
    """
    found = parse_json(text)
    if not isinstance(found, dict) or found.get("state") != "pruned":
        return parse_result(text)
    record = parse_as(_Pruned, text)
    _check_run(record)
    return record


def parse_as(kind: type[BaseModel], text: str) -> dict[str, Any]:
    """Read a dict.

    Args:
        kind: what it must hold.
        text: JSON.

    Raises:
        Unreadable: it is damaged, or something else.
    """
    result = parse_json(text)
    if not isinstance(result, dict):
        raise Unreadable(f"not a dict, but {result!r:.40}")
    try:
        kind.model_validate(result)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return result


def _check_run(result):
    try:
        check_size(result)
        json.dumps(result, ensure_ascii=False).encode()  # as a report writes its text
        _ = run_of(result).id  # a file is named after it
    except Endless as error:
        raise Unreadable(f"it {error}") from None
    except UnicodeEncodeError:
        raise Unreadable("it has half a character") from None
    except ConfigError as error:
        raise Unreadable(error) from None
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in result["sweep"].values()):
        raise Unreadable("sweep: has an integer of more than 64 bits")


def run_of(result: dict[str, Any]) -> Run:
    """The run that a result is of."""
    return Run(**{key: result[key] for key in RUN_FIELDS}, column=result.get("column", ""))


def column_of(result: Mapping[str, Any]) -> str:
    """The name of a result's column, or else its mode; empty for a model without modes."""
    return result.get("column") or result["mode"]


def label(result: dict[str, Any], run: Run) -> dict[str, Any]:
    """A result under the names by which a plan groups its run: its column, and what of its settings is swept.

    Args:
        result: of a run with the same settings.
        run: of the plan.
    """
    named = {key: value for key, value in result.items() if key != "column"}
    return {**named, "sweep": run.sweep, **({"column": run.column} if run.column else {})}


def parse_json(text: str) -> Any:
    """Read JSON.

    Args:
        text: the content of a file.

    Raises:
        Unreadable: names the line, or in one line the column.
    """
    if not text.strip():
        raise Unreadable("it is empty")
    try:
        return json_file.parse(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}" if "\n" in text.strip() else f"column {error.colno}"
        raise Unreadable(f"{place}: {error.msg}") from None
    except ValueError as error:
        raise Unreadable(error) from None


def read_text(path: Path, mend: str) -> str:
    """The text of a file, UTF-8.

    Args:
        path: the file.
        mend: what the user can do.

    Raises:
        ConfigError: it is not a file, cannot be read, or is not text.
    """
    found = disk.kind(path)
    if found not in ("a file", "nothing"):  # a pipe would make the reader wait for ever
        raise damaged(path, f"{found} in the place of a file", mend)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, f"not valid UTF-8 at byte {error.start}", mend) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); let this user read it") from None


def damaged(where: str | Path, why: object, mend: str) -> ConfigError:
    """The error that names what is damaged.

    Args:
        where: the file, and its line if it has several records.
        why: in a few words.
        mend: what the user can do.
    """
    return ConfigError(f"{where}: is damaged ({why}); {mend}")
