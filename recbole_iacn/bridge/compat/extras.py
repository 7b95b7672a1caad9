"""Shims for packages that RecBole imports though few runs need them: ray, and those that single models need."""

import importlib
import importlib.util
import inspect
import sys
import types
import warnings

from recbole_iacn.bridge.compat.arrays import restore_numpy_names
from recbole_iacn.bridge.compat.late import standing_in
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.checks.recbole_models import EXTRAS, check_model_runs
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import OWN, recbole_models


def ray_works():
    """True if ray can be imported. Version 2.6.3, the newest that RecBole allows, has no wheel for Python 3.12 and uses
    ``np.bool8``, which NumPy 2 dropped, and ``pkg_resources``, which setuptools 82 dropped."""
    if importlib.util.find_spec("ray") is None:
        return False
    before = set(sys.modules)
    try:
        restore_numpy_names({"bool8": "bool_"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ray's own, about pkg_resources
            importlib.import_module("ray")
    except Exception:  # any error inside ray
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "ray":
                del sys.modules[name]
        return False
    return True


def patch_ray():
    """Substitute ``ray.tune`` in ``quick_start``, which calls it once, in ``objective_function``.

    Training then does not import ray: the import of an old ray fails, and that of a current one takes seconds and has
    no ``ray.tune`` unless that was installed, too.
    """
    restore_numpy_names({"bool8": "bool_"})  # for code that imports ray 2.6.3 itself
    ray, tune = types.ModuleType("ray"), types.ModuleType("ray.tune")
    vars(ray)["tune"] = tune
    vars(tune)["report"] = _report_to_ray
    with standing_in({"ray": ray, "ray.tune": tune}):  # a process of Ray must get its own modules again
        module = yield
        module.tune = tune  # RecBole may have been imported before this package


def _report_to_ray(**metrics):
    """``tune.report`` as RecBole calls it, with each metric as a keyword; a current Ray expects one dict."""
    tune = sys.modules.get("ray.tune")
    if tune is None:  # no trial of Ray runs here: a trial would have imported it
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(tune.report).parameters.values()):
        tune.report(**metrics)
    else:
        tune.report(metrics)


def patch_model_look_up(module):
    """Reject in one line, before any data are read, a model that cannot run here or does not exist: for an unknown name
    RecBole imports LightGBM's module and reports that LightGBM is missing.

    Args:
        module: ``recbole.config.configurator``.
    """

    @wrap(module.Config, "_get_model_and_dataset")
    def get_model_and_dataset(original, config, model, dataset):
        name = config.external_config_dict.get("model") if model is None else model
        if isinstance(name, str):
            check_model_runs(name)
        try:
            return original(config, model, dataset)
        except (ModuleNotFoundError, AttributeError, ValueError) as error:
            if name in EXTRAS or not _is_about_the_name(error, name):
                raise
            known = [*OWN, *recbole_models()]
            raise ConfigError(f"model: there is no {name!r}.{did_you_mean(name, known)}") from None


def _is_about_the_name(error, name):
    """Whether RecBole's look-up failed because no model has that name, and not inside a model's module."""
    if isinstance(error, ValueError):
        return "is not the name of an existing model" in str(error)
    return error.name in ({"lightgbm", "xgboost"} if isinstance(error, ModuleNotFoundError) else {name})
