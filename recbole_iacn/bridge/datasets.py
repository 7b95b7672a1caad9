"""Patches of RecBole's data preparation: this package's datasets and loaders."""

import pickle
import types

import pandas as pd

from recbole_iacn.bridge import saved
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.checks.files import check_negatives_files
from recbole_iacn.data.protocol import is_labelled, ranks_items
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours
from recbole_iacn.settings.kinds import is_interval


def patch_sorting(module):
    """Sort the interactions of RecBole's sequential datasets by user and exact time, before times are rounded to
    float32, in which Unix times are off by up to 64 s; and their rows, for a split by time.

    RecBole's later sorts are stable and keep the exact order.

    Args:
        module: ``recbole.data.dataset.sequential_dataset``.
    """

    @wrap(module.SequentialDataset, "_change_feat_format")
    def change_format(original, dataset):
        _sort(dataset, by_user=True)
        if _is_sorted_here(dataset) and getattr(dataset, "times", None) is not None:
            users = dataset.inter_feat[dataset.uid_field].to_numpy()
            dataset.times_of_rows = dataset.times[1:][users[1:] == users[:-1]]  # a user's first click is no row
        original(dataset)

    @wrap(module.SequentialDataset, "sort")
    def sort(original, dataset, by, ascending=True):
        import numpy as np
        import torch

        times = getattr(dataset, "times_of_rows", None)
        rows = by == dataset.time_field and ascending is True and times is not None and len(times)
        if rows and rows == len(dataset.inter_feat):
            dataset.inter_feat._reindex(torch.from_numpy(np.argsort(times, kind="stable")))
        else:
            original(dataset, by, ascending)


def patch_rows(module):
    """Let every dataset have exact times, so that a split by time is exact; and under a protocol labels: rows that are
    not clicks are left out, or scored by their labels, and a user's last rows are the same for every model.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    from recbole_iacn.data import atomic_files, labels, order

    def prepares_itself(dataset):
        return hasattr(dataset, "row_times")  # HistoryDataset

    @wrap(module.Dataset, "_fill_nan")
    def fill_nan(original, dataset):
        if atomic_files.reads_as_written(dataset.config):
            labels.reject_empty_labels(dataset)
        original(dataset)

    @wrap(module.Dataset, "_set_label_by_threshold")
    def set_label(original, dataset):
        original(dataset)
        if prepares_itself(dataset):
            return
        if dataset.config["protocol"]:
            labels.prepare_labels(dataset)
        elif atomic_files.reads_as_written(dataset.config):
            labels.say_rows_taken_for_clicks(dataset)

    @wrap(module.Dataset, "_normalize")
    def normalize(original, dataset):
        if atomic_files.reads_as_written(dataset.config) and not prepares_itself(dataset):
            order.remember_times(dataset)
        original(dataset)

    @wrap(module.Dataset, "_change_feat_format")
    def change_format(original, dataset):
        in_order = dataset.config["protocol"] or dataset.config["eval_args"]["order"] == "TO"
        if in_order and not hasattr(dataset, "max_item_list_len"):  # a sequential dataset is sorted by users, too
            _sort(dataset, by_user=False)
        original(dataset)

    @wrap(module.Dataset, "_split_index_by_leave_one_out")
    def leave_out(original, dataset, grouped_index, leave_one_num):
        # A sequential dataset has such rows alone.
        if not dataset.config["protocol"] or hasattr(dataset, "max_item_list_len") or dataset.times is None:
            return original(dataset, grouped_index, leave_one_num)
        return order.leave_out_as_with_histories(dataset, grouped_index, leave_one_num)

    @wrap(module.Dataset, "_calcu_split_ids")
    def split_ids(original, dataset, tot, ratios):
        if not is_labelled(dataset.config):
            return original(dataset, tot, ratios)
        times = dataset.row_times() if prepares_itself(dataset) else dataset.times
        return order.cuts_by_time(times, dataset.config["time_shares"])


def _sort(dataset, by_user):
    from recbole_iacn.data.order import sort_exactly

    if _is_sorted_here(dataset):
        sort_exactly(dataset, by_user)


def _is_sorted_here(dataset):
    """Not where the order is that of the files, nor where the dataset sorts itself."""
    from recbole_iacn.data.atomic_files import reads_as_written

    unsorted = reads_as_written(dataset.config) and not dataset.config["benchmark_filename"]
    return unsorted and isinstance(dataset.inter_feat, pd.DataFrame) and not hasattr(dataset, "row_times")


def patch_download(module):
    """Download a dataset of RecBole's list in one process, too, where no other waits for it.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """

    @wrap(module.Dataset, "_download")
    def download(original, dataset):
        import torch.distributed as dist

        if dist.is_available() and dist.is_initialized():
            return original(dataset)
        before = getattr(dist, "barrier", None)
        dist.barrier = lambda *_, **__: None
        try:
            return original(dataset)
        finally:
            dist.barrier = before


