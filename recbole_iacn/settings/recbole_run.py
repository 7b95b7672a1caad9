"""RecBole's settings of a run: environment, training, evaluation. Its YAML files have the defaults."""

from typing import Annotated

from annotated_types import Ge, Le

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
    Cap,
    ClipGradNorm,
    Count,
    Decay,
    Devices,
    Digits,
    EvalArgs,
    Names,
    Natural,
    Negatives,
    Path,
    Positive,
    Rate,
    Share,
    Text,
    TopK,
    Transform,
    one_of,
)

LEARNERS = ("adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam")


class Environment(Group):
    """Environment"""

    gpu_id: Devices
    """The GPUs that the run may see."""

    use_gpu: bool
    """Report GPU memory in the log; to run on the CPU, set gpu_id: ''."""

    worker: Annotated[int, Ge(0), Cap(256)]
    """Number of processes that build batches; 0: the main process builds them."""

    seed: Annotated[int, Ge(0), Le(2**32 - 1)]
    """Seed of all random numbers."""

    state: Annotated[str, one_of("debug", "info", "warning", "error", "critical")] | None
    """Minimum level of log messages."""

    reproducibility: bool
    """Use only deterministic algorithms of cuDNN."""

    data_path: Path
    """Folder that holds the datasets' folders."""

    checkpoint_dir: Path
    """Folder of checkpoints, and of saved datasets and loaders."""

    show_progress: bool
    """Show progress bars."""

    save_dataset: bool
    """Save the dataset after filtering, for runs with trust whose settings and files would make the same one."""

    dataset_save_path: Path | None
    """A saved dataset to open instead of the atomic files; it is unpickled, so it needs trust."""

    save_dataloaders: bool
    """Save the loaders, for runs with trust whose settings and files would make the same ones."""

    dataloaders_save_path: Path | None
    """Saved loaders to open instead of the dataset; they are unpickled, so they need trust."""

    log_wandb: bool
    """Report to Weights & Biases; needs the package wandb."""

    wandb_project: Text
    """Project in Weights & Biases."""

    shuffle: bool
    """Shuffle the training rows in each epoch."""


class Training(Group):
    """Training"""

    epochs: Count
    """Maximum number of epochs."""

    train_batch_size: Count
    """Rows per batch; negatives count."""

    learner: Annotated[str, one_of(*LEARNERS)]
    """Optimizer."""

    learning_rate: Rate
    """Learning rate of the optimizer."""

    train_neg_sample_args: Negatives | None
    """Negatives in training: distribution (uniform or popularity), sample_num per positive, alpha (power of
    popularity), dynamic and candidate_num (the hardest of that many candidates); ~ for none."""

    eval_step: Count
    """Epochs between validations."""

    stopping_step: Natural
    """Validations without improvement after which training stops; 0: at the first."""

    clip_grad_norm: ClipGradNorm | None
    """Maximum norm of the gradient: a dict with max_norm, and norm_type if it is not 2."""

    weight_decay: Decay
    """L2 penalty."""

    loss_decimal_place: Digits
    """Decimals of losses in the log."""

    require_pow: bool
    """Penalise squared norms instead of norms (models with RecBole's EmbLoss)."""

    enable_amp: bool
    """Train in mixed precision."""

    enable_scaler: bool
    """Scale losses in mixed precision, which float16 needs."""

    transform: Transform | None
    """Transformation of each batch's histories before they are read."""

    mask_ratio: Share
    """Share of a history that mask_itemseq masks."""

    ft_ratio: Share
    """Share of training rows in which mask_itemseq masks only the last item."""

    eta: Share
    """Share of a history that crop_itemseq keeps."""

    save_step: Count
    """Epochs between pretraining checkpoints."""

    pretrain_epochs: Count
    """Number of epochs of pretraining."""


class Evaluation(Group):
    """Evaluation"""

    eval_args: EvalArgs
    """split (RS: shares of training, validation and test; LS: leave one out; TS: by time), group_by (user or none),
    order (RO: random, TO: by time) and mode (full, labeled, uni100 or pop100 with any number). A protocol sets it."""

    repeatable: bool
    """A user's earlier items may be recommended; sequential models need it."""

    metrics: Names
    """Metrics to compute."""

    topk: TopK
    """Cutoffs k of ranking metrics."""

    valid_metric: Text
    """The metric for early stopping and for the best checkpoint, such as AUC or NDCG@10."""

    valid_metric_bigger: bool
    """Whether larger is better; RecBole derives it from valid_metric."""

    eval_batch_size: Count
    """Rows per batch in evaluation, at most; where rows are ranked among many items, a batch has fewer."""

    metric_decimal_place: Digits
    """Decimals of metrics."""

    tail_ratio: Positive | None
    """TailPercentage: share of items that are the tail if at most 1, else the maximum number of clicks of a tail item;
    ~ is 0.1."""
