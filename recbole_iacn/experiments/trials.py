"""The trials of a search by Optuna, as they are stored.

One that was trained to its end is stored as an experiment's run, and one that was pruned by the scores that it had. So
both can be published, and neither is trained again where there is no ``search.db``.
"""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import trial_base
from recbole_iacn.experiments.plan import Run
from recbole_iacn.experiments.results import RUN_FIELDS, Unreadable, damaged, label, parse_trial, read_text
from recbole_iacn.experiments.said import Said
from recbole_iacn.experiments.store import ELSEWHERE, PRUNED, TRIALS, read_result, result_path
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import write_text
from recbole_iacn.version import __version__

_REPEAT = "remove it, and its trial is repeated"


def store_trial(
    folder: Path,
    run: Run,
    study: str,
    reported: Sequence[float],
    result: Mapping[str, Any] | None,
) -> None:
    """Store what came of a trial.

    Args:
        folder: of the search.
        run: the run with the trial's settings.
        study: the name of its study: in another one a trial of the same settings need not be pruned.
        reported: the validation scores that the pruner saw, per epoch.
        result: of a training that came to its end; None for a trial that was pruned.

    Raises:
        ConfigError: the folder cannot be written.
    """
    path = result_path(folder, run) if result else _pruned_path(folder, run)
    about = {key: getattr(run, key) for key in (*RUN_FIELDS, "column")}
    record = result or {**about, "state": "pruned", "study": study, "version": __version__}
    with disk.writing(path, ELSEWHERE):
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps({**record, "reported": list(reported)}, indent=1) + "\n")


def stored_trial(folder: Path, run: Run, study: str) -> dict[str, Any] | None:
    """What came of a trial, if it is known, with the scores that the pruner saw; None otherwise.

    Args:
        folder, run, study: as for :func:`store_trial`.

    Raises:
        ConfigError: its file is damaged.
    """
    path = result_path(folder, run)
    if path.is_file():
        result = read_result(path)
        return result if result.get("reported") and result.get("best") is not None else None
    path = _pruned_path(folder, run)
    if not path.is_file():
        return None
    try:
        record = parse_trial(read_text(path, _REPEAT))
    except Unreadable as error:
        raise damaged(path, error, _REPEAT) from None
    return record if record.get("study") == study else None


def collect(folder: Path, studies: Sequence[tuple[Run, str]]) -> list[str]:
    """Write the trials of studies to ``trials.jsonl``, in the order in which they were made.

    Args:
        folder: of the search.
        studies: of each study, the run whose settings are searched, and the study's name.

    Returns:
        Lines that report trials of which there is no more than a score, as of an earlier version; and what the
        trainings that came to their end warned of, once for all of them.

    Raises:
        ConfigError: the database cannot be used, or the file cannot be written.
    """
    import optuna

    lines, said, warnings = [], [], Said("complete trial")
    for run, name in studies:
        with trial_base.reading(folder):
            try:
                done = trial_base.results_of(optuna.load_study(study_name=name, storage=trial_base.opened(folder)))
            except KeyError:  # not begun
                continue
        again = {trial.number for trial in trial_base.repeated(done)}
        found = [_record(folder, run_with(run, trial.params)) for trial in done if trial.number not in again]
        for record in filter(None, found):
            lines.append(json.dumps(record) + "\n")
            if record["state"] == "complete":
                warnings.add(record)
        if None in found:
            said.append(
                f"{trial_base.combination(run)}: {found.count(None)} trials have a score and no result, as of an "
                f"earlier version: {TRIALS} is without them"
            )
    with disk.writing(folder / TRIALS, ELSEWHERE):
        write_text(folder / TRIALS, "".join(lines))
    return said + warnings.lines()


def run_with(run: Run, values: Mapping[str, Any]) -> Run:
    """A run with the settings of a trial."""
    tried = copy.deepcopy(run)
    tried.settings.update(values)
    return tried


def _record(folder, run):
    """What is published of a trial: its id, its state and what is stored; None if nothing is."""
    for path, state in ((result_path(folder, run), "complete"), (_pruned_path(folder, run), "pruned")):
        if path.is_file():
            try:
                record = json.loads(read_text(path, _REPEAT))
            except (ValueError, ConfigError):  # said when it is read to be used
                return None
            return {"id": run.id, "state": state, **label(record, run)}
    return None


def _pruned_path(folder, run):
    return result_path(folder, run).with_suffix(PRUNED)