def patch_intervals(module):
    """Reject what is no interval in a setting that filters, of which RecBole filters nothing.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """

    @wrap(module.Dataset, "_parse_intervals_str")
    def parse_intervals(original, dataset, text):
        if text is not None and not is_interval(str(text)):
            settings = dataset.config.final_config_dict.items()
            key = next((key for key, value in settings if key.endswith("_interval") and value == text), "val_interval")
            raise ConfigError(f"{key}: must be an interval such as '[5,inf)', got {text!r}")
        return original(dataset, text)


def patch_loaders(module):
    """Under a protocol, let ``create_dataset`` and ``data_preparation`` use our dataset and loaders for every model;
    and let every training have a share of its rows.

    Args:
        module: ``recbole.data.utils``.
    """

    from recbole_iacn.data.shares import thin_training

    @wrap(module, "create_dataset")
    def create_dataset(original, config):
        check_negatives_files(config)
        windowed = _windowed_dataset(config)
        if windowed is None:
            return original(config)
        import recbole.data.dataset as datasets

        # RecBole looks up a model's own dataset by name; during this call it finds the windowed one.
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

    @wrap(module, "create_samplers")
    def create_samplers(original, config, dataset, built_datasets):
        if not config["protocol"]:
            # Of all training rows: what a user has clicked in training is no candidate of RecBole's tests.
            samplers = original(config, dataset, built_datasets)
        else:
            # Our loaders draw their own negatives; RecBole's samplers would first build a set per user.
            phases = ("train", "valid", "test")
            samplers = tuple(types.SimpleNamespace(phase=phase, dataset=dataset) for phase in phases)
        thin_training(config, built_datasets[0])
        return samplers

    @wrap(module, "get_dataloader")
    def get_dataloader(original, config, phase):
        from recbole_iacn import parallel
        from recbole_iacn.data import loader

        if not config["protocol"]:
            chosen = original(config, phase)
        elif phase == "train":
            chosen = loader.ProtocolTrainDataLoader
        elif ranks_items(config):
            from recbole_iacn.data.ranking import RankingEvalDataLoader as chosen
        elif is_labelled(config):
            chosen = original(config, phase)
        else:
            chosen = loader.ProtocolEvalDataLoader
        return loader.shared(chosen) if parallel.active() else chosen


def _windowed_dataset(config):
    """The dataset with windowed histories for a RecBole model; None if the model keeps its own dataset."""
    from recbole.data import dataset as datasets
    from recbole.utils import ModelType

    from recbole_iacn.data.history import DIENHistoryDataset, HistoryDataset

    model, setting = config["model"], config["history_dataset"]
    windowed = setting or (setting is None and config["protocol"])
    if is_ours(model) or config["MODEL_TYPE"] != ModelType.SEQUENTIAL or not windowed:
        return None
    if vars(datasets).get("DIENDataset") is getattr(datasets, f"{model}Dataset", None):
        return DIENHistoryDataset
    return None if hasattr(datasets, f"{model}Dataset") else HistoryDataset


def patch_saved(module):
    """Use a saved dataset, or saved loaders, only where a run would make the same ones.

    Args:
        module: ``recbole.data.utils``.
    """
    module.dataset_arguments = [saved.MADE_FROM]
    module.pickle = types.SimpleNamespace(dump=pickle.dump, load=saved.opened)

    @wrap(module, "create_dataset")
    def create_dataset(original, config):
        with saved.comparing(config):
            dataset = original(config)
        dataset.config = config  # a saved one has that of the run that saved it
        return dataset

    @wrap(module, "data_preparation")
    def data_preparation(original, config, dataset):
        with saved.comparing(config):
            return original(config, dataset)


def patch_row_numbers(module):
    """Keep the row numbers of RecBole's loaders as a range; as a list they take 36 bytes per row.

    Args:
        module: ``recbole.data.dataloader.abstract_dataloader``.
    """
    module.list = lambda values: values if isinstance(values, range) else list(values)


def patch_value_metrics(module):
    """Let every trainer compute GAUC beside AUC and LogLoss, from scores, as this package's trainer does.

    Args:
        module: ``recbole.trainer.trainer``.
    """

    @wrap(module.Trainer, "__init__")
    def start(original, trainer, config, model):
        from recbole.utils import EvaluatorType

        original(trainer, config, model)
        if config["eval_type"] == EvaluatorType.VALUE and "gauc" in [name.lower() for name in config["metrics"]]:
            from recbole_iacn.training.metrics import value_evaluation

            trainer.eval_collector, trainer.evaluator = value_evaluation(config)
