"""``search.db``, in which Optuna keeps the trials of a search: made as a whole, checked before it is read.

A study has the settings in its name, so a search of changed settings does not take over the trials of others.
"""

import contextlib
import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run
from recbole_iacn.experiments.results import damaged
from recbole_iacn.experiments.store import ELSEWHERE
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import replacing

NAME = "search.db"
_PATIENCE = 60  # seconds that a write waits for another process's
_MEND = "remove it, and the same command takes its trials from runs/"


def combination(run: Run) -> str:
    """The dataset, model and mode or column of a run, for people."""
    return " ".join(filter(None, (run.dataset, run.model, run.of)))


def study_name(run: Run, space: dict[str, Any], seed: int) -> str:
    """The name of a run's study, which changes with everything that decides the trials but their number.

    Args:
        run: the run whose settings are searched.
        space: the searched settings that apply to it.
        seed: of the sampler.
    """
    settings = {key: value for key, value in run.settings.items() if key not in space}
    fields = json.loads(json.dumps({"settings": settings, "space": space, "seed": seed}))
    return f"{combination(run)} {hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:10]}"


def make(folder: Path) -> None:
    """Make the database where there is none, and check the one that there is.

    Args:
        folder: of the search, which exists.

    Raises:
        ConfigError: it is damaged, of another version of Optuna, or cannot be written.
    """
    path = folder / NAME
    if not path.exists():
        with disk.writing(path, ELSEWHERE), replacing(path) as partial:
            _dispose(_storage(partial))
    _check(path)
    try:
        with reading(path.parent):
            storage = _storage(path)
            for study in storage.get_all_studies():
                storage.get_all_trials(study._study_id, deepcopy=False)
            _dispose(storage)
    except ConfigError:
        raise
    except (ValueError, KeyError, TypeError) as error:  # a cell that is not what its column says
        raise damaged(path, f"{type(error).__name__}: {error}".partition("\n")[0], _MEND) from None


def opened(folder: Path) -> Any:
    """Optuna's storage over a database that :func:`make` has made."""
    return _storage(folder / NAME)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn what the database raises into one line.

    Args:
        folder: of the search.

    Raises:
        ConfigError: it is damaged, locked, of another version of Optuna, or cannot be written.
    """
    import optuna
    import sqlalchemy.exc

    path = folder / NAME
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, sqlite3.Error) as error:
        cause: BaseException = error
        while not isinstance(cause, sqlite3.Error) and (cause.__cause__ or cause.__context__):
            cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
        why = str(cause).partition("\n")[0]
        if isinstance(cause, sqlite3.OperationalError) and "no such" not in why:  # full, read-only or locked
            free = disk.free_space(path)
            space = "" if free is None else f", {free / 1e6:,.0f} MB are free"
            raise ConfigError(f"{path}: cannot be used ({why}{space}); {ELSEWHERE}") from None
        raise damaged(path, why, _MEND) from None
    except RuntimeError as error:
        if "schema" not in str(error):
            raise
        raise ConfigError(
            f"{path}: is of another version of Optuna than {optuna.__version__}; install that one, or {_MEND}"
        ) from None


def results_of(study: Any) -> list[Any]:
    """The trials of a study that have a result: they ended by themselves, or were pruned."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def repeated(trials: list[Any]) -> list[Any]:
    """The trials whose settings an earlier one had."""
    tried: list[dict[str, Any]] = []
    again = []
    for trial in trials:
        if trial.params in tried:
            again.append(trial)
        else:
            tried.append(trial.params)
    return again


def _check(path):
    """SQLite takes an empty file for a new database, and reads what it can of a cut one."""
    if not path.is_file():
        raise damaged(path, "a folder in the place of a file", _MEND)
    if not path.stat().st_size:
        raise damaged(path, "it is empty", _MEND)
    with reading(path.parent), contextlib.closing(sqlite3.connect(path)) as base:
        found = base.execute("pragma integrity_check(1)").fetchone()[0]
        tables = {name for (name,) in base.execute("select name from sqlite_master where type = 'table'")}
    if found != "ok":
        raise damaged(path, found.partition("\n")[0], _MEND)
    if not {"studies", "trials", "trial_params", "trial_values"} <= tables:
        raise damaged(path, "it has no tables of Optuna", _MEND)


def _dispose(storage):
    storage.remove_session()
    storage.engine.dispose()


def _storage(path):
    import optuna

    with _logging_kept():
        # Studies in other processes write to the same file, each for a moment.
        return optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": _PATIENCE}})


@contextlib.contextmanager
def _logging_kept():
    """As Optuna makes its database, it sets logging up anew, and all loggers that there are fall silent."""
    root = logging.getLogger()
    known = [logger for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    loggers, level, handlers = [(logger, logger.disabled) for logger in known], root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        for logger, disabled in loggers:
            logger.disabled = disabled
