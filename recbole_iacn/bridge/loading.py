"""Patches of how RecBole reads and filters its files."""

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.errors import ConfigError


def patch_reading(module):
    """Read files as they are written: with a protocol, windowed histories, or :func:`recbole_iacn.build`.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    from recbole_iacn.data import atomic_files

    @wrap(module.Dataset, "_load_feat")
    def load_feat(original, dataset, path, source):
        if atomic_files.reads_as_written(dataset.config):
            return atomic_files.load(dataset, path, source)
        if (dataset.config["user_share"] or 1) != 1:
            raise ConfigError("user_share: needs a protocol, or recbole_iacn.build; set protocol, or leave it out")
        return original(dataset, path, source)


def patch_filters(module):
    """Say once how many rows the filters have dropped, and in one line where they leave none; say what share of the
    users is kept, and what is conspicuous about times.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    from recbole_iacn.data import atomic_files, dropped, shares

    @wrap(module.Dataset, "_data_filtering")
    def filter_data(original, dataset):
        dropped.filter_counted(dataset, lambda: original(dataset))

    @wrap(module.Dataset, "_load_inter_feat")
    def load_interactions(original, dataset, name, folder):
        original(dataset, name, folder)
        shares.say_users(dataset)
        atomic_files.say_times(dataset)


def patch_two_parts(module):
    """Let a benchmark have two parts, of training and test.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    from recbole_iacn.data import benchmark

    @wrap(module.Dataset, "_load_inter_feat")
    def load_interactions(original, dataset, name, folder):
        original(dataset, name, folder)
        benchmark.add_empty_validation(dataset)


def patch_histories(module):
    """Number a benchmark's histories together with its targets, keep their newest entries, let them be empty, and find
    those of an item column with a name of its own; reject other data without any history in one line.

    Args:
        module: ``recbole.data.dataset.sequential_dataset``.
    """
    from recbole_iacn.data import benchmark, dropped

    def init_alias(dataset):
        super(module.SequentialDataset, dataset)._init_alias()
        if dataset.config["benchmark_filename"] is not None:
            benchmark.number_together(dataset)

    module.SequentialDataset._init_alias = init_alias

    @wrap(module.SequentialDataset, "_benchmark_presets")
    def benchmark_presets(original, dataset):
        dataset.item_id_list_field = dataset.iid_field + dataset.config["LIST_SUFFIX"]
        benchmark.keep_newest(dataset)
        original(dataset)
        benchmark.fill_empty_histories(dataset)

    @wrap(module.SequentialDataset, "data_augmentation")
    def data_augmentation(original, dataset):
        dropped.check_histories(dataset)
        original(dataset)
