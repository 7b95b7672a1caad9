"""How our settings, protocols and loaders enter RecBole's own Config, data sets and data preparation.

Each function takes the RecBole class or module and wraps what it must; without ``protocol`` and for RecBole's own
models the wrapped code does exactly what it did.
"""

import contextlib
import contextvars
import copy
import functools
import os
import types

import numpy as np
import yaml

from recbole_iacn import atomic_files, settings
from recbole_iacn.data.protocol import one_row_a_user, protocol_settings
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import backbone
from recbole_iacn.resources import properties_folder, recbole_folder, recbole_models

_checking_files = contextvars.ContextVar("checking_files", default=False)


@contextlib.contextmanager
def checking_files():
    """Within: files and columns of every model's data are checked, not only of ours."""
    token = _checking_files.set(True)
    try:
        yield
    finally:
        _checking_files.reset(token)


def _wrap(owner, name):
    """Decorator: replace ``owner.name`` by a function that gets the original as its first argument."""

    def decorate(function):
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, wrapper)
        return wrapper

    return decorate


def teach_config(module):
    """Lay our defaults over RecBole's for our models, apply protocols, check settings.

    Args:
        module: ``recbole.config.configurator``.
    """

    @_wrap(module.Config, "_load_internal_config_dict")
    def load_defaults(original, config, model, model_class, dataset):
        given = config.external_config_dict
        if not backbone(model):
            original(config, model, model_class, dataset)
        else:
            settings.check_keys(config.file_config_dict, "config file", model_class)
            settings.check_keys(config.variable_config_dict, "config_dict", model_class)
            stock = _with_defaults(model_class.backbone)
            original(config, stock, model_class, dataset)
            for path in _layers(stock, dataset):
                text = path.read_text(encoding="utf-8")
                config.internal_config_dict.update(yaml.load(text, Loader=config.yaml_loader))
        protocol = given.get("protocol", config.internal_config_dict.get("protocol"))
        config.internal_config_dict.update(protocol_settings(protocol, given))

    @_wrap(module.Config, "_init_device")
    def init_device(original, config):
        if "local_rank" not in config.final_config_dict:
            return original(config)
        from recbole_iacn import parallel

        # RecBole takes nccl, and with it a GPU, for granted.
        parallel.start(config.final_config_dict)

    @_wrap(module.Config, "_set_default_parameters")
    def set_defaults(original, config):
        final = config.final_config_dict
        ours = backbone(config.model) is not None
        if ours:
            settings.check_metrics(final)
        gauc = _take_gauc(final) if ours else []
        original(config)
        final["metrics"] = final["metrics"] + gauc
        if ours:
            if final["iacn_mode"] is False:  # YAML reads a bare `off` as a truth value
                final["iacn_mode"] = "off"
            settings.check_ranges(final)
            settings.check_backend(final)
        if ours or _checking_files.get():
            atomic_files.check_files(config)


def _with_defaults(model_class):
    """The nearest RecBole model among the ancestors of a backbone that has a file of defaults."""
    names = [base.__name__ for base in model_class.__mro__]
    return next((name for name in names if name in recbole_models()), model_class.__name__)


def _layers(stock, dataset):
    """What is laid over the defaults of a backbone, which now has a history: RecBole's evaluation of DIN, its data
    columns for a model of the backbone's kind, then ours."""
    columns = "sequential_DIN_on" if stock in ("DIN", "DIEN") else "context-aware"
    names = ["sequential_DIN.yaml", f"{columns}_{dataset}.yaml"]
    paths = [recbole_folder() / "properties" / "quick_start_config" / name for name in names]
    return [path for path in [*paths, properties_folder() / "IaCN.yaml"] if path.is_file()]


def _take_gauc(final):
    """Hide GAUC from RecBole where it stands beside value metrics, which RecBole refuses to mix; our trainer computes
    it from scores. Alone, or beside ranking metrics, it is RecBole's own."""
    from recbole.evaluator import metric_types
    from recbole.utils import EvaluatorType

    metrics = [final["metrics"]] if isinstance(final["metrics"], str) else list(final["metrics"])
    others = [name for name in metrics if name.lower() != "gauc"]
    if not any(metric_types.get(name.lower()) == EvaluatorType.VALUE for name in others):
        return []
    final["metrics"] = others
    return [name for name in metrics if name.lower() == "gauc"]


def sort_exactly(module):
    """Under a protocol, order interactions by time before RecBole rounds time stamps to float32.

    Unix times lose up to 128 s in float32; RecBole's later sorts are stable and keep the exact order.

    Args:
        module: ``recbole.data.dataset.sequential_dataset``.
    """

    @_wrap(module.SequentialDataset, "_change_feat_format")
    def change_format(original, dataset):
        if dataset.config["protocol"] and not dataset.config["benchmark_filename"]:
            clicks = dataset.inter_feat
            user, time = (clicks[field].to_numpy() for field in (dataset.uid_field, dataset.time_field))
            if ((user[1:] < user[:-1]) | ((user[1:] == user[:-1]) & (time[1:] < time[:-1]))).any():
                dataset.inter_feat = clicks.take(np.lexsort((time, user))).reset_index(drop=True)
        original(dataset)


