"""Checks of combinations of settings; most of those rejected end in a traceback in RecBole, some after an epoch."""

import importlib.util
import inspect
import os
from collections.abc import Mapping
from typing import Any

from recbole_iacn.checks import evaluation
from recbole_iacn.data.protocol import one_row_per_user, ranks_items
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import ONE_INTEREST, click_models, is_ours
from recbole_iacn.system import disk

# The number of heads, and the width that it must divide.
_HEADS = {
    "TiSASRec": ("n_heads", "embedding_size"),
    "ESASRec": ("n_heads", "embedding_size"),
    "SASRec": ("n_heads", "hidden_size"),
    "AutoInt": ("num_heads", "attention_size"),
    "FiGNN": ("num_heads", "attention_size"),
}


_READS_BY_TRANSFORM = {"mask_itemseq": "mask_ratio", "crop_itemseq": "eta", "reorder_itemseq": "beta"}


def check_together(config: Mapping[str, Any], model_class: type) -> None:
    """Reject settings that are valid alone but not in combination.

    Args:
        config (Mapping): final settings, each of the right type, before RecBole completes them.
        model_class (type): the model.

    Raises:
        ConfigError: names the keys.
    """
    evaluation.check_metrics(config)
    evaluation.check_probabilities(config, model_class)
    _check_modes(config)
    _check_sequential(config)
    _check_heads(config, {base.__name__ for base in inspect.getmro(model_class)})
    _check_columns(config)
    _check_negatives(config)
    _check_user_fields(config, model_class)
    _check_diversity(config, model_class)
    _check_preloaded(config, model_class)
    _check_transform(config)
    _check_phase(config, model_class)
    _check_paths(config)
    _check_average(config, model_class)
    _check_held(config)
    if config["learner"].lower() == "sparse_adam":
        if not is_ours(model_class.__name__):
            raise ConfigError(
                "learner: sparse_adam is for sparse gradients, which RecBole's models do not have; set adam"
            )
        if config.get("clip_grad_norm"):
            raise ConfigError("learner: sparse_adam has sparse gradients, which clip_grad_norm can't measure; set adam")
    if config.get("log_wandb") and importlib.util.find_spec("wandb") is None:
        raise ConfigError("log_wandb: the package wandb is not installed; pip install wandb, or leave log_wandb out")


def _check_held(config):
    """What is on the device already is neither pinned nor sent by other processes."""
    if not config.get("data_on_device"):
        return
    if not config.get("protocol"):
        raise ConfigError("data_on_device: is for the loaders of a protocol; set protocol, or leave it out")
    if config.get("pin_memory"):
        raise ConfigError("data_on_device: training batches are on the device already; leave out pin_memory")
    if config.get("worker"):
        raise ConfigError("data_on_device: batches are gathered on the device, by one process; set worker: 0")


def _check_average(config, model_class):
    """The epochs of the trainers that have their own, or none, are not those that are averaged."""
    if config.get("ema_decay") is None:
        return
    from recbole.trainer.trainer import PretrainTrainer, TraditionalTrainer
    from recbole.utils import get_trainer

    trainer = get_trainer(config["MODEL_TYPE"], model_class.__name__)
    owner = next((base.__name__ for base in inspect.getmro(trainer) if "_train_epoch" in vars(base)), None)
    own_way = issubclass(trainer, PretrainTrainer | TraditionalTrainer)
    if own_way or owner not in ("Trainer", "IaCNTrainer"):
        raise ConfigError(
            f"ema_decay: {model_class.__name__} is trained by {trainer.__name__}, in its own way; leave it out"
        )
    if config["learner"].lower() == "sparse_adam":
        raise ConfigError("ema_decay: averages every row, and learner sparse_adam leaves most as they are; set adam")


