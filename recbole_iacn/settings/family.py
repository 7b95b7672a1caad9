"""Settings of the multi-interest family: the shared ones, and each model's own; and those of the floors. Values that no
text explains are those of the TiMiRec paper's Beauty runs (CIKM '22)."""

from typing import Annotated, Literal

from annotated_types import Ge

from recbole_iacn.settings.general import Drawn, Loss, Rows
from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
    Cap,
    Count,
    Decay,
    Dropout,
    LogitStd,
    Names,
    Natural,
    Negatives,
    Null,
    Positive,
    Power,
    Rate,
    Repeats,
    Text,
    TopK,
    Weight,
    Width,
)

Positions = Literal["attention", "values", "none"]
Span = Annotated[int, Ge(0), Cap(2**20)]


class RankingProtocol(Group):
    """Protocol"""

    protocol: Text | None = "leave_one_out_sampled"
    """leave_one_out_sampled: rank among eval_negatives fixed items; leave_one_out_full: among all."""

    metrics: Names = ["Hit", "NDCG"]
    """RecBole's ranking metrics."""

    topk: TopK = [5, 10, 20]
    """Cutoffs k of the metrics."""

    valid_metric: Text = "NDCG@5"
    """The metric for early stopping and for the best checkpoint."""

    MAX_ITEM_LIST_LENGTH: Width = 20
    """History length L."""


class RankingLoss(Group):
    """Loss"""

    loss: Loss = "sampled_softmax"
    """bpr: the clicked item above one other, as in the TiMiRec paper; sampled_softmax: above train_negatives that the
    batch shares; softmax: above all items, in blocks, never all scores at once."""

    rows: Annotated[Rows | None, Null("for histories where they can be")] = None
    """prefixes: a row is a click, with what stands before it; histories: a row is a history of up to L clicks, each the
    target of those before it in the row, for models whose states look back only, on data without labels."""

    train_negatives: Count = 2048
    """sampled_softmax: number of items that all rows of a batch are ranked against, drawn with replacement."""

    train_negatives_from: Drawn = "uniform"
    """sampled_softmax: uniform, all items equally; popularity, in proportion to the number of times that each is a
    training target; batch, the batch's own targets."""

    logq_correction: bool = True
    """sampled_softmax: subtract from each score the logarithm of the item's probability to be among those drawn, which
    changes nothing where all items are drawn equally."""

    softmax_temperature: Positive = 1.0
    """sampled_softmax, softmax: what scores are divided by."""

    hard_negatives: Weight = 0.0
    """sampled_softmax: weigh each negative by exp(this times its score, divided by the temperature), so that those near
    the user's interest count more (REMI's interest-aware hard negatives); 0 for equal weights."""

    item_dropout_prob: Dropout = 0.0
    """Dropout of the items' table itself, in histories and among what they are ranked against; an item has the same one
    in all places of a batch. TiMiRec's predictor has a table of its own, which keeps all."""


class Training(Group):
    """Training"""

    train_batch_size: Count = 256
    """Rows per batch: clicks, or histories; of loss bpr each with one negative."""

    eval_batch_size: Count = 1024
    """Users per batch, at most; each is scored against all items. With many items a batch has fewer."""

    epochs: Count = 200
    """Maximum number of epochs."""

    stopping_step: Natural = 20
    """Patience of early stopping, in validations."""

    learning_rate: Rate = 0.001
    """Learning rate of Adam."""

    weight_decay: Decay = 0.000001
    """L2 penalty (coupled) on all weights except biases. It also reaches the rows that a batch did not touch."""

    sparse_embedding_rows: Annotated[Natural | None, Null("for never")] = None
    """Without lazy Adam, since weight_decay reaches all rows."""

    train_neg_sample_args: Negatives | None = {
        "distribution": "uniform",
        "sample_num": 1,
        "alpha": 1.0,
        "dynamic": False,
        "candidate_num": 0,
    }
    """bpr: one uniform negative per click, from outside the user's training items, drawn again in every epoch."""


class Counting(Group):
    """Training"""

    epochs: Count = 1
    """What is counted is counted once; more epochs change nothing."""

    eval_batch_size: Count = 1024
    """Users per batch, at most; each is scored against all items. With many items a batch has fewer."""


class MultiInterest(Group):
    """Model"""

    embedding_size: Width = 64
    """D, width of embeddings."""

    num_interests: Width = 4
    """K, number of interests."""

    interest_rounding: Annotated[Literal["ceil", "floor"] | None, Null("for num_interests, for every user")] = None
    """A user's own number of interests is log2 of the history's length, rounded, and at most num_interests."""

    interest_diversity: Literal["none", "routing", "cosine"] = "none"
    """A penalty beside the loss: routing, on interests that read few clicks (REMI's routing regularization); cosine, on
    a user's interests that have similar vectors. For models with several interests."""

    interest_diversity_weight: Weight = 0.1
    """Weight of the penalty, a mean over the rows; 0 for none."""


