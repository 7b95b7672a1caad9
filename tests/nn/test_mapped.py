"""The task's extractors: each computed again by NumPy, one row at a time, without padding."""

import numpy as np
import pytest
import torch
from oracle import numpy_of, softmax

from recbole_iacn.nn.capsule import interest_count
from recbole_iacn.nn.mapped import MappedAttention, MappedBlock, MappedMean, MappedNewest, MappedState

B, L, K, D = 5, 6, 3, 4
LENGTHS = [6, 4, 2, 1, 0]
ONE = [MappedMean, MappedNewest, MappedState]
SEVERAL = [MappedAttention, MappedBlock]


def made(kind, **options):
    """With other weights than at the start, of a size that every part feels."""
    torch.manual_seed(1)
    extractor = kind(D, K, L, **options)
    for parameter in extractor.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return extractor.eval()


@pytest.fixture
def rows():
    torch.manual_seed(0)
    return torch.randn(B, L, D), torch.arange(L) < torch.tensor(LENGTHS).unsqueeze(1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normed(x, weight, bias):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) * weight + bias


def state_oracle(w, x):
    """PyTorch's GRU, from its documentation."""
    h = np.zeros(D)
    for e in x:
        i = w["gru.weight_ih_l0"] @ e + w["gru.bias_ih_l0"]
        s = w["gru.weight_hh_l0"] @ h + w["gru.bias_hh_l0"]
        r, z = sigmoid(i[:D] + s[:D]), sigmoid(i[D : 2 * D] + s[D : 2 * D])
        h = (1 - z) * np.tanh(i[2 * D :] + r * s[2 * D :]) + z * h
    return h


def block_oracle(w, x, places):
    """One head: queries and keys see the positions, values do not."""
    of = {name.removeprefix("attentive.block."): value for name, value in w.items() if ".block." in name}
    query, key, _ = np.split((x + places) @ of["projection.weight"].T + of["projection.bias"], 3, axis=1)
    value = np.split(x @ of["projection.weight"].T + of["projection.bias"], 3, axis=1)[2]
    mixed = softmax(query @ key.T / np.sqrt(D), axis=1) @ value
    x = normed(x + mixed, of["attention_norm.weight"], of["attention_norm.bias"])
    hidden = np.maximum(x @ of["hidden.weight"].T + of["hidden.bias"], 0)
    return normed(
        x + hidden @ of["back.weight"].T + of["back.bias"], of["forward_norm.weight"], of["forward_norm.bias"]
    )


def attention_oracle(w, x, block):
    """Interests before M, and attention (L, K)."""
    places = w["attentive.position_embedding.weight"][len(x) - np.arange(len(x))]
    if block:
        x = block_oracle(w, x, places)
    hidden = np.tanh((x + places) @ w["attentive.hidden.weight"].T + w["attentive.hidden.bias"])
    scores = hidden @ w["attentive.scores.weight"].T + w["attentive.scores.bias"]
    return softmax(scores, axis=0).T @ x, softmax(scores, axis=0)


SUMMARIES = {
    MappedMean: lambda w, x: x.mean(axis=0, keepdims=True),
    MappedNewest: lambda w, x: x[-1:],
    MappedState: lambda w, x: state_oracle(w, x)[None],
    MappedAttention: lambda w, x: attention_oracle(w, x, block=False)[0],
    MappedBlock: lambda w, x: attention_oracle(w, x, block=True)[0],
}


@pytest.mark.parametrize("kind", SUMMARIES)
def test_interests_by_numpy(rows, kind):
    behaviors, mask = rows
    extractor = made(kind, **({"rounding": None} if kind in SEVERAL else {}))
    weights, (interests, active) = numpy_of(extractor), extractor(behaviors, mask)
    assert interests.shape == (B, K if kind in SEVERAL else 1, D) and active.shape == interests.shape[:2]
    for row, length in enumerate(LENGTHS[:-1]):
        wanted = SUMMARIES[kind](weights, behaviors[row, :length].double().numpy()) @ weights["bilinear"].T
        np.testing.assert_allclose(interests[row].detach(), wanted, atol=2e-5)
    assert active.all() and not interests[-1].any()  # of an empty history


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("rounding", ["ceil", "floor"])
def test_a_user_has_as_many_interests_as_the_history_warrants(rows, kind, rounding):
    """Those that a user lacks are zero vectors, and no behaviour belongs to them; the others are the same as if the
    user had all. Couplings are the attention, divided by its sum over a user's own interests."""
    behaviors, mask = rows
    extractor, every = made(kind, rounding=rounding), made(kind, rounding=None)
    interests, active, couplings = extractor(behaviors, mask, return_couplings=True)
    assert active.sum(dim=1).tolist() == interest_count(torch.tensor(LENGTHS), K, rounding).tolist()
    assert set(active.sum(dim=1).tolist()) == {"ceil": {3, 2, 1}, "floor": {2, 1}}[rounding]
    assert not interests[~active].any()
    torch.testing.assert_close(interests[active], every(behaviors, mask)[0][active])
    weights = numpy_of(extractor)
    for row, length in enumerate(LENGTHS[:-1]):
        x, own = behaviors[row, :length].double().numpy(), active[row].numpy()
        attention = attention_oracle(weights, x, kind is MappedBlock)[1] * own
        wanted = attention / attention.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(couplings[row, :length].detach(), wanted, atol=1e-5)
    assert not couplings[~mask].any()


