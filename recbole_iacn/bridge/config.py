"""Patches of RecBole's Config: this package's default settings, protocols and checks."""

from recbole_iacn.bridge import float_columns
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.checks import evaluation, files, loss_settings, settings, together
from recbole_iacn.checks.extensions import check_extensions
from recbole_iacn.data.protocol import PROTOCOLS, metric_defaults, protocol_settings
from recbole_iacn.names import defaults_name, is_ours, recbole_folder, recbole_models, registered
from recbole_iacn.settings import sources


def patch_tree_defaults(module):
    """Read the defaults of LightGBM and XGBoost from the existing files, ``lightgbm.yaml`` and ``xgboost.yaml``.

    Args:
        module: ``recbole.config.configurator``.
    """

    @wrap(module.Config, "_load_internal_config_dict")
    def load_defaults(original, config, model, model_class, dataset):
        original(config, defaults_name(model), model_class, dataset)


def patch_config(module):
    """For this package's models override RecBole's defaults by ours, apply protocols and check settings.

    Args:
        module: ``recbole.config.configurator``.
    """

    @wrap(module.Config, "_load_config_files")
    def load_files(original, config, paths):
        given = {key: value for path in paths or [] for key, value in sources.read_config_file(path).items()}
        settings.check_trust(given, "config file")
        return given

    @wrap(module.Config, "_convert_config_dict")
    def read_strings(original, config, given):
        given.update(sources.values_of(given))
        return given

    @wrap(module.Config, "_load_internal_config_dict")
    def load_defaults(original, config, model, model_class, dataset):
        given = config.external_config_dict
        ours = is_ours(model)
        if ours or model in registered:
            settings.check_keys(config.file_config_dict, "config file", model_class)
            settings.check_keys(config.variable_config_dict, "config_dict", model_class)
            settings.check_values(given, model_class)
        stock = _with_defaults(getattr(model_class, "backbone", model_class))
        original(config, stock, model_class, dataset)
        for path in _evaluated_as(stock, dataset) if hasattr(model_class, "backbone") else []:
            config.internal_config_dict.update(sources.read_config_file(path))
        readers = _add_defaults(config, model_class)
        if ours or model in registered or getattr(config, "checked", False):
            settings.check_readers(given, model_class, readers)
        _apply_protocol(config, model_class)
        _apply_loss(config, model_class)

    @wrap(module.Config, "_init_device")
    def init_device(original, config):
        if "local_rank" not in config.final_config_dict:
            return original(config)
        from recbole_iacn import parallel

        # RecBole always uses nccl, which needs a GPU.
        parallel.start(config.final_config_dict)

    @wrap(module.Config, "_set_default_parameters")
    def set_defaults(original, config):
        final = config.final_config_dict
        ours = is_ours(config.model)
        checked = getattr(config, "checked", False)  # set by building.configure
        if ours or checked:
            settings.check_values(final, config.model_class)
        loss_settings.check_loss(final, config.model_class, config.external_config_dict)
        if ours or checked:
            together.check_together(final, config.model_class)
        gauc = _take_gauc(final)
        original(config)
        final["metrics"] = final["metrics"] + gauc
        if ours:
            if final.get("iacn_mode") is False:  # YAML reads an unquoted `off` as a boolean
                final["iacn_mode"] = "off"
            settings.check_backend(final)
            check_extensions(final)
        evaluation.check_candidates(final)
        evaluation.check_states(config)
        together.check_history(config)
        if ours or checked:
            if vars(config).get("with_files", True):  # set by building.configure
                files.check_files(config)
            files.check_negatives_files(config)
        files.check_saved(config)
        float_columns.complete(config)
        if ours or checked:
            together.check_discretization(config)

    @wrap(module.Config, "_set_train_neg_sample_args")
    def set_train_neg_sample_args(original, config):
        original(config)
        evaluation.check_training_negatives(config.final_config_dict, config.model_class)


def _apply_protocol(config, model_class):
    """Put what the run's protocol fixes over the defaults, and let defaults that do not fit it give way."""
    given, defaults = config.external_config_dict, config.internal_config_dict
    protocol = given.get("protocol", defaults.get("protocol"))
    if protocol is None and is_ours(config.model) and isinstance(given.get("eval_args"), dict):
        # RecBole would complete them by a split in random order.
        given["eval_args"] = {**defaults.get("eval_args", {}), **given["eval_args"]}
    fixed = protocol_settings(protocol, given)
    if fixed:
        settings.check_keys(fixed, f"protocol {protocol!r}", model_class)
    defaults.update(fixed)
    defaults.update(_for_labels(protocol, given, defaults, model_class))
    if protocol:
        _meet(protocol, defaults, given, model_class)


