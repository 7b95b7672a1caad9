"""The models that an experiment keeps: a bundle per run, of the best epoch by validation."""

from collections.abc import Sequence
from pathlib import Path

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run, recbole_name
from recbole_iacn.experiments.results import damaged


def bundle_path(folder: str | Path, run: Run) -> Path:
    """The folder of a run's bundle."""
    return Path(folder, "bundles", run.id)


def is_kept(folder: str | Path, run: Run) -> bool:
    """Whether a run has its bundle.

    Args:
        folder: of the experiment.
        run: the run.

    Raises:
        ConfigError: it is damaged, or another model's.
    """
    from recbole_iacn.bundle.folder import verify

    path = bundle_path(folder, run)
    if not path.exists():
        return False
    mend = "remove it, and the same command repeats the run"
    try:
        about = verify(path)
    except ConfigError as error:
        why = str(error).removeprefix(f"{path}: ").rpartition("; ")[0]
        raise damaged(path, why, mend) from None
    of, wanted = (about.get("model"), about.get("dataset")), (recbole_name(run), run.dataset)
    if of != wanted:
        raise damaged(path, f"it is of {of[0]} on {of[1]}, not of {wanted[0]} on {wanted[1]}", mend)
    return True


def account(folder: str | Path, runs: Sequence[Run]) -> str:
    """How many bundles of these runs there are, and their size, in one line.

    Args:
        folder: of the experiment.
        runs: of the experiment.
    """
    kept = [path for run in runs if (path := bundle_path(folder, run)).is_dir()]
    size = sum(path.stat().st_size for bundle in kept for path in bundle.rglob("*") if path.is_file())
    return f"{Path(folder, 'bundles')}: {len(kept)} bundle{'' if len(kept) == 1 else 's'}, {size / 1e6:,.1f} MB"
