"""The models that an experiment keeps: a bundle per run, of the best epoch by validation."""

from collections.abc import Sequence
from pathlib import Path

from recbole_iacn.experiments.plan import Run


def bundle_path(folder: str | Path, run: Run) -> Path:
    """The folder of a run's bundle."""
    return Path(folder, "bundles", run.id)


def is_kept(folder: str | Path, run: Run) -> bool:
    """Whether a run has its bundle; it is written as a whole, so what is there is complete."""
    return bundle_path(folder, run).is_dir()


def account(folder: str | Path, runs: Sequence[Run]) -> str:
    """How many bundles of these runs there are, and their size, in one line.

    Args:
        folder: of the experiment.
        runs: of the experiment.
    """
    kept = [bundle_path(folder, run) for run in runs if is_kept(folder, run)]
    size = sum(path.stat().st_size for bundle in kept for path in bundle.rglob("*") if path.is_file())
    return f"{Path(folder, 'bundles')}: {len(kept)} bundle{'' if len(kept) == 1 else 's'}, {size / 1e6:,.1f} MB"