def _apply_loss(config, model_class):
    """Put what the run's ``loss`` stands for over the defaults."""
    given, defaults = config.external_config_dict, config.internal_config_dict
    if loss_settings.learns_to_rank(model_class):
        keys = loss_settings.recbole_keys_for(given.get("loss", defaults.get("loss")), model_class)
        defaults.update({key: value for key, value in keys.items() if key not in given})


def _add_defaults(config, model_class):
    """Put a model's own defaults over RecBole's; returns the groups of settings that it and its trainer read."""
    from recbole_iacn.settings import group, table
    from recbole_iacn.settings.general import General

    if config.external_config_dict.get("protocol") or is_ours(config.model) or getattr(config, "checked", False):
        config.internal_config_dict.update(group.defaults(General))
    tasks = config.external_config_dict.get("auxiliary_tasks")
    groups = (*table.own_groups(model_class), *table.added_groups(model_class, tasks))
    for one in groups:
        config.internal_config_dict.update(group.defaults(one))
    of_trainer = (table.FILES["IaCN"][-1],) if hasattr(model_class, "dataset_class") else ()  # its settings of speed
    return (*groups, *of_trainer)


def _for_labels(protocol, given, defaults, model_class):
    """No drawn negatives for a model that learns from labels, in a run that is evaluated by them, unless the user sets
    some."""
    from recbole.utils import InputType

    labelled = protocol is not None and PROTOCOLS[protocol].labelled
    evaluation = given.get("eval_args") or {}
    if not labelled and (protocol or not isinstance(evaluation, dict) or evaluation.get("mode") != "labeled"):
        return {}
    kind = getattr(model_class, "input_type", None)
    loss = given.get("loss_type", defaults.get("loss_type"))
    if kind == InputType.PAIRWISE or (kind is None and loss in ("BPR", "CE")):
        return {}
    return {} if "train_neg_sample_args" in given else {"train_neg_sample_args": None}


def _meet(protocol, defaults, given, model_class):
    """Let a model's defaults meet a protocol: metrics that both can measure, and no negatives for a full softmax."""
    from recbole.utils import ModelType

    probabilities = evaluation.gives_probabilities(model_class, {**defaults, **given})
    if "metrics" not in given and evaluation.misfits(defaults["metrics"], protocol, probabilities):
        fitting = metric_defaults(protocol, probabilities)
        defaults.update({key: value for key, value in fitting.items() if key not in given})
    if "metrics" not in given and getattr(model_class, "type", None) == ModelType.DECISIONTREE:
        # Their evaluation knows no users.
        defaults["metrics"] = [name for name in evaluation.names_of(defaults["metrics"]) if name.lower() != "gauc"]
    loss = given.get("loss_type", defaults.get("loss_type"))
    if loss == "CE" and not hasattr(model_class, "input_type") and "train_neg_sample_args" not in given:
        defaults["train_neg_sample_args"] = None


def _with_defaults(model_class):
    """The name of the nearest ancestor of a class that is a RecBole model; the class's own name if there is none."""
    names = [base.__name__ for base in model_class.__mro__]
    return next((name for name in names if name in recbole_models()), model_class.__name__)


def _evaluated_as(stock, dataset):
    """RecBole's files with the evaluation settings of a backbone that now reads a history: DIN's file, then the one
    with the columns for a model of the backbone's kind."""
    columns = "sequential_DIN_on" if stock in ("DIN", "DIEN") else "context-aware"
    names = ["sequential_DIN.yaml", f"{columns}_{dataset}.yaml"]
    paths = [recbole_folder() / "properties" / "quick_start_config" / name for name in names]
    return [path for path in paths if path.is_file()]


def _take_gauc(final):
    """Hide GAUC from RecBole if it is combined with value metrics, which RecBole rejects; trainers compute it from
    scores (:func:`recbole_iacn.bridge.datasets.patch_value_metrics`). Alone, or combined with ranking metrics, GAUC is
    RecBole's own. Decision trees have their own evaluation, without users."""
    from recbole.evaluator import metric_types
    from recbole.utils import EvaluatorType, ModelType

    metrics = [final["metrics"]] if isinstance(final["metrics"], str) else list(final["metrics"])
    if final["MODEL_TYPE"] == ModelType.DECISIONTREE:
        return []
    others = [name for name in metrics if name.lower() != "gauc"]
    if not any(metric_types.get(name.lower()) == EvaluatorType.VALUE for name in others):
        return []
    final["metrics"] = others
    return [name for name in metrics if name.lower() == "gauc"]
