"""The interest-aware capsule network and its parts, in plain PyTorch.

Nothing here knows RecBole: every module takes and returns tensors and can be used in any training loop.
Shapes are given with one set of letters: B batch, L history length, K interests, D embedding size,
N negatives, P positive rows.
"""

from recbole_iacn.nn.attention import LabelAwareAttention
from recbole_iacn.nn.capsule import BehaviorToInterestRouting, interest_count, squash
from recbole_iacn.nn.gradient import mix_gradient
from recbole_iacn.nn.interest import InterestAwareNetwork
from recbole_iacn.nn.sampled_softmax import expected_log_count, sampled_softmax_loss

__all__ = [
    "BehaviorToInterestRouting",
    "InterestAwareNetwork",
    "LabelAwareAttention",
    "expected_log_count",
    "interest_count",
    "mix_gradient",
    "sampled_softmax_loss",
    "squash",
]
