"""The transformer block against PyTorch's."""

import numpy as np
import pytest
import torch
from oracle import numpy_of, softmax

from recbole_iacn.nn.transformer import TransformerBlock

B, L, D = 5, 6, 4
LENGTHS = (6, 4, 3, 2, 1)


@pytest.fixture
def rows():
    torch.manual_seed(1)
    mask = torch.arange(L) < torch.tensor(LENGTHS).unsqueeze(1)
    return torch.randn(B, L, D), mask


@pytest.mark.parametrize("heads", [1, 2])
def test_the_block_is_pytorchs_encoder_layer_at_real_positions(rows, heads):
    behaviors, mask = rows
    block = TransformerBlock(D, heads)
    peer = torch.nn.TransformerEncoderLayer(D, heads, dim_feedforward=D, dropout=0.0, batch_first=True)
    ours, theirs = block.state_dict(), peer.state_dict()
    names = {
        "self_attn.in_proj_": "projection.",
        "linear1.": "hidden.",
        "linear2.": "back.",
        "norm1.": "attention_norm.",
        "norm2.": "forward_norm.",
    }
    torch.nn.init.eye_(theirs["self_attn.out_proj.weight"])  # ours has no output projection
    torch.nn.init.zeros_(theirs["self_attn.out_proj.bias"])
    for own, other in {v: k for k, v in names.items()}.items():
        for part in ("weight", "bias"):
            torch.nn.init.normal_(theirs[other + part])
            ours[own + part].copy_(theirs[other + part])
    wanted = peer(behaviors, src_key_padding_mask=~mask)
    found = block(behaviors, mask)
    assert torch.allclose(found[mask], wanted[mask], atol=1e-5) and not found[~mask].any()


def test_positions_are_added_to_queries_and_keys_only(rows):
    """By NumPy: queries and keys of X + P, values of X, and the residual branch is added to X."""
    behaviors, mask = rows
    block, places = TransformerBlock(D), torch.randn(B, L, D)
    for norm in (block.attention_norm, block.forward_norm):
        torch.nn.init.normal_(norm.weight)
    found, w = block(behaviors, mask, places).detach().numpy(), numpy_of(block)

    def normalised(x, name):
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    for row, length in enumerate(LENGTHS):
        x, p = (part[row, :length].double().numpy() for part in (behaviors, places))
        query, key, value = (
            part @ weight.T + bias
            for part, weight, bias in zip(
                (x + p, x + p, x), np.split(w["projection.weight"], 3), np.split(w["projection.bias"], 3)
            )
        )
        y = normalised(x + softmax(query @ key.T / np.sqrt(D), axis=1) @ value, "attention_norm")
        hidden = np.maximum(y @ w["hidden.weight"].T + w["hidden.bias"], 0)
        wanted = normalised(y + hidden @ w["back.weight"].T + w["back.bias"], "forward_norm")
        assert np.allclose(found[row, :length], wanted, atol=1e-5) and not found[row, length:].any()
