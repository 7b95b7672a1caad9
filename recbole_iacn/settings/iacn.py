"""Settings of every interest-aware model ``<Backbone>_IaCN``, in addition to RecBole's own of the backbone."""

from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
    Cap,
    Columns,
    LogitStd,
    Mode,
    Names,
    Natural,
    Null,
    Paper,
    Positive,
    Power,
    Repeats,
    Rule,
    Share,
    Text,
    Weight,
    Width,
)


class TaskProtocol(Group):
    """Protocol"""

    protocol: Text | None = "leave_one_out_ctr"
    """leave_one_out_ctr: the last item is for the test, the one before for validation, every earlier prefix for
    training, with one fixed negative per row from outside the user's items; din_electronics, dien_books: the papers'
    protocols for these data; ~: RecBole's eval_args."""

    metrics: Names = ["AUC", "GAUC", "LogLoss"]
    """GAUC is the AUC within a user, weighted by the user's positives."""

    valid_metric: Text = "AUC"
    """The metric for early stopping and for the best checkpoint."""

    MAX_ITEM_LIST_LENGTH: Annotated[Width, Paper("10 (Electronics), 20 (Books)")] = 20
    """History length L."""


class Task(Group):
    """Auxiliary task"""

    iacn_mode: Mode = "full"
    """off: plain backbone; width: auxiliary embedding, no capsule task; full: both."""

    auxiliary_tasks: Annotated[list[Text], MinLen(1)] = ["iacn"]
    """Tasks of mode full: iacn is the capsule task of the papers; your own by add_task."""

    iacn_lambda: Annotated[Weight, Paper(1)] = 1.0
    """λ, weight of the auxiliary loss."""

    iacn_delta: Annotated[Share, Paper(0.3)] = 0.3
    """δ, share of the main task in the gradient of E_auxiliary."""

    iacn_extractor: Text = "routing"
    """How interests are found in the history: routing, as in the papers; attention (ComiRec's); block (the same behind
    a transformer block); of one interest alone mean (no interests: the control), last (the newest item), recurrent (a
    GRU's last state); or your own by add_extractor."""

    iacn_interests: Width = 4
    """K, maximum number of interests per user (routing, attention, block). A user's own number is ⌈log2 |history|⌉."""

    iacn_interest_rounding: Annotated[
        Literal["ceil", "floor"] | None, Null("for iacn_interests, for every user"), Paper("ceil")
    ] = "ceil"
    """Rounding of log2, by which twenty clicks have five interests at most."""

    iacn_routing_iterations: Repeats = 3
    """Iterations of dynamic routing (routing)."""

    iacn_settling_iterations: Repeats = 10
    """Iterations of the routing where a trained model's interests are looked at (explain, interests), from starts that
    lie apart: training's few, from a random start, leave most clicks divided. Scores do not depend on it."""

    iacn_logit_std: LogitStd = 0.3
    """Standard deviation of the fixed random initial routing logits (routing)."""

    iacn_map_scale: Positive = 40.0
    """The map M of behaviours, which every extractor of this package has, starts as this multiple of the identity."""

    iacn_attention: Annotated[Literal["pow", "scale", "hard"], Paper("pow")] = "scale"
    """Label-aware attention of several interests: pow (of the scores), scale (softmax of p·x) or hard (best interest
    only)."""

    iacn_power: Power = 10.0
    """p, sharpness of the label-aware attention."""

    iacn_target: Literal["label", "distilled"] = "label"
    """label: the clicked item attends to the interests, as in the papers. distilled: the next interest is predicted
    from the history, with the clicked item as teacher (after TiMiRec, CIKM '22)."""

    iacn_relationship: Annotated[Literal["none", "detached", "joint"], Paper("none")] = "none"
    """Add the relationship score of the candidate and the user's interests to the backbone's logit, with a learned
    weight. detached: the main loss trains the weight alone; joint: also what the score consists of."""

    iacn_distillation_weight: Weight = 1.0
    """μ, weight of the distillation loss (distilled)."""

    iacn_distillation_temperature: Positive = 0.1
    """T, temperature of teacher and student (distilled)."""

    iacn_distillation_warmup: Natural = 1
    """Epochs before distillation starts (distilled)."""

    iacn_loss: Annotated[Literal["sampled_softmax", "bpr"], Paper("sampled_softmax")] = "sampled_softmax"
    """sampled_softmax: over the batch's targets and uniform negatives, corrected by how often each is a candidate
    (logQ). bpr: the target before each negative, without logQ; negatives are the batch's other targets, or, with
    iacn_negatives, these alone."""

    iacn_temperature: Positive = 0.05
    """Divides the scores of the loss."""

    iacn_negatives: Annotated[int, Ge(0), Cap(2**20)] = 0
    """Uniform negatives: of the sampled softmax in addition to the batch's own targets, of bpr in their place."""

    iacn_item_features: Literal["all"] | Columns = "all"
    """Token columns of the item table that also get an auxiliary embedding, mean-pooled into the item's; all: every
    loaded one; []: the item only."""

    iacn_user_profile: Columns = []
    """Token columns of the user table that form the user profile u_p."""


class Fields(Group):
    """DIN and DIEN"""

    user_fields: bool = False
    """Let the user's columns, except the user itself, and the context columns of the interactions join the input of the
    last layers (DIN_IaCN, DIEN_IaCN; DIEN reads the user's columns anyway). Context is what is known before the click:
    load no column that the click decides."""


class Speed(Group):
    """Speed"""

    sparse_embedding_rows: Annotated[Natural | None, Null("for never")] = 200000
    """Embedding tables of at least this many rows are updated by lazy Adam, only in the rows that a batch touched
    (learner adam without weight_decay and clip_grad_norm)."""

    amp_dtype: Literal["bfloat16", "float16"] | None = "bfloat16"
    """Data type of enable_amp; ~ is bfloat16."""

    pin_memory: Annotated[bool | None, Null("for True on a GPU")] = None
    """Keep batches in pinned memory, from which a GPU copies without waiting."""

    data_on_device: bool | None = False
    """Keep training rows, histories and negatives on the device that trains, where batches are gathered: for a GPU that
    has room for them; the log says how much the rows take."""

    tf32: bool | None = False
    """Let a GPU round the factors of float32 products to 10 bits."""

    torch_compile: bool | Annotated[str, Rule(bool, "the name of a backend")] | None = False
    """Compile the dense layers by torch.compile; True, or the name of its backend."""