def _check_modes(config):
    """Compare metrics with the evaluation mode. GAUC is of scores beside AUC and LogLoss, otherwise of ranks."""
    from recbole.evaluator import metric_types
    from recbole.utils import EvaluatorType, ModelType

    names = evaluation.names_of(config["metrics"])
    trees = config["MODEL_TYPE"] == ModelType.DECISIONTREE  # they have their own evaluation, without users
    kinds = {name: metric_types[name.lower()] for name in names if trees or name.lower() != "gauc"}
    scored = [name for name, kind in kinds.items() if kind == EvaluatorType.VALUE]
    ranked = [name for name, kind in kinds.items() if kind == EvaluatorType.RANKING]
    if scored and ranked:
        raise ConfigError(f"metrics: {scored[0]} needs scores and {ranked[0]} ranks; a run measures one kind")
    evaluation.check_fit(config)
    mode = config["eval_args"].get("mode", "full")
    modes = set(mode.values()) if isinstance(mode, dict) else {mode}
    if scored and "full" in modes:
        raise ConfigError(f"eval_args.mode: full ranks all items, and {scored[0]} needs scores; set labeled, or uni1")
    if ranked and "labeled" in modes:
        raise ConfigError(f"eval_args.mode: labeled scores rows, and {ranked[0]} needs ranks; set full, or uni100")


def _check_user_fields(config, model_class):
    """Other backbones than DIN and DIEN read all fields as they are."""
    names = [base.__name__ for base in inspect.getmro(model_class)]
    if config.get("user_fields") and not {"DIN", "DIEN"}.intersection(names):
        raise ConfigError(f"user_fields: {names[0]} reads user and context fields as it is; leave it out")


def _check_diversity(config, model_class):
    """A penalty on several interests needs them; it is a part of the family's loss."""
    if (config.get("interest_diversity") or "none") == "none":
        return
    names = [base.__name__ for base in inspect.getmro(model_class)]
    if ONE_INTEREST.intersection(names):
        raise ConfigError(f"interest_diversity: {names[0]} has one interest; leave it out")
    if config["num_interests"] == 1:
        raise ConfigError(
            "interest_diversity: needs several interests; set num_interests to 2 or more, or interest_diversity to none"
        )


def _check_preloaded(config, model_class):
    """Most models would load the vectors and leave them out."""
    if not config.get("preload_weight"):
        return
    for base in inspect.getmro(model_class):
        try:
            source = inspect.getsource(base)
        except (OSError, TypeError):  # made by our rule; or by the user at a prompt, and may read anything
            known = base.__module__.startswith(("recbole.", "recbole_iacn.", "torch.", "builtins"))
            source = "" if known else "get_preload_weight"
        if "get_preload_weight" in source:
            return
    raise ConfigError(
        f"preload_weight: {model_class.__name__} reads no pre-trained vectors (RecBole's KSR and GRU4RecKG do); "
        "leave preload_weight out"
    )


def _check_phase(config, model_class):
    """DSSM is made of two towers, and KD_DAGFM's later phases start from a file."""
    names = {base.__name__ for base in inspect.getmro(model_class)}
    if "DSSM" in names and not config.get("double_tower"):
        raise ConfigError(f"double_tower: must be True for DSSM, whose towers these are, got {config['double_tower']}")
    if "KD_DAGFM" not in names or config["phase"] == "teacher_training":
        return
    if not config.get("warm_up"):
        raise ConfigError(
            f"warm_up: phase {config['phase']} starts from a checkpoint of the phase before; name it, or set phase to "
            "teacher_training"
        )
    disk.check_file(config["warm_up"], "name a checkpoint of the phase before by warm_up")


def _check_sequential(config):
    from recbole.utils import ModelType

    if config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
        return
    order = config["eval_args"].get("order", "RO")
    if order != "TO":
        raise ConfigError(f"eval_args.order: must be TO, by time, for a sequential model, got {order}")
    if not config["repeatable"]:
        raise ConfigError("repeatable: must be True for a sequential model, got False")
    if config.get("loss_type") == "CE" and config.get("train_neg_sample_args") is not None:
        mend = "leave it out" if config.get("protocol") else "set it to ~"
        raise ConfigError(f"train_neg_sample_args: loss_type CE takes no negatives; {mend}, or set loss_type to BPR")


def _check_transform(config):
    from recbole.utils import ModelType

    name = config.get("transform")
    if name is None:
        return
    if config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
        raise ConfigError(f"transform: {name} changes histories; it is for sequential models, leave it out")
    key = _READS_BY_TRANSFORM.get(name)
    if key and not 0 < (config.get(key) or 0) <= 1:
        raise ConfigError(f"transform: {name} needs {key}, a number in (0, 1], got {config.get(key)!r}")


