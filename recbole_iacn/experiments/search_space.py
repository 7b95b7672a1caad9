"""The space of a search: its form, which of it applies to a run, and optima on its edge."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recbole_iacn.checks import settings as settings_checks
from recbole_iacn.checks.same_test import DECIDE
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.experiments.plan import Plan, Run, recbole_name
from recbole_iacn.experiments.plan_columns import in_words
from recbole_iacn.experiments.plan_file import OWN_KEYS
from recbole_iacn.experiments.trial_base import combination

_TASK = "iacn_"
_LARGEST = 2**53  # beyond which integers and decimals differ
_NEAR = 0.05  # of a range, in its own scale


def check_space(space: dict[str, Any] | None, plan: Plan | None = None) -> None:
    """Reject an invalid search space.

    Args:
        space (dict): as in :func:`recbole_iacn.experiments.search.search`.
        plan (Plan, optional): the experiment, whose columns the space may name.

    Raises:
        ConfigError: the space is invalid; the message names the setting.
    """
    if not isinstance(space, dict) or not space:
        raise ConfigError("search: the file has no settings to search; add the key search")
    settings_checks.check_keys(space, "search")
    for key, given in space.items():
        if key in OWN_KEYS:
            raise ConfigError(f"search: {key}: is what runs are told apart by, not a setting to search; leave it out")
        what = {part: value for part, value in given.items() if part != "columns"} if isinstance(given, dict) else given
        ranged = isinstance(what, dict) and {"low", "high"} <= set(what) <= {"low", "high", "log"}
        chosen = isinstance(what, dict) and set(what) == {"choices"} and isinstance(what["choices"], list)
        if not (ranged or chosen):
            raise ConfigError(
                f"search: {key}: must be {{low, high, log}} or {{choices: […]}}, each also with columns, got {given!r}"
            )
        if ranged:
            _check_range(key, what)
        if chosen and not what["choices"]:
            raise ConfigError(f"search: {key}: choices is empty; list the values to try")
        if ranged and not what["low"] < what["high"]:
            raise ConfigError(f"search: {key}: low must be below high, got {what['low']} and {what['high']}")
        if key in DECIDE:
            raise ConfigError(f"search: {key}: decides the test, and two tests cannot be compared; leave it out")
        for value in what["choices"] if chosen else (what["low"], what["high"]):
            try:
                settings_checks.check_values({key: value}, "")
            except ConfigError as error:
                raise ConfigError(f"search: {error}") from None
        if "columns" in given:
            _check_columns(key, given["columns"], plan)


def _check_range(key, what):
    for end in ("low", "high"):
        value = what[end]
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
            raise ConfigError(f"search: {key}: {end} must be a number, got {value!r}")
    logarithmic = what.get("log", False)
    if not isinstance(logarithmic, bool):
        raise ConfigError(f"search: {key}: log must be true or false, got {logarithmic!r}")
    if logarithmic and not what["low"] > 0:
        raise ConfigError(f"search: {key}: a logarithmic range begins above 0, got low {what['low']}")


def _check_columns(key, names, plan):
    if not isinstance(names, list) or not names:
        raise ConfigError(f"search: {key}: columns: must be a list of columns, got {names!r}")
    modes = {run.of: run.mode for run in plan.runs if run.of} if plan else {}
    known = tuple(dict.fromkeys((*modes, *(plan.known_columns if plan else ()))))
    for name in map(in_words, names):
        where = f"search: {key}: columns:"
        if name not in known:
            near = did_you_mean(str(name), known)
            raise ConfigError(f"{where} there is no {name!r}.{near} There are: {', '.join(known) or 'none'}")
        if key.startswith(_TASK) and modes.get(name, "full") != "full":
            raise ConfigError(f"{where} {name} has iacn_mode {modes[name]}, which has no task; leave {name} out")
        if plan and key in plan.columns.get(name, ()):
            raise ConfigError(f"{where} {name} has a value of its own; leave it out there, or {name} out here")


def own_space(run: Run, space: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of a search space that apply to a run.

    A setting applies to the columns that it names, or to all: if it is the task's, to those of mode full. What a column
    sets is not searched there.

    Args:
        run: the run.
        space: as in the experiment's file, checked.
        columns: name of a column -> its settings.

    Returns:
        Setting -> its range or choices.
    """
    found = {}
    for key, what in space.items():
        named = what.get("columns")
        meant = run.mode == "full" or not key.startswith(_TASK)
        applies = meant if named is None else run.of in map(in_words, named)
        if applies and key not in columns.get(run.column, ()):
            found[key] = {part: value for part, value in what.items() if part != "columns"}
    return found


def left_out(plan: Plan, space: Mapping[str, Any]) -> Iterator[str]:
    """Lines on what a search does not try, although the space does not say so.

    Args:
        plan: the experiment.
        space: as in its file, checked.
    """
    for key in space:
        fixed = [name for name, settings in plan.columns.items() if key in settings]
        if fixed:
            yield f"search: {key}: is not searched where the column sets it: {', '.join(fixed)}"
        if not any(key in own_space(run, space, plan.columns) for run in plan.runs):
            yield f"search: {key}: applies to no run of this file, and is not searched"


def on_edge(run: Run, space: Mapping[str, Any], best: Mapping[str, Any]) -> Iterator[str]:
    """A line for each setting whose best value lies on the edge of what was tried: a better one may lie beyond.

    The edge of a range is a twentieth of it, by ratio where the range is logarithmic; of choices that are numbers, the
    first and the last.

    Args:
        run: the run whose settings were searched.
        space: the settings that apply to it, as of :func:`own_space`.
        best: setting -> best value.
    """
    for key, what in space.items():
        values = what.get("choices") or (what["low"], what["high"])
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
            continue
        end = _end(what, sorted(set(values)), best[key])
        if not end:
            continue
        tried = f"the choices {', '.join(map(str, values))}" if "choices" in what else f"{values[0]} to {values[1]}"
        mend = "widen the space" if _goes_on(run, key, what, end) else "the setting itself ends there"
        yield f"{combination(run)}: the best {key}, {best[key]:.4g}, lies at the {end} end of {tried}; {mend}"


def _end(what, values, value):
    """upper or lower; empty within a space, and where one choice is all."""
    if len(values) < 2:
        return ""
    if "choices" in what:
        return "lower" if value == values[0] else "upper" if value == values[-1] else ""
    scale = math.log if what.get("log") else float
    low, high = map(scale, values)
    place = (scale(value) - low) / (high - low)
    return "lower" if place <= _NEAR else "upper" if place >= 1 - _NEAR else ""


def _goes_on(run, key, what, end):
    """Whether the setting takes values beyond this end."""
    values: Sequence[float] = sorted(what.get("choices") or (what["low"], what["high"]))
    last = values[0] if end == "lower" else values[-1]
    if all(isinstance(value, int) for value in values):
        beyond: float = last - 1 if end == "lower" else last + 1
    elif what.get("log"):
        beyond = last / 1.01 if end == "lower" else last * 1.01
    else:
        step = (values[-1] - values[0]) / 100
        beyond = last - step if end == "lower" else last + step
    try:
        settings_checks.check_values({key: beyond}, recbole_name(run))
    except ConfigError:
        return False
    return True