def read_fast(module):
    """Let data sets of windows read their files by pandas' C parser.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    from recbole_iacn.data.reading import FastPandas

    module.pd = FastPandas(module.pd)


def teach_loaders(module):
    """Under a protocol, ``create_dataset`` and ``data_preparation`` use our data set and loaders, for every model; and
    a saved data set is read again only if our settings that shape it are unchanged, too.

    Args:
        module: ``recbole.data.utils``.
    """
    module.dataset_arguments = [*module.dataset_arguments, "protocol", "iacn_mode", "iacn_item_features"]

    @_wrap(module, "create_dataset")
    def create_dataset(original, config):
        _check_negatives_files(config)
        windowed = _windowed_dataset(config)
        if windowed is None:
            return original(config)
        import recbole.data.dataset as datasets

        # RecBole looks for a data set of the model's own by name: for the length of this call it finds this one.
        name = f"{config['model']}Dataset"
        before = vars(datasets).get(name)
        setattr(datasets, name, windowed)
        try:
            return original(config)
        finally:
            if before is None:
                delattr(datasets, name)
            else:
                setattr(datasets, name, before)

    @_wrap(module, "create_samplers")
    def create_samplers(original, config, dataset, built_datasets):
        if not config["protocol"]:
            return original(config, dataset, built_datasets)
        # Our loaders draw for themselves; RecBole's samplers would first build a set for each user.
        return tuple(types.SimpleNamespace(phase=phase, dataset=dataset) for phase in ("train", "valid", "test"))

    @_wrap(module, "get_dataloader")
    def get_dataloader(original, config, phase):
        from recbole_iacn import parallel
        from recbole_iacn.data import loader

        chosen = loader.ProtocolTrainDataLoader if phase == "train" else loader.ProtocolEvalDataLoader
        if not config["protocol"]:
            chosen = original(config, phase)
        return loader.shared(chosen) if parallel.active() else chosen


def _check_negatives_files(config):
    """Before any data are read: files of negatives must exist, and a protocol is what reads them."""
    for key in ("valid_negatives_file", "test_negatives_file"):
        path = config[key]
        if not path:
            continue
        if not config["protocol"]:
            raise ConfigError(f"{key}: only a protocol draws fixed negatives; set protocol, or leave {key} out")
        if not os.path.isfile(path):
            raise ConfigError(f"{key}: {path}: No such file")


def _windowed_dataset(config):
    """The data set with windowed histories for a RecBole model, None where it keeps its own."""
    from recbole.utils import ModelType

    model, sequential = config["model"], config["MODEL_TYPE"] == ModelType.SEQUENTIAL
    asked = config["history_dataset"]
    if asked not in (None, True, False):
        raise ConfigError(f"history_dataset: must be True or False, got {asked!r}")
    if backbone(model):
        if asked is False:
            raise ConfigError(f"history_dataset: {model} always reads histories so; leave it out")
        return None
    if not sequential:
        if asked:
            raise ConfigError(f"history_dataset: {model} reads no histories; it is for sequential models, leave it out")
        if one_row_a_user(config):
            raise ConfigError(
                f"protocol: {config['protocol']!r} tests on a user's history, and {model} has none. "
                f"{model}_IaCN with iacn_mode: off is {model} with one."
            )
        return None
    if not (asked or (asked is None and config["protocol"])):
        return None
    from recbole.data import dataset as datasets

    from recbole_iacn.data.history import DIENHistoryDataset, HistoryDataset

    if model == "DIEN":
        return DIENHistoryDataset
    if hasattr(datasets, f"{model}Dataset"):
        if asked:
            raise ConfigError(f"history_dataset: {model} needs RecBole's own {model}Dataset; leave it out")
        return None
    return HistoryDataset


def log_once(module):
    """Of several processes, the first alone writes a log.

    Args:
        module: ``recbole.utils.logger``.
    """

    @_wrap(module, "init_logger")
    def init_logger(original, config):
        from recbole_iacn import parallel

        if parallel.rank() == 0:
            original(config)


def make_folders(module):
    """RecBole looks whether a folder is there and then makes it: of several processes, one is told that it exists.

    Args:
        module: ``recbole.utils.utils``.
    """
    module.ensure_dir = functools.partial(os.makedirs, exist_ok=True)


def pin_interactions(module):
    """Lets PyTorch's loaders hand on batches in pinned memory (``pin_memory``).

    Args:
        module: ``recbole.data.interaction``.
    """

    def pin_memory(rows):
        pinned = copy.copy(rows)
        pinned.interaction = {name: values.pin_memory() for name, values in rows.interaction.items()}
        return pinned

    module.Interaction.pin_memory = pin_memory


def keep_ranges(module):
    """RecBole's loaders make a list of all row numbers, 36 bytes each; a range says the same.

    Args:
        module: ``recbole.data.dataloader.abstract_dataloader``.
    """
    module.list = lambda values: values if isinstance(values, range) else list(values)
