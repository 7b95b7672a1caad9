"""Which of RecBole's own models need further packages, and whether these are installed."""

import importlib.metadata
import importlib.util
import shlex
from dataclasses import dataclass

from recbole_iacn.errors import ConfigError


@dataclass(frozen=True)
class Extra:
    """A package that a model needs beside RecBole's own.

    Attributes:
        module (str): the module that is imported.
        requirement (str): the requirement to install with pip.
        before (int, optional): the first major version that the model cannot use.
        issue (int, optional): RecBole's issue with details.
    """

    module: str
    requirement: str
    before: int | None = None
    issue: int | None = None

    def missing(self) -> bool:
        """Whether the package is absent, or of a version that the model cannot use."""
        if importlib.util.find_spec(self.module) is None:
            return True
        if self.before is None:
            return False
        return int(importlib.metadata.version(self.module).partition(".")[0]) >= self.before


_TREES = (Extra("lightgbm", "lightgbm"), Extra("xgboost", "xgboost"))  # each imports both
_SCATTER = (Extra("torch_scatter", "torch-scatter", issue=1638),)

# Every other model of RecBole runs as it is.
EXTRAS = {
    "LightGBM": _TREES,
    "XGBoost": _TREES,
    "KGIN": _SCATTER,
    "MCCLK": _SCATTER,
    "NCL": (Extra("faiss", "faiss-cpu", issue=2105),),
    "KGAT": (Extra("dgl", "dgl<1", before=1, issue=2201),),
}


def check_model_runs(model: str) -> None:
    """Reject a model of RecBole that needs a package that is not installed.

    RecBole imports most of these when the model is built, after it has read the data, or even in the first epoch.

    Args:
        model (str): its name; a name that is not in the table passes.

    Raises:
        ConfigError: names the package.
    """
    missing = [extra for extra in EXTRAS.get(model, ()) if extra.missing()]
    if missing:
        needs = " and ".join(extra.requirement for extra in missing)
        install = " ".join(shlex.quote(extra.requirement) for extra in missing)
        raise ConfigError(f"model: {model} needs {needs}, beside RecBole; pip install {install}")
