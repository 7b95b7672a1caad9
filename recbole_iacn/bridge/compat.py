"""Lets RecBole 1.2.1 run on today's NumPy, pandas and PyTorch.

One shim per break. Each looks for the break itself, never for a version number, and does nothing where there is none.
They act at the moment RecBole's module is imported (see ``imports``), so importing this package imports none of it.
Numbers are those of RecBole's issues and pull requests; where none is named, none was found.
"""

import builtins
import functools
import importlib
import importlib.util
import pickle
import sys
import types
import warnings

from recbole_iacn.bridge.imports import around_import

_installed = False


def install():
    """Register all shims. May be called again."""
    global _installed
    if _installed:
        return
    _installed = True
    around_import("recbole.quick_start.quick_start")(ray_is_optional)
    around_import("recbole.config.configurator")(numpy_names)
    for module in ("dataset", "sequential_dataset", "kg_dataset"):
        around_import(f"recbole.data.dataset.{module}")(length_of_each)
    around_import("recbole.data.dataset.dataset")(filled_in_place)
    around_import("recbole.data.dataset.dataset")(quiet_data)
    around_import("recbole.model.sequential_recommender.sine")(no_stray_anomaly_detection)
    around_import("recbole")(checkpoints_load)
    around_import("recbole.trainer.trainer")(tensorboard_on_request)
    around_import("recbole.trainer.trainer")(quiet_scaler)


def _without_warning(function, message):
    """``function``, without the warnings whose text matches ``message``."""

    @functools.wraps(function)
    def quiet(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message)
            return function(*args, **kwargs)

    return quiet


# --- ray --------------------------------------------------------------------------------------------------------


def ray_works():
    """True if ``ray.tune`` can be imported. ray 2.6.3, the newest that RecBole admits, has no wheel for Python 3.12,
    reads ``np.bool8``, which NumPy 2 dropped, and ``pkg_resources``, which setuptools 82 dropped.
    (#1518, #1820, #2078)"""
    if importlib.util.find_spec("ray") is None:
        return False
    _restore_numpy_names({"bool8": "bool_"})
    before = set(sys.modules)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ray's own, about pkg_resources
            importlib.import_module("ray.tune")
    except Exception:  # whatever it is that breaks inside ray
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "ray":
                del sys.modules[name]
        return False
    return True


def ray_is_optional():
    """quick_start imports ``ray.tune`` for one call in ``objective_function``; training never needs it."""
    if ray_works():
        yield
        return
    ray = types.ModuleType("ray")
    ray.tune = types.ModuleType("ray.tune")
    ray.tune.report = lambda **metrics: None
    sys.modules.update({"ray": ray, "ray.tune": ray.tune})
    try:
        yield
    finally:
        # Others who ask whether ray is there must get the true answer.
        del sys.modules["ray"], sys.modules["ray.tune"]


# --- NumPy ------------------------------------------------------------------------------------------------------


def _restore_numpy_names(names):
    import numpy as np

    for old, new in names.items():
        if not hasattr(np, old):
            setattr(np, old, getattr(np, new))


def numpy_names():
    """``Config.compatibility_settings`` reads ``np.float_``, ``np.complex_`` and ``np.unicode_``, gone in NumPy 2.
    (#1604, #2203, #2215)"""
    _restore_numpy_names({"float_": "float64", "complex_": "complex128", "unicode_": "str_"})
    yield


# --- pandas -----------------------------------------------------------------------------------------------------


