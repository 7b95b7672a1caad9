"""ComiRec by BPR, written a second time, with nothing of this package: are table 2's figures on MovieLens its fault?

    python benchmarks/comirec_alone.py --data_path dataset --dataset ml-1m
    python benchmarks/comirec_alone.py --data_path dataset --dataset ml-1m --num_interests 1

Model and training of experiments/timirec_movielens.yaml in plain PyTorch: histories of 20, vectors of 64, self-
attention of width 8 with positions in its weights, per click one uniform negative that the user never clicks, Adam
with weight decay but on biases, first weights from N(0, .01). Each user's last click tests and the one before
validates, among 1,000 others. It ends after 20 epochs without a better NDCG@5 on validation, prints each epoch's
figures, and takes a GPU where there is one.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

LENGTH, SIZE, WIDTH, CANDIDATES, PATIENCE = 20, 64, 8, 1000, 20


def sequences(path):
    """Each user's items in order, numbered from 1, and the number of items with the padding's 0."""
    clicks = pd.read_csv(path, sep="\t").sort_values(["user_id:token", "timestamp:float"], kind="stable")
    numbers, items = pd.factorize(clicks["item_id:token"], sort=True)
    of_users = pd.Series(numbers + 1).groupby(clicks["user_id:token"].to_numpy())
    return [part.to_numpy(copy=True) for _, part in of_users], len(items) + 1


def row(sequence, place):
    """What stands before a place, padded, and the item there."""
    history = sequence[max(0, place - LENGTH) : place]
    return np.pad(history, (0, LENGTH - len(history))), sequence[place]


class ComiRec(torch.nn.Module):
    """Self-attentive interests (Cen et al., KDD 2020): weights over positions from W2 tanh(W1 (x + p))."""

    def __init__(self, n_items, num_interests):
        super().__init__()
        self.items = torch.nn.Embedding(n_items, SIZE)
        self.places = torch.nn.Embedding(LENGTH + 1, SIZE)
        self.hidden = torch.nn.Linear(SIZE, WIDTH)
        self.heads = torch.nn.Linear(WIDTH, num_interests)
        for weight in self.parameters():
            torch.nn.init.normal_(weight, std=0.01)

    def forward(self, history):
        """Interests (B, K, D) of histories (B, L)."""
        real = history > 0
        places = (real.sum(1, keepdim=True) - torch.arange(LENGTH, device=history.device)) * real  # the newest is 1
        clicks = self.items(history)
        logits = self.heads(torch.tanh(self.hidden(clicks + self.places(places))))
        return logits.masked_fill(~real[..., None], -1e9).softmax(1).transpose(1, 2) @ clicks


def bpr(model, history, clicked, other):
    """The loss by the interest that is nearest to the clicked item."""
    interests, clicked, other = model(history), model.items(clicked), model.items(other)
    nearest = torch.einsum("bkd,bd->bk", interests, clicked).argmax(1)
    user = interests[torch.arange(len(nearest), device=history.device), nearest]
    return F.softplus(-(user * (clicked - other)).sum(1)).mean()


@torch.no_grad()
def ranks(model, history, clicked, others):
    """The rank of each clicked item among the others, from 0, by the best interest of each item; ties count half."""
    found = []
    for rows in zip(history.split(512), clicked.split(512), others.split(512), strict=True):
        items = model.items(torch.cat([rows[1][:, None], rows[2]], 1))
        score = torch.einsum("bkd,bnd->bkn", model(rows[0]), items).amax(1)
        found.append((score[:, 1:] > score[:, :1]).sum(1) + 0.5 * (score[:, 1:] == score[:, :1]).sum(1))
    return torch.cat(found)


def ndcg(ranks, k):
    """NDCG@k of one clicked item per user."""
    return (torch.where(ranks < k, 1 / torch.log2(ranks + 2), 0.0)).mean().item()


def negatives(clicked_by, users, n_items):
    """One item per row that its user never clicks."""
    drawn = torch.randint(1, n_items, users.shape, device=users.device)
    while (bad := clicked_by[users, drawn]).any():
        drawn[bad] = torch.randint(1, n_items, (int(bad.sum()),), device=users.device)
    return drawn


class Data:
    """All clicks as training rows, and each user's last two with their candidates.

    Attributes: ``rows``, users, histories (B, L) and clicked items; ``valid`` and ``test``, histories, clicked items
    and candidates; ``clicked_by`` (users, items), which no negative may be of; ``n_items``.
    """

    def __init__(self, path, seed, device):
        everyone, self.n_items = sequences(path)
        self.clicked_by = torch.zeros(len(everyone), self.n_items, dtype=torch.bool)
        self.clicked_by[:, 0] = True
        for user, one in enumerate(everyone):
            self.clicked_by[user, one] = True
        rows = [(user, *row(one, place)) for user, one in enumerate(everyone) for place in range(1, len(one) - 2)]
        self.rows = stacked(rows, device)
        rng = np.random.default_rng(seed)
        free = [np.flatnonzero(~clicked) for clicked in self.clicked_by.numpy()]
        self.valid, self.test = (
            stacked(
                [(*row(one, len(one) - back), rng.choice(free[user], CANDIDATES)) for user, one in enumerate(everyone)],
                device,
            )
            for back in (2, 1)
        )
        self.clicked_by = self.clicked_by.to(device)


def stacked(rows, device):
    """One tensor per column."""
    return tuple(torch.as_tensor(np.stack(column), device=device) for column in zip(*rows, strict=True))


def optimizer_of(model, given):
    """Adam, whose weight decay leaves out biases."""
    parts = {True: [], False: []}
    for name, weight in model.named_parameters():
        parts[name.endswith("bias")].append(weight)
    groups = [{"params": parts[False], "weight_decay": given.weight_decay}, {"params": parts[True]}]
    return torch.optim.Adam(groups, lr=given.learning_rate, fused=True)


def train(model, optimizer, data, batch):
    """One epoch."""
    users, histories, clicked = data.rows
    others = negatives(data.clicked_by, users, data.n_items)
    for some in torch.randperm(len(users), device=users.device).split(batch):
        loss = bpr(model, histories[some], clicked[some], others[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset")
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--num_interests", type=int, default=4)
    parser.add_argument("--learning_rate", type=float, default=0.001)
    parser.add_argument("--weight_decay", type=float, default=1e-6)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=2020)
    given = parser.parse_args()
    path = Path(given.data_path) / given.dataset / f"{given.dataset}.inter"
    if not path.is_file():
        parser.error(f"--data_path, --dataset: {path} is missing")
    for name in ("num_interests", "batch"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}={getattr(given, name)} must be 1 or more")
    torch.manual_seed(given.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = Data(path, given.seed, device)
    model = ComiRec(data.n_items, given.num_interests).to(device)
    optimizer = optimizer_of(model, given)
    best, waited, epoch = -1.0, 0, 0
    while waited < PATIENCE:
        start, epoch = time.perf_counter(), epoch + 1
        train(model, optimizer, data, given.batch)
        validated, place = ndcg(ranks(model, *data.valid), 5), ranks(model, *data.test)
        waited = 0 if validated > best else waited + 1
        best = max(best, validated)
        hit = (place < 10).float().mean().item()
        print(
            f"epoch {epoch}: validation NDCG@5 {validated:.4f}{'' if waited else ', best so far'}; "
            f"test HR@10 {hit:.4f}, NDCG@10 {ndcg(place, 10):.4f}; {time.perf_counter() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
