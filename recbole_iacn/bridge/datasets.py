"""Our data sets and loaders in RecBole's data preparation."""

import types

import numpy as np

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.checks.files import check_negatives_files
from recbole_iacn.data.protocol import ranks_items
from recbole_iacn.names import is_ours


def patch_sorting(module):
    """Under a protocol, order interactions by time before RecBole rounds time stamps to float32.

    Unix times lose up to 128 s in float32; RecBole's later sorts are stable and keep the exact order.

    Args:
        module: ``recbole.data.dataset.sequential_dataset``.
    """

    @wrap(module.SequentialDataset, "_change_feat_format")
    def change_format(original, dataset):
        if dataset.config["protocol"] and not dataset.config["benchmark_filename"]:
            clicks = dataset.inter_feat
            user, time = (clicks[field].to_numpy() for field in (dataset.uid_field, dataset.time_field))
            if ((user[1:] < user[:-1]) | ((user[1:] == user[:-1]) & (time[1:] < time[:-1]))).any():
                dataset.inter_feat = clicks.take(np.lexsort((time, user))).reset_index(drop=True)
        original(dataset)


def patch_reading(module):
    """Let data sets of windows read their files by pandas' C parser.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    from recbole_iacn.data.reading import FastPandas

    module.pd = FastPandas(module.pd)


def patch_loaders(module):
    """Under a protocol, ``create_dataset`` and ``data_preparation`` use our data set and loaders, for every model; and
    a saved data set is read again only if our settings that shape it are unchanged, too.

    Args:
        module: ``recbole.data.utils``.
    """
    module.dataset_arguments = [*module.dataset_arguments, "protocol", "iacn_mode", "iacn_item_features"]

    @wrap(module, "create_dataset")
    def create_dataset(original, config):
        check_negatives_files(config)
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

    @wrap(module, "create_samplers")
    def create_samplers(original, config, dataset, built_datasets):
        if not config["protocol"]:
            return original(config, dataset, built_datasets)
        # Our loaders draw for themselves; RecBole's samplers would first build a set for each user.
        return tuple(types.SimpleNamespace(phase=phase, dataset=dataset) for phase in ("train", "valid", "test"))

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
        else:
            chosen = loader.ProtocolEvalDataLoader
        return loader.shared(chosen) if parallel.active() else chosen


def _windowed_dataset(config):
    """The dataset with windowed histories for a RecBole model, None where it keeps its own."""
    from recbole.data import dataset as datasets
    from recbole.utils import ModelType

    from recbole_iacn.data.history import DIENHistoryDataset, HistoryDataset

    model, asked = config["model"], config["history_dataset"]
    wanted = asked or (asked is None and config["protocol"])
    if is_ours(model) or config["MODEL_TYPE"] != ModelType.SEQUENTIAL or not wanted:
        return None
    if vars(datasets).get("DIENDataset") is getattr(datasets, f"{model}Dataset", None):
        return DIENHistoryDataset
    return None if hasattr(datasets, f"{model}Dataset") else HistoryDataset


def patch_row_numbers(module):
    """RecBole's loaders make a list of all row numbers, 36 bytes each; a range says the same.

    Args:
        module: ``recbole.data.dataloader.abstract_dataloader``.
    """
    module.list = lambda values: values if isinstance(values, range) else list(values)


def patch_full_sort(module):
    """Let a full sort rank the clicked item among the candidates that a loader of ours names.

    Args:
        module: ``recbole.trainer.trainer``.
    """

    @wrap(module.Trainer, "_full_sort_batch_eval")
    def full_sort_batch_eval(original, trainer, batch):
        from recbole_iacn.data.ranking import Candidates

        rows, among, positive_u, positive_i = batch
        if not isinstance(among, Candidates):
            return original(trainer, batch)
        rows, scores, positive_u, positive_i = original(trainer, (rows, None, positive_u, positive_i))
        return rows, *among.ranked(scores, positive_u, positive_i)