def _check_paths(config):
    for key in ("dataset_save_path", "dataloaders_save_path"):
        path = config.get(key) or ""
        if os.path.isdir(path):
            raise ConfigError(f"{key}: {path} is a folder; name the file")
        if path and not os.path.isfile(path):
            raise ConfigError(f"{key}: {path}: No such file; leave it out to read the atomic files")
    if config.get("save_dataloaders") and config.get("world_size", 1) > 1:
        raise ConfigError("save_dataloaders: several processes would write one file; leave it out, or train in one")
    folder = config["checkpoint_dir"]
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ConfigError(f"checkpoint_dir: {folder} is {disk.kind(folder)}; name a folder")
    disk.check(folder, "set checkpoint_dir to another folder", within=True)


def check_history(config: Any) -> None:
    """Reject ``history_dataset``, or a protocol, for a model that cannot read histories as windows.

    Args:
        config (recbole.config.Config): final settings.

    Raises:
        ConfigError: names the key and how to fix it.
    """
    from recbole.data import dataset as datasets
    from recbole.utils import ModelType

    model, asked = config["model"], config["history_dataset"]
    if asked not in (None, True, False):
        raise ConfigError(f"history_dataset: must be True or False, got {asked!r}")
    if is_ours(model):
        if asked is False:
            raise ConfigError(f"history_dataset: {model} always reads histories as windows; leave it out")
    elif config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
        _check_without_history(config, model, asked)
    elif asked and model != "DIEN" and hasattr(datasets, f"{model}Dataset"):
        raise ConfigError(f"history_dataset: {model} needs RecBole's own {model}Dataset; leave it out")


def _check_without_history(config, model, asked):
    if asked:
        raise ConfigError(f"history_dataset: {model} reads no histories; it is for sequential models, leave it out")
    if one_row_per_user(config):
        raise ConfigError(
            f"protocol: {config['protocol']!r} tests on a user's history, and {model} has none{_instead_of(model)}"
        )
    if ranks_items(config):
        raise ConfigError(
            f"protocol: {config['protocol']!r} is for sequential models, and {model} is not one{_instead_of(model)}"
        )


def _instead_of(model):
    """The model that takes a test of histories in the place of one of RecBole's that cannot."""
    if model in click_models() and model != "LR":
        return f"; {model}_IaCN with iacn_mode: off is {model} with a history"
    floor = {"Pop": "Popularity", "ItemKNN": "ItemNeighbours"}.get(model)
    return f"; {floor} takes its place" if floor else ""


def _check_heads(config, names):
    for name, (heads, width) in _HEADS.items():
        if name in names and config[width] % config[heads]:
            raise ConfigError(f"{heads}: must divide {width} ({config[width]}), got {config[heads]}")
    if "AutoInt" in names and len(config["dropout_probs"]) != 3:
        raise ConfigError(f"dropout_probs: must be three numbers, got {config['dropout_probs']}")


def _check_columns(config):
    keys = ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD", "LABEL_FIELD", "ITEM_LIST_LENGTH_FIELD")
    taken: dict[str, str] = {}
    for key in keys:
        if config[key] in taken:
            raise ConfigError(f"{key}: {config[key]!r} is {taken[config[key]]} already; name another column")
        taken[config[key]] = key
    if config.get("normalize_field") and config.get("normalize_all"):
        raise ConfigError("normalize_field: normalize_all scales every column; leave one of them out")


def check_discretization(config: Any) -> None:
    """Reject ``discretization`` of a column that is not a feature, or without what its method needs.

    Args:
        config: final settings, ``numerical_features`` complete.

    Raises:
        ConfigError: names the column.
    """
    for field, how in (config["discretization"] or {}).items():
        if field not in config["numerical_features"]:
            raise ConfigError(f"discretization: {field!r} must be among numerical_features")
        if how["method"] == "ED" and "bucket" not in how:
            raise ConfigError(f"discretization: {field!r}: method ED needs bucket, the number of buckets")


def _check_negatives(config):
    negatives = config.get("train_neg_sample_args") or {}
    if negatives.get("dynamic") and not negatives.get("candidate_num"):
        raise ConfigError("train_neg_sample_args: dynamic needs candidate_num, of which the hardest is taken")