class MIND(Group):
    """A user's own number of interests is ⌈log2 |history|⌉, at most num_interests."""

    interest_rounding: Annotated[Literal["ceil", "floor"] | None, Null("for num_interests, for every user")] = "ceil"
    """Rounding of log2."""

    routing_iterations: Repeats = 3
    """Iterations of dynamic routing."""

    routing_logit_std: LogitStd = 0.3
    """Standard deviation of the fixed random initial routing logits."""

    routing_map_scale: Positive = 40.0
    """The bilinear map of the routing starts as this multiple of the identity."""

    softmax_temperature: Positive = 0.1
    """sampled_softmax, softmax: what scores are divided by. Routing squashes interests to a length below 1, so that
    undivided scores tell items apart only once their vectors are long."""

    label_attention: Literal["pow", "scale", "hard"] = "scale"
    """Label-aware attention in training: pow (of the scores), scale (softmax of p·x) or hard (best interest only)."""

    label_power: Power = 10.0
    """p, sharpness of the label-aware attention."""

    h_layer: bool = False
    """A ReLU layer of width 4D behind the capsules, as in the paper."""


class ComiRec(Group):
    extractor: Text = "sa"
    """sa: self-attention; dr: dynamic routing."""

    attention_size: Width = 8
    """sa: width of the attention's hidden layer."""

    interest_positions: Positions = "attention"
    """sa: where positions are added: attention, for its weights only; values, also to what it sums; none, nowhere."""

    routing_iterations: Repeats = 3
    """dr: iterations of dynamic routing."""


class REMI(Group):
    loss: Loss = "sampled_softmax"
    """The one loss that has hard negatives."""

    hard_negatives: Weight = 1.0
    """β: each negative weighs by exp(β times its score, divided by the temperature)."""

    interest_diversity: Literal["none", "routing", "cosine"] = "routing"
    """Routing regularization."""

    interest_diversity_weight: Weight = 0.1
    """Weight of the penalty."""


class Re4(Group):
    recontrast_weight: Weight = 0.001
    """Re-contrast: an interest is nearer to the behaviours that it reads most than to others; 0 for none. By
    .005 and more the first epochs on Beauty were slower, and planted interests were not found by .1."""

    recontrast_temperature: Positive = 0.02
    """What the cosines of re-contrast are divided by."""

    reattend_weight: Weight = 0.001
    """Re-attend: an interest reads its behaviours as the recommendation scores them; 0 for none."""

    reconstruct_weight: Weight = 0.1
    """Re-construct: the behaviours that an interest reads most can be told from it; 0 for none."""


class Plus(Group):
    attention_size: Width = 8
    """Width of the attention's hidden layer."""

    interest_positions: Positions = "attention"
    """Where positions are added: attention, for the weights of both attentions only; values, also to what they sum, as
    in the paper; none, nowhere."""

    dropout_prob: Dropout = 0.0
    """Dropout of the transformer block."""

    learning_rate: Rate = 0.0001
    """Learning rate of Adam."""


class Distilled(Group):
    stages: Literal["two", "joint", "extractor_twice"] = "two"
    """two: first the extractor, then both; joint: both from the start; extractor_twice: the extractor alone, twice."""

    distillation_temperature: Positive = 0.1
    """T, temperature of teacher and student."""

    distillation_weight: Weight = 1.0
    """Weight of T²·KL beside the loss; 0 for no distillation."""

    stop_gradient: bool = True
    """Keep the teacher from learning from its student."""

    predictor_layers: Literal[1, 2] = 1
    """Number of layers of the predictor."""


class TiMiRec(Group):
    attention_size: Width = 8
    """Width of the attention's hidden layer."""

    interest_positions: Positions = "attention"
    """Where positions are added: attention, for its weights only; values, also to what it sums, as in the paper; none,
    nowhere."""

    learning_rate: Rate = 0.001
    """Learning rate of Adam, in both stages."""


class TiSASRec(Group):
    time_span: Span = 256
    """Longer intervals are clipped to this value, in units of a history's shortest interval; 0 makes all of them 0, the
    model's own control."""

    n_layers: Repeats = 1
    """Number of blocks."""

    n_heads: Width = 1
    """Number of attention heads; must divide embedding_size."""

    dropout_prob: Dropout = 0.0
    """Dropout of embeddings and blocks."""

    learning_rate: Rate = 0.0001
    """Learning rate of Adam."""


class ESASRec(Group):
    train_batch_size: Count = 128
    """Rows per batch: histories, or clicks with rows: prefixes."""

    n_layers: Repeats = 1
    """Number of blocks."""

    n_heads: Width = 1
    """Number of attention heads; must divide embedding_size."""

    inner_widening: Annotated[int, Ge(1), Cap(64)] = 4
    """Width of the feed-forward network, in multiples of embedding_size."""

    dropout_prob: Dropout = 0.2
    """Dropout of behaviours, attention weights and both branches of a block."""

    item_dropout_prob: Dropout = 0.2
    """Dropout of the items' table itself, in histories and among what they are ranked against."""

    weight_decay: Decay = 0.0
    """None, as in the paper: dropout takes its place."""
