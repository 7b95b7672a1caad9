"""What this package changes in RecBole 1.2.1: one table, in the order in which it is applied.

**Several patches of one module are applied in the order of this table**, each to the result of those before it.

A new patch is a function ``patch_…(module)`` in this package and an entry here. It detects the break itself and never
compares version numbers. A generator function without arguments and with one ``yield`` also acts before the module's
code.
"""

from recbole_iacn.bridge.patch import BREAK, PROTOCOL, SETTING, Patch

_DATASET = "recbole.data.dataset.dataset"
_SEQUENTIAL = "recbole.data.dataset.sequential_dataset"
_TRAINER = "recbole.trainer.trainer"
_CONFIG = "recbole.config.configurator"


def _len(module: str) -> Patch:
    return Patch(
        module,
        "compat.arrays.patch_len",
        "len of a column is the length of each value",
        "agg(len) counts the rows since pandas 3: an error, or a silently wrong item_length",
        BREAK,
        "compat.arrays.agg_counts_rows",
    )


PATCHES = (
    # What today's stack breaks.
    Patch(
        "recbole",
        "compat.pytorch.patch_checkpoints",
        "torch.load, called by RecBole, reads without running code; a checkpoint's Config is made of its settings",
        "RecBole's checkpoints hold a pickled Config, which torch.load rejects since PyTorch 2.6; before, code ran",
        issues=(2212,),
    ),
    Patch(
        "recbole.quick_start.quick_start",
        "compat.extras.patch_ray",
        "ray.tune is used if it runs the trial, and otherwise not imported; it gets the metrics in its own format",
        "this import needs a ray that today's Python and NumPy cannot import; a current one rejects RecBole's report",
        issues=(1518, 1820, 2078),
    ),
    Patch(
        _CONFIG,
        "compat.arrays.patch_numpy_names",
        "np.float_, np.complex_ and np.unicode_ are restored",
        "Config reads them; NumPy 2 dropped them",
        BREAK,
        "compat.arrays.numpy_names_are_gone",
        (1604, 2203, 2215),
    ),
    Patch(
        "recbole.model.abstract_recommender",
        "compat.arrays.patch_dok_update",
        "dok_matrix._update is restored",
        "LightGCN, NGCF, GCMC, SpectralCF, NCL, KGIN and MCCLK call it; SciPy 1.13 dropped it",
        BREAK,
        "compat.arrays.dok_update_is_gone",
        (2090, 2185),
    ),
    Patch(
        _DATASET,
        "datasets.patch_download",
        "a dataset of RecBole's list is downloaded in one process, too",
        "after the download it waits for processes that there are not: an error, and all is well the second time",
    ),
    Patch(
        _DATASET,
        "datasets.patch_intervals",
        "what is no interval in a setting that filters is rejected",
        "user_inter_num_interval: 5 filters nothing",
    ),
    Patch(
        _DATASET,
        "compat.noise.patch_data_warnings",
        "pandas and PyTorch give no warnings about RecBole's own code",
        "a user can do nothing about them",
    ),
    Patch(
        _DATASET,
        "compat.arrays.patch_missing_values",
        "empty cells are filled in the table itself, not in a copy",
        "fillna(inplace=True) of a column does nothing since pandas 3: no split, index out of range",
        BREAK,
        "compat.arrays.fillna_is_lost",
    ),
    _len(_DATASET),
    _len(_SEQUENTIAL),
    _len("recbole.data.dataset.kg_dataset"),
    Patch(
        "recbole.model.sequential_recommender.sine",
        "compat.pytorch.patch_anomaly_detection",
        "autograd's anomaly detection stays as it was",
        "every look-up of a sequential model imports SINE, which enables it: steps take 1.7 to 2.8 times as long",
    ),
    Patch(
        _TRAINER,
        "compat.noise.patch_scaler_warnings",
        "torch.cuda.amp gives no warnings",
        "in every epoch it warns that it has moved",
    ),
    # What RecBole does to its users on any stack.
    Patch(
        _TRAINER,
        "compat.noise.patch_tensorboard",
        "log_tensorboard/ is written only with log_tensorboard: True",
        "every run leaves a folder behind",
        issues=(1681,),
    ),
    Patch(
        _TRAINER,
        "compat.noise.patch_bars",
        "beside a table of epochs, a progress bar that is full is removed",
        "the bars of every epoch stay between the rows",
    ),
    Patch(
        _TRAINER,
        "run_names.patch_trainers",
        "a checkpoint has its run's name, of model, dataset, time and something unique; leftovers are removed",
        "two runs that start in the same second share a file, and one reports the other's figures",
    ),
    Patch(
        "recbole.evaluator.metrics",
        "compat.late.patch_metrics",
        "scikit-learn is imported when one of its three metrics is first calculated",
        "every start waits for it and for SciPy's statistics; the evaluation of this package needs neither",
    ),
    Patch(
        "recbole.utils.utils",
        "compat.late.patch_writer",
        "TensorBoard is imported with log_tensorboard: True",
        "every start waits for it",
    ),
    Patch(
        "recbole.utils.utils",
        "compat.late.patch_look_up",
        "a model's look-up imports the models of its own folder",
        "it imports those of the folders before as well, and scikit-learn for them",
    ),
    Patch(
        "recbole.utils.utils",
        "run_names.patch_time",
        "the time in names of files is followed by something unique",
        "as above, in trainers and loggers of others",
    ),
    Patch(
        _CONFIG,
        "compat.extras.patch_model_look_up",
        "a model that cannot run here, or does not exist, is reported in one line before the data are read",
        "a traceback after that, or 'No module named lightgbm' for any unknown name",
        issues=(2105,),
    ),
    Patch(
        "recbole.quick_start.quick_start",
        "compat.pytorch.patch_flops",
        "FLOPs that cannot be counted are nan in the log",
        "SASRecCPR and GRU4RecCPR abort there: their predict is an assertion that fails",
    ),
    Patch(
        _DATASET,
        "compat.pytorch.patch_preloaded_weights",
        "pre-trained vectors are float32",
        "KSR multiplies them, in float64, by float32",
    ),
    Patch(
        _CONFIG,
        "config.patch_tree_defaults",
        "LightGBM and XGBoost find their defaults",
        "the files are called lightgbm.yaml and xgboost.yaml, which a case-sensitive file system does not find",
        issues=(1883,),
    ),
    # What a file may not do.
    Patch(
        _CONFIG,
        "without_code.patch_yaml",
        "YAML files are read by the safe loader, with the same numbers",
        "the loader that RecBole takes makes objects of Python's classes",
    ),
    Patch(
        _DATASET,
        "without_code.patch_yaml",
        "as above, for its list of datasets",
        "as above",
    ),
    Patch(
        "recbole.model.context_aware_recommender.kd_dagfm",
        "without_code.patch_teacher",
        "KD_DAGFM's teacher is the name of one of its networks",
        "it is evaluated, so a file of settings, or a checkpoint, can run any code",
    ),
    Patch(
        "recbole.trainer.hyper_tuning",
        "without_code.patch_choices",
        "the choices in a file of hyperparameters are values",
        "they are evaluated, so the file can run any code",
    ),
    Patch(
        "recbole.model.general_recommender.ldiffrec",
        "without_code.patch_item_embeddings",
        "LDiffRec's item_emb.npy is an array of numbers",
        "it may contain pickled objects, so the file can run any code",
    ),
    # How files are read.
    Patch(
        _DATASET,
        "loading.patch_reading",
        "files are read as they are written, by this package, in its own runs and under a protocol",
        "a quotation mark swallows rows, an id NA is lost, lines with too few cells pass; it takes ten times as long",
        PROTOCOL,
        issues=(2017,),
    ),
    Patch(
        _DATASET,
        "loading.patch_filters",
        "rows that the filters drop are counted, and conspicuous times reported, in one line each",
        "nothing is said, and if nothing is left, not which filter did it",
    ),
    Patch(
        _DATASET,
        "loading.patch_two_parts",
        "a benchmark may have two parts; its validation is empty",
        "not enough values to unpack",
        issues=(2075,),
    ),
    Patch(
        _SEQUENTIAL,
        "loading.patch_histories",
        "a benchmark's histories have the numbers of its items and keep the newest; ITEM_ID_FIELD may have any name",
        "without alias_of_item_id every history is another's; longer ones abort, or lose their newest entries",
        issues=(1813, 1933, 2139),
    ),
    Patch(
        "recbole.evaluator.collector",
        "scoring.patch_collected",
        "what is collected for metrics may be a count",
        "ItemCoverage, GiniIndex, AveragePopularity and TailPercentage abort: 'int' object has no attribute 'cpu'",
        issues=(2071,),
    ),
    Patch(
        "recbole.evaluator.collector",
        "score_tables.patch_collector",
        "metrics are taken from the scores alone, and what batches leave is appended",
        "the clicked items are marked in tables of the scores' size, and each batch copies all earlier ones",
    ),
    Patch(
        "recbole.data.dataloader.general_dataloader",
        "score_tables.patch_batches",
        "a batch that is ranked among all items has at most as many rows as 16 million scores (a GPU: 67)",
        "with a million items, each table of the scores of eval_batch_size: 4096 rows takes 16 GB",
    ),
    Patch(
        "recbole.utils.case_study",
        "scoring.patch_case_study",
        "full_sort_scores and full_sort_topk answer for the users that were asked, after the newest click of each",
        "rows are other users' where one has no row or several, and histories lack the click that is tested",
        issues=(848, 1140, 1169, 1178),
    ),
    # What makes RecBole know this package.
    Patch(
        _CONFIG,
        "config.patch_config",
        "the defaults of this package's models and its protocols are applied; settings are checked and completed",
        "RecBole reads only its own folder of defaults, checks no setting, and leaves out float columns",
        issues=(1599, 1941, 2043),
    ),
    Patch(
        "recbole.model.sequential_recommender",
        "registry.patch_models",
        "modules with this package's models can be imported by name",
        "RecBole finds a model by the name of a module in its own folders",
    ),
    Patch(
        "recbole.data.dataset",
        "registry.patch_dataset_names",
        "NAMEDataset exists for this package's models",
        "RecBole finds a model's dataset by this name",
    ),
    Patch(
        "recbole.trainer",
        "registry.patch_trainer_names",
        "NAMETrainer exists for this package's models",
        "RecBole finds a model's trainer by this name",
    ),
    Patch(
        "recbole.data.utils",
        "datasets.patch_loaders",
        "RecBole's models, too, use datasets with windowed histories and the protocols' loaders",
        "negatives are drawn anew in every evaluation, and every prefix of a history is copied",
        PROTOCOL,
        issues=(1865, 2077),
    ),
    Patch(
        "recbole.data.utils",
        "datasets.patch_saved",
        "a saved dataset, or saved loaders, serve only runs that would make the same ones",
        "RecBole compares some of its own settings: other candidates, batches or files silently get the old loaders",
        issues=(1602, 1697),
    ),
    Patch(
        _SEQUENTIAL,
        "datasets.patch_sorting",
        "interactions are sorted before times are rounded to float32, in this package's own runs and under a protocol",
        "Unix times are off by up to 64 s, which changes the order",
        PROTOCOL,
        issues=(1653, 2204),
    ),
    Patch(
        _DATASET,
        "datasets.patch_rows",
        "splits by time are exact, as above; with a protocol rows that are no clicks are left out or scored by labels",
        "every row would be a click, and float32 times would let later rows into the training part",
        PROTOCOL,
        issues=(1862, 2035, 2066),
    ),
    Patch(
        "recbole.data.dataloader.abstract_dataloader",
        "datasets.patch_row_numbers",
        "the row numbers stay a range",
        "as a list they take 36 bytes per row",
    ),
    Patch(
        _TRAINER,
        "datasets.patch_value_metrics",
        "GAUC is measured beside AUC and LogLoss",
        "RecBole has GAUC for ranked items only, and rejects it beside AUC",
    ),
    Patch(
        _TRAINER,
        "score_tables.patch_full_sort",
        "a full sort ranks among what a protocol's loader supplies; of equal scores the clicked item takes the middle",
        "RecBole scores sampled candidates row by row, and leaves the order of equal scores to torch.topk",
        PROTOCOL,
    ),
    Patch(
        "recbole.model.sequential_recommender.gru4rec",
        "last_state.patch_last_state",
        "GRU4Rec computes only what its last state depends on",
        "it computes all positions, padding included",
        SETTING,
        "last_state_only",
    ),
    Patch(
        "recbole.model.sequential_recommender.sasrec",
        "last_state.patch_last_state",
        "SASRec computes only what its last state depends on",
        "it computes all positions, padding included",
        SETTING,
        "last_state_only",
    ),
    Patch(
        "recbole.model.sequential_recommender.sasrec",
        "positions.patch_positions",
        "SASRec may count its positions from the newest click, as its authors do",
        "it counts from the oldest, so the newest click has another position in a short history than in a long one",
        SETTING,
        "positions_from",
    ),
    Patch(
        "recbole.model.sequential_recommender.gru4rec",
        "causal_states.patch_loss",
        "GRU4Rec learns to rank by the setting loss, from a row per click or from whole histories",
        "it has BPR with one negative, or a softmax over the matrix of all scores, and a row per click",
        SETTING,
        "loss",
    ),
    Patch(
        "recbole.model.sequential_recommender.sasrec",
        "causal_states.patch_loss",
        "SASRec learns to rank by the setting loss, from a row per click or from whole histories",
        "it has BPR with one negative, or a softmax over the matrix of all scores, and a row per click",
        SETTING,
        "loss",
    ),
    Patch(
        _TRAINER,
        "averages.patch_epochs",
        "a moving average of the weights is measured and saved in place of those of the last step",
        "RecBole has no averages",
        SETTING,
        "ema_decay",
    ),
    Patch(
        "recbole.model.sequential_recommender.dien",
        "empty_histories.patch_empty_histories",
        "DIEN takes rows with an empty history: their states are zeros, and its auxiliary loss leaves them out",
        "PyTorch packs no sequence of length 0, and a batch without any pair has an auxiliary loss of 0/0",
    ),
    Patch(
        _DATASET,
        "float_columns.patch_reading",
        "large numbers among the float columns that are features are reported",
        "unscaled, they drown the other features",
        PROTOCOL,
    ),
    Patch(
        "recbole.model.layers",
        "float_columns.patch_several",
        "DIN and DIEN take several float columns",
        "two of them end in a traceback",
        issues=(2043,),
    ),
    Patch(
        "recbole.model.abstract_recommender",
        "float_columns.patch_towers",
        "each tower of DSSM reads the float columns of its own side",
        "a float column that is not a feature ends in a traceback, and the user's tower may read the item's",
    ),
    Patch(
        "recbole.model.context_aware_recommender.fwfm",
        "float_columns.patch_groups",
        "FwFM numbers its columns in the order in which it embeds them, lists of numbers included",
        "a list of numbers ends in a traceback, and groups of columns (fields) get other columns' weights",
    ),
    Patch(
        "recbole.model.context_aware_recommender.ffm",
        "float_columns.patch_groups",
        "a column that is in none of the groups (fields) is reported in one line",
        "it ends in a KeyError",
    ),
    # What makes a checkpoint know its data.
    Patch(
        _TRAINER,
        "checkpoints.patch_trainer",
        "checkpoints contain the tokens behind their weights, and are loaded only over data that number them alike",
        "over the same data in another order every weight would belong to another user or item",
    ),
    Patch(
        "recbole.model.abstract_recommender",
        "checkpoints.patch_other_parameters",
        "a checkpoint's parts of a model, such as DIN's embedding layer, do not take the place of the model's own",
        "after resuming, or evaluating with load_best_model, the optimizer trains a part that is no longer there",
    ),
    # What RecBole writes.
    *(
        Patch(
            module,
            "own_files.patch_files",
            f"{what} are written as a whole, and on the disk before they have their name",
            "a kill or a full disk leaves half a file, which the next run opens",
        )
        for module, what in (
            (_DATASET, "saved datasets"),
            ("recbole.data.utils", "saved loaders"),
            ("recbole.utils.url", "downloads"),
        )
    ),
    Patch(
        "recbole.data.utils",
        "own_files.patch_loaders",
        "loaders that have been saved keep their generators",
        "the run that saves them has other figures than the same run without save_dataloaders",
    ),
    Patch(
        _TRAINER,
        "own_files.patch_trees",
        "the files of decision trees are written as a whole; what they need while they train is removed",
        "as above, and a temporary file stays",
    ),
    Patch(
        "recbole.trainer.hyper_tuning",
        "own_files.patch_search",
        "the results of RecBole's search are written as a whole",
        "as above",
    ),
    Patch(
        "recbole.quick_start.quick_start",
        "checkpoints.patch_load_data_and_model",
        "load_data_and_model compares the checkpoint's tokens with the data's",
        "as above",
    ),
    # What several processes and pinned memory need.
    Patch(
        "recbole.data.interaction",
        "processes.patch_pinning",
        "Interaction has the method pin_memory",
        "PyTorch's loaders pin only objects with such a method",
        SETTING,
        "pin_memory",
    ),
    Patch(
        "recbole.data.dataloader.abstract_dataloader",
        "processes.patch_workers",
        "workers of loaders end with their process, and do not hear Ctrl-C",
        "PyTorch's look for their process every five seconds, and print a traceback at Ctrl-C while they start",
        SETTING,
        "worker",
    ),
    Patch(
        "recbole.utils.logger",
        "run_names.patch_logger",
        "a run's log has the run's name and its lines alone; only the first of several processes writes one",
        "a second run in a process writes to the first one's log and leaves an empty file",
    ),
    Patch(
        "recbole.utils.utils",
        "processes.patch_folders",
        "a folder that another process has just created is not an error",
        "RecBole first checks whether the folder exists and then creates it",
    ),
)


def install() -> None:
    """Register the whole table, without importing anything of RecBole; a second call does nothing."""
    for patch in PATCHES:
        patch.register()