def agg_counts_rows():
    """True if ``series.agg(len)`` is the length of the series and no longer that of each value (pandas 3)."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 2 announces the change
        return not isinstance(pd.Series([[1, 2], [3]]).agg(len), pd.Series)


def length_of_each():
    """RecBole writes ``feat[field].agg(len)`` for the length of each value: an error while it remaps tokens, and a
    silently wrong ``item_length`` on every row of a benchmark file. In these modules ``len`` of a series means that."""
    module = yield
    if not agg_counts_rows():
        return
    import pandas as pd

    def each_length(value):
        return value.map(builtins.len) if isinstance(value, pd.Series) else builtins.len(value)

    module.len = each_length


def fillna_is_lost():
    """True if ``frame[column].fillna(…, inplace=True)`` leaves the frame as it was (pandas 3, copy on write)."""
    import pandas as pd

    frame = pd.DataFrame({"a": [None, 1.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame["a"].fillna(0.0, inplace=True)
    return bool(frame["a"].isna().any())


def filled_in_place():
    """RecBole fills missing values by ``feat[field].fillna(…, inplace=True)``, which copy on write turns into
    nothing: empty cells of a sequence column then have no ``split``, missing tokens index out of range."""
    module = yield
    if not fillna_is_lost():
        return
    module.pd = _PandasThatFillsSequences(module.pd)
    fill_nan = module.Dataset._fill_nan

    def fill_first(dataset):
        from recbole.utils import FeatureType

        for name in dataset.feat_name_list:
            feat = getattr(dataset, name)
            for field in feat:
                if dataset.field2type[field] == FeatureType.TOKEN:
                    feat[field] = feat[field].fillna(0)
                elif dataset.field2type[field] == FeatureType.FLOAT:
                    feat[field] = feat[field].fillna(feat[field].mean())
        fill_nan(dataset)

    module.Dataset._fill_nan = fill_first


def quiet_data():
    """What pandas and PyTorch say about RecBole's own lines, of which users can mend none: ``fillna`` in place does or
    will do nothing, ``agg(len)`` has changed or will, a column handed to a tensor is read-only."""
    module = yield
    for method, message in (
        ("_load_feat", _COPY),
        ("_fill_nan", _COPY),
        ("_remap", r"using .* in Series\.agg cannot aggregate"),
        ("_dataframe_to_interaction", "The given NumPy array is not writable"),
    ):
        setattr(module.Dataset, method, _without_warning(getattr(module.Dataset, method), message))


_COPY = r"(?s).*A value is (being set|trying to be set) on a copy"


class _PandasThatFillsSequences(types.ModuleType):
    """pandas, but ``read_csv`` returns empty text for the missing cells of sequence columns (``name:token_seq``)."""

    def __init__(self, pandas):
        super().__init__("pandas")
        self._pandas = pandas

    def __getattr__(self, name):
        return getattr(self._pandas, name)

    def read_csv(self, *args, **kwargs):
        frame = self._pandas.read_csv(*args, **kwargs)
        for column in frame.columns:
            if str(column).endswith(("token_seq", "float_seq")):
                frame[column] = frame[column].fillna("")
        return frame


# --- PyTorch ----------------------------------------------------------------------------------------------------


def checkpoints_load():
    """RecBole's checkpoints hold a pickled ``Config``, which ``torch.load`` refuses since PyTorch 2.6. (#2212)

    For callers inside RecBole only: load safely first, and only a file that can't be read so, one that stock RecBole
    wrote, is unpickled. Checkpoints of this package get their ``Config`` back here, on every stack.
    """
    yield
    import torch

    if getattr(torch.load, "for_recbole", False):
        return
    # RecBole pickles by protocol 4, of which the safe loader warns before it refuses.
    load = _without_warning(torch.load, "Detected pickle protocol")

    def load_for_recbole(*args, **kwargs):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if not caller.startswith("recbole.") or "weights_only" in kwargs:
            return load(*args, **kwargs)
        try:
            loaded = load(*args, weights_only=True, **kwargs)
        except pickle.UnpicklingError:
            loaded = load(*args, weights_only=False, **kwargs)
            # RecBole restores NumPy's old names when a Config is made; one that is loaded needs them, too.
            if isinstance(loaded, dict) and hasattr(loaded.get("config"), "compatibility_settings"):
                loaded["config"].compatibility_settings()
            return loaded
        if isinstance(loaded, dict) and "recbole_iacn" in loaded:
            from recbole_iacn.training.checkpoint import restore

            return restore(loaded)
        return loaded

    load_for_recbole.for_recbole = True
    torch.load = load_for_recbole


def no_stray_anomaly_detection():
    """Importing RecBole's SINE, which every look-up of a sequential model does, turns autograd's anomaly detection on
    for the whole process: steps take 1.7 to 2.8 times as long."""
    import torch

    # Where SINE was imported before this package, what stands now is its doing.
    late = hasattr(sys.modules.get("recbole.model.sequential_recommender.sine"), "SINE")
    before = not late and torch.is_anomaly_enabled()
    yield
    torch.autograd.set_detect_anomaly(before)


# --- Noise ------------------------------------------------------------------------------------------------------


class _NoWriter:
    """Takes what RecBole's trainers tell TensorBoard, and forgets it."""

    def add_scalar(self, *args, **kwargs):
        pass

    add_hparams = add_scalars = add_histogram = add_text = flush = close = add_scalar


def tensorboard_on_request():
    """RecBole writes ``log_tensorboard/`` in every run; here only with ``log_tensorboard: True``."""
    module = yield
    open_writer, construct = module.get_tensorboard, module.Trainer.__init__
    wanted = []

    def writer(logger):
        return open_writer(logger) if wanted and wanted[-1] else _NoWriter()

    def construct_quietly(trainer, config, model):
        wanted.append(config["log_tensorboard"])
        try:
            construct(trainer, config, model)
        finally:
            wanted.pop()

    module.get_tensorboard = writer
    module.Trainer.__init__ = construct_quietly


def quiet_scaler():
    """``torch.cuda.amp.GradScaler`` warns in every epoch that it has moved, and, on a machine without a GPU, that it
    is of no use there; a user of RecBole can act on neither."""
    module = yield
    module.amp = types.SimpleNamespace(GradScaler=_without_warning(module.amp.GradScaler, r".*torch\.cuda\.amp"))
