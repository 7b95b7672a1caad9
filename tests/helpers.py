"""What several test modules share: small data of known structure, and models set beside each other."""

import numpy as np

# RecBole's click-through-rate models that have a class of ours.
BACKBONES = [
    *("DIN", "DIEN", "WideDeep", "DeepFM", "DCN", "DCNV2", "xDeepFM", "AutoInt", "PNN", "NFM", "AFM", "FM", "FFM"),
    *("FNN", "FwFM", "FiGNN", "EulerNet", "DSSM", "KD_DAGFM"),
]


def write_atomic(folder, name="tiny", users=60, items=40, clusters=4, events=9, seed=0):
    """Users who click within two of a few item clusters; empty cells among categories and ages."""
    rng = np.random.default_rng(seed)
    target = folder / name
    target.mkdir(parents=True)
    cluster = np.arange(items) % clusters
    lines = ["user_id:token\titem_id:token\ttimestamp:float\trating:float"]
    for user in range(users):
        liked = rng.choice(clusters, size=2, replace=False)
        choices = np.flatnonzero(np.isin(cluster, liked))
        count = min(events, len(choices) - 1)
        for step, item in enumerate(rng.permutation(choices)[:count]):
            lines.append(f"u{user}\ti{item}\t{1_400_000_000 + 100 * step + user}\t{1 + step % 5}")
    (target / f"{name}.inter").write_text("\n".join(lines) + "\n")
    rows = ["item_id:token\tcategories:token_seq"]
    rows += [f"i{item}\t{'' if item % 11 == 0 else f'c{cluster[item]} all'}" for item in range(items)]
    (target / f"{name}.item").write_text("\n".join(rows) + "\n")
    rows = ["user_id:token\tage:token"] + [f"u{user}\t{'' if user % 7 == 0 else user % 3}" for user in range(users)]
    (target / f"{name}.user").write_text("\n".join(rows) + "\n")
    return folder


def give_same_weights(ours, stock):
    """One seed has given both the same start; now random weights of a size that every part feels."""
    import torch

    for name, weight in stock.state_dict().items():
        assert torch.equal(weight, ours.state_dict()[name]), name
    give_other_weights(stock)
    ours.load_state_dict(stock.state_dict())


def give_other_weights(model):
    """Random ones, far from those of the start."""
    import torch

    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)


def assert_computes_the_same(ours, stock, batch, tolerance):
    """Equal losses, gradients and scores."""
    import torch

    loss, stock_loss = ours.calculate_loss(batch), stock.calculate_loss(batch)
    assert torch.allclose(loss, stock_loss, atol=tolerance)
    loss.backward()
    stock_loss.backward()
    gradients = dict(stock.named_parameters())
    for name, parameter in ours.named_parameters():
        if gradients[name].grad is not None:
            assert torch.allclose(parameter.grad, gradients[name].grad, atol=tolerance), name
    stock.eval(), ours.eval()
    assert torch.allclose(ours.predict(batch), stock.predict(batch), atol=tolerance)