@pytest.mark.parametrize("kind", ONE)
def test_all_clicks_belong_to_the_one_interest(rows, kind):
    behaviors, mask = rows
    assert torch.equal(made(kind)(behaviors, mask, return_couplings=True)[2], mask.unsqueeze(2).float())


@pytest.mark.parametrize("kind", SUMMARIES)
def test_more_padding_and_what_stands_in_it_change_nothing(rows, kind):
    behaviors, mask = rows
    extractor = made(kind)
    full = extractor(behaviors, mask, return_couplings=True)
    other = torch.where(mask.unsqueeze(2), behaviors, torch.full_like(behaviors, 9.0))
    for one, two in zip(extractor(other, mask, return_couplings=True), full):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)
    short = extractor(behaviors[1:, :4], mask[1:, :4], return_couplings=True)
    torch.testing.assert_close(short[0], full[0][1:], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(short[2], full[2][1:, :4], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "options", "same"),
    [
        (MappedMean, {}, True),
        (MappedNewest, {}, False),
        (MappedState, {}, False),
        (MappedAttention, {}, False),
        (MappedAttention, {"positions": "none"}, True),
        (MappedBlock, {}, False),
        (MappedBlock, {"positions": "none"}, True),
    ],
)
def test_whether_the_order_matters(rows, kind, options, same):
    behaviors, mask = rows
    extractor, order = made(kind, **options), [3, 5, 0, 4, 2, 1]
    found = extractor(behaviors[:1, order], mask[:1])[0]
    assert torch.allclose(found, extractor(behaviors[:1], mask[:1])[0], atol=1e-5) == same


@pytest.mark.parametrize("kind", SUMMARIES)
def test_the_start_follows_the_seed_and_the_scale(rows, kind):
    """A small history's interests are the scale times what they are at a scale of 1, and of the routing's size: of
    behaviours of a size of .01, none starts with an interest that all users share."""
    behaviors, mask = rows[0] * 0.01, rows[1]
    starts = []
    for scale in (1.0, 40.0, 40.0):
        torch.manual_seed(3)
        starts.append(kind(D, K, L, map_scale=scale).eval()(behaviors, mask)[0].detach())
    one, forty, again = starts
    assert torch.equal(forty, again)
    torch.testing.assert_close(forty, 40 * one, rtol=1e-5, atol=1e-7)
    first = forty[:4, 0]
    assert 0.05 < torch.linalg.vector_norm(first, dim=1).mean() < 2
    apart = torch.linalg.vector_norm(first - first.mean(dim=0), dim=1) / torch.linalg.vector_norm(first, dim=1)
    assert apart.mean() > 0.3


@pytest.mark.parametrize("kind", SUMMARIES)
def test_gradcheck(rows, kind):
    extractor, mask = made(kind).double(), rows[1][1:4, :4]
    behaviors = rows[0][1:4, :4].double().requires_grad_()
    names, weights = zip(*extractor.named_parameters())

    def interests(behaviors, *weights):
        return torch.func.functional_call(extractor, dict(zip(names, weights)), (behaviors, mask))[0]

    assert torch.autograd.gradcheck(interests, (behaviors, *weights))


@pytest.mark.parametrize("kind", SUMMARIES)
def test_a_batch_of_empty_histories_has_a_gradient(kind):
    behaviors = torch.randn(2, L, D, requires_grad=True)
    interests, active = made(kind)(behaviors, torch.zeros(2, L, dtype=torch.bool))
    interests.sum().backward()
    assert not interests.any() and active[:, 0].all() and not behaviors.grad.any()


@pytest.mark.parametrize("kind", SEVERAL)
def test_a_wrong_rounding_is_rejected(kind):
    with pytest.raises(ValueError, match=r"rounding must be one of .* or None, got 'up'"):
        kind(D, K, L, rounding="up")


def test_a_recurrent_start_sums_the_history():
    """Of behaviours as small as embeddings each step back counts half, and the newest half of itself."""
    torch.manual_seed(3)
    behaviors = 1e-3 * torch.randn(4, 9, 16)
    extract = MappedState(16, 1, 9)
    found = extract(behaviors, torch.ones(4, 9, dtype=torch.bool))[0].squeeze(1)
    wanted = 40 * (behaviors * 0.5 ** torch.arange(9, 0, -1).view(1, 9, 1)).sum(dim=1)
    assert torch.allclose(found, wanted, atol=1e-3 * wanted.abs().max())
