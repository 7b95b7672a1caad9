"""The module names of version 0.5, which saved datasets and other people's code still import."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Sequence

# Modules that a pickle of version 0.5 names are imported silently; the others give a warning with the new name.
_MOVED = {
    "atomic_files": "checks.files",
    "checkpoint": "training.checkpoint",
    "cli_data": "cli.data",
    "compat": "bridge.compat",
    "evaluation": "training.metrics",
    "experiments.leaderboard": "report.leaderboard",
    "experiments.report": "report.writing",
    "experiments.statistics": "report.statistics",
    "experiments.tables": "report.tables",
    "imports": "bridge.imports",
    "model.attention": "model.click.din_attention",
    "model.backbones": "model.click.backbones",
    "model.compiled": "model.click.compiled",
    "model.embedding": "model.click.din",
    "model.evolution": "model.click.dien",
    "model.field_aware": "model.click.ffm",
    "model.full_sort": "model.click.full_sort",
    "model.history": "model.click.context",
    "model.interest_aware": "model.click.interest_aware",
    "model.item_tables": "model.click.item_tables",
    "model.multi_interest": "model.retrieval.multi_interest",
    "model.timirec": "model.retrieval.timirec",
    "model.tisasrec": "model.retrieval.tisasrec",
    "optimizer": "training.optimizer",
    "registry": "bridge.registry",
    "trainer": "training.trainer",
    "two_stages": "training.two_stages",
}
_PICKLED = {"model.backbones", "model.multi_interest", "model.timirec", "model.tisasrec"}


class _MovedFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves a module under its old name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, old = fullname.partition(".")
        if package != "recbole_iacn" or old not in _MOVED:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: types.ModuleType) -> None:
        package, _, old = module.__name__.partition(".")
        new = f"{package}.{_MOVED[old]}"
        if old not in _PICKLED:
            warnings.warn(f"{module.__name__} has moved to {new}", DeprecationWarning, stacklevel=2)
        sys.modules[module.__name__] = importlib.import_module(new)


def install() -> None:
    """Register the old names, without importing any module."""
    if not any(isinstance(finder, _MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(_MovedFinder())
