"""Hyper-parameters of RecBole's click models, SASRec and GRU4Rec. Each model's YAML file has the defaults."""

from typing import Annotated, Any, Literal

from annotated_types import MinLen

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
    Dropout,
    Number,
    Path,
    Repeats,
    Rule,
    Weight,
    Width,
    Widths,
)


class Backbones(Group):
    """Hyper-parameters of RecBole's models"""

    embedding_size: Width
    """D, width of embeddings."""

    mlp_hidden_size: Widths
    """Widths of the dense layers."""

    dropout_prob: Dropout
    """Dropout."""

    reg_weight: Weight
    """Weight of the L2 penalty on some of the model's parameters."""

    pooling_mode: Literal["mean", "max", "sum"]
    """How a list column becomes one vector."""

    attention_size: Width
    """Width of the attention."""

    n_layers: Repeats
    """Number of layers."""

    num_layers: Repeats
    """Number of layers of the GRU."""

    n_heads: Width
    """Number of attention heads; must divide hidden_size (SASRec)."""

    num_heads: Width
    """Number of attention heads; must divide attention_size."""

    hidden_size: Width
    """Width of the hidden state."""

    inner_size: Width
    """Width within a feed-forward layer."""

    hidden_dropout_prob: Dropout
    """Dropout of hidden layers."""

    attn_dropout_prob: Dropout
    """Dropout of attention weights."""

    dropout_probs: Annotated[list[Dropout], MinLen(1)]
    """AutoInt: dropout of the attention, of the dense layers and of their sum."""

    hidden_act: Literal["gelu", "relu", "swish", "tanh", "sigmoid"]
    """Activation of a feed-forward layer."""

    layer_norm_eps: Annotated[Number, Rule(lambda eps: 0 < eps <= 1, "a number in (0, 1]")]
    """Keeps layer normalisation from dividing by 0."""

    initializer_range: Annotated[Number, Rule(lambda std: 0 < std <= 1000, "a number in (0, 1000]")]
    """Standard deviation of initial weights."""

    loss_type: Literal["BPR", "CE"]
    """BPR: pairs; CE: softmax over all items, without train_neg_sample_args."""

    gru_type: Literal["GRU", "AIGRU", "AGRU", "AUGRU"]
    """DIEN: the GRU of interest evolution."""

    alpha: Number
    """DIEN: weight of the auxiliary loss of interests. KD_DAGFM: weight of distillation."""

    beta: Number
    """KD_DAGFM: weight of the click loss."""

    cross_layer_num: Repeats
    """DCN, DCNV2: number of cross layers."""

    mixed: bool
    """DCNV2: a mixture of experts in the cross network."""

    structure: Literal["stacked", "parallel"]
    """DCNV2: dense layers behind the cross network, or beside it."""

    expert_num: Width
    """DCNV2: number of experts."""

    low_rank: Width
    """DCNV2: rank of the experts' matrices."""

    double_tower: bool
    """DSSM: separate towers for user and item."""

    order_list: Widths
    """EulerNet: number of order vectors, layer by layer."""

    drop_ex: Dropout
    """EulerNet: dropout of explicit interactions."""

    drop_im: Dropout
    """EulerNet: dropout of implicit interactions."""

    apply_norm: bool
    """EulerNet: layer normalisation."""

    fields: dict[Any, list[Any]] | None
    """FFM, FwFM: fields by number, each with the names of its features; ~: each feature is a field."""

    use_inner: bool
    """PNN: inner products."""

    use_outer: bool
    """PNN: outer products."""

    direct: bool
    """xDeepFM: pass a CIN layer's whole output on."""

    cin_layer_size: Annotated[list[Annotated[Width, Rule(lambda size: size >= 2, "an integer >= 2")]], MinLen(1)]
    """xDeepFM: feature maps of the CIN layers, even numbers if direct is False."""

    depth: Repeats
    """KD_DAGFM: layers of the student."""

    t_depth: Repeats
    """KD_DAGFM: layers of the teacher."""

    t_cin: Widths
    """KD_DAGFM: feature maps of a teacher CIN."""


class TwoPenalties(Group):
    """HGN and SHAN only"""

    models = ("HGN", "SHAN")

    reg_weight: Annotated[list[Weight], MinLen(1)]
    """Weights of the L2 penalties."""


class CDAE(Group):
    """CDAE only"""

    models = ("CDAE",)

    loss_type: Literal["MSE", "BCE"]
    """Loss function."""


class KDDAGFM(Group):
    """KD_DAGFM only"""

    models = ("KD_DAGFM",)

    teacher: Literal["CrossNet", "CIN"]
    """Teacher network."""

    phase: Literal["teacher_training", "distillation", "finetuning"]
    """What is trained; the two later phases read warm_up."""

    type: Literal["inner", "outer"]
    """Interaction of the student."""

    warm_up: Path | Literal[""]
    """Checkpoint that the phase starts from."""
