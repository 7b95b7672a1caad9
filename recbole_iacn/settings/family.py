"""Settings of the multi-interest family: what all share, and each model's own. Values are those of the TiMiRec paper's
Beauty runs (CIKM '22)."""

from typing import Annotated, Literal

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
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
    Rows,
    Text,
    TopK,
    Weight,
    Width,
)

Positions = Literal["attention", "values", "none"]


class RankingProtocol(Group):
    """Protocol"""

    protocol: Text | None = "leave_one_out_sampled"
    """leave_one_out_sampled: ranked among eval_negatives fixed items; leave_one_out_full: among all."""

    metrics: Names = ["Hit", "NDCG"]
    """RecBole's ranking metrics."""

    topk: TopK = [5, 10, 20]
    """Cutoffs k of the metrics."""

    valid_metric: Text = "NDCG@5"
    """What early stopping and the best checkpoint go by."""

    MAX_ITEM_LIST_LENGTH: Width = 20
    """History length L."""


class Training(Group):
    """Training"""

    train_batch_size: Count = 256
    """Clicks per batch, each with one negative."""

    eval_batch_size: Count = 1024
    """Users per batch; each is scored against all items."""

    epochs: Count = 200
    """At most."""

    stopping_step: Natural = 20
    """Patience of early stopping, in validations."""

    learning_rate: Rate = 0.001
    """Adam's."""

    weight_decay: Decay = 0.000001
    """Coupled; biases are left out. It reaches the rows that a batch did not touch, too."""

    sparse_embedding_rows: Annotated[Natural | None, Null("for never")] = None
    """No lazy Adam, for that reason."""

    train_neg_sample_args: Negatives | None = {
        "distribution": "uniform",
        "sample_num": 1,
        "alpha": 1.0,
        "dynamic": False,
        "candidate_num": 0,
    }
    """BPR: one uniform negative per click, from outside the user's training items, drawn anew in every epoch."""


class MultiInterest(Group):
    """Model"""

    embedding_size: Width = 64
    """D."""

    num_interests: Width = 4
    """K."""


class MIND(Group):
    """The user's own number of interests: ⌈log2 |history|⌉, at most num_interests."""

    interest_rounding: Literal["ceil", "floor"] = "ceil"
    """Rounding of log2."""

    routing_iterations: Repeats = 3
    """Iterations of dynamic routing."""

    routing_logit_std: LogitStd = 0.3
    """Spread of the fixed random initial routing logits."""

    routing_map_scale: Positive = 40.0
    """The bilinear map of the routing starts as this multiple of the identity."""

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
    """sa: what has positions: attention, its weights alone; values, what it adds up, too; none."""

    routing_iterations: Repeats = 3
    """dr: iterations of dynamic routing."""


class Plus(Group):
    attention_size: Width = 8
    """Width of the attention's hidden layer."""

    interest_positions: Positions = "attention"
    """What has positions: attention, the weights of both attentions alone; values, what they add up, too, as in the
    paper; none."""

    dropout_prob: Dropout = 0.0
    """Dropout of the transformer block."""

    learning_rate: Rate = 0.0001
    """Adam's."""


class Distilled(Group):
    stages: Literal["two", "joint", "extractor_twice"] = "two"
    """two: extractor, then both; joint: both from the start; extractor_twice: the extractor alone, twice."""

    distillation_temperature: Positive = 0.1
    """T, of teacher and student."""

    distillation_weight: Weight = 1.0
    """Weight of T²·KL beside BPR; 0 for no distillation."""

    stop_gradient: bool = True
    """The teacher does not learn from its student."""

    predictor_layers: Literal[1, 2] = 1
    """Layers of the predictor."""


class TiMiRec(Group):
    attention_size: Width = 8
    """Width of the attention's hidden layer."""

    interest_positions: Positions = "attention"
    """What has positions: attention, its weights alone; values, what it adds up, too, as in the paper; none."""

    learning_rate: Rate = 0.001
    """Adam's, in both stages."""


class TiSASRec(Group):
    time_span: Rows = 256
    """The longest interval that is told from longer ones, in units of a history's shortest."""

    n_layers: Repeats = 1
    """Blocks."""

    n_heads: Width = 1
    """Attention heads; they divide embedding_size."""

    dropout_prob: Dropout = 0.0
    """Dropout of embeddings and blocks."""

    learning_rate: Rate = 0.0001
    """Adam's."""
