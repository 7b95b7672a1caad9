"""Do several interests pay where it is known how many there are? The data of experiments/planted.yaml, and the
auxiliary network alone on them, as retrieval.

    python benchmarks/planted.py --data_path dataset                # writes planted-1, -2, -3, -4 and -8
    python benchmarks/planted.py --study 3 --embedding_size 8       # trains the network by itself, K = 1 and 4

Of 24 clusters of 24 items every user likes 1, 2, 3, 4 or 8, and clicks 21 items of these in random order, one in twenty
of any cluster. All clusters are equally popular, and no item says which it is of. The second form prints for every
variant of the network, trained by the sampled softmax alone on all prefixes: recall@20 and AUC of ``max_k v_k e`` on
each user's last click, among all items that the user has not clicked; the training loss; and, against the planted
clusters, the adjusted mutual information (AMI) of each click's strongest interest and of k-means of the embedding.
"""

import argparse

import numpy as np
import torch
from torch import nn

from recbole_iacn.data.synthetic import PlantedInterests
from recbole_iacn.interests.agreement import adjusted_mutual_information
from recbole_iacn.nn import InterestAwareNetwork, expected_log_count
from recbole_iacn.nn.mapped import MappedMean

INTERESTS = (1, 2, 3, 4, 8)
LENGTH = 20
VARIANTS = {
    "mean": {"extractor": MappedMean, "num_interests": 1},
    "K 1": {"num_interests": 1},
    "K 2": {"num_interests": 2},
    "K 4": {"num_interests": 4},
    "K 8, at most log2": {"num_interests": 8},
    "K 8, for all": {"num_interests": 8, "rounding": None},
    "K 4, 1 iteration": {"num_interests": 4, "iterations": 1},
    "K 4, 10 iterations": {"num_interests": 4, "iterations": 10},
    "K 4, logits' spread .05": {"num_interests": 4, "logit_std": 0.05},
    "K 4, logits' spread 1": {"num_interests": 4, "logit_std": 1.0},
    "K 4, map from 10": {"num_interests": 4, "map_scale": 10.0},
    "K 4, map from 100": {"num_interests": 4, "map_scale": 100.0},
    "K 4, hard attention": {"num_interests": 4, "attention": "hard"},
    "K 4, power 1": {"num_interests": 4, "power": 1.0},
    "K 4, power 0": {"num_interests": 4, "power": 0.0},
    "K 4, temperature .2": {"num_interests": 4, "temperature": 0.2},
}


def planted(interests, users=2000):
    """The data in which every user has so many interests."""
    return PlantedInterests(users, clusters=24, items_per_cluster=24, interests=interests, events=21, noise=0.05)


def histories(clicks, target):
    """Histories before the click at a place, (users, L), and that click; item i has id i + 1."""
    rows = np.zeros((len(clicks), LENGTH), dtype=np.int64)
    rows[:, :target] = clicks[:, :target] + 1
    return torch.from_numpy(rows), torch.from_numpy(clicks[:, target] + 1)


def train(data, size, seed, epochs, **variant):
    """Figures of a variant, of the epoch that is best on the click before the last."""
    torch.manual_seed(seed)
    items = len(data.cluster) + 1
    table = nn.Embedding(items, size, padding_idx=0)
    nn.init.normal_(table.weight[1:], std=0.01)
    if "extractor" in variant:
        variant["extractor"] = variant["extractor"](size, 1, LENGTH)
    network = InterestAwareNetwork(size, LENGTH, **variant)
    optimizer = torch.optim.Adam([*table.parameters(), *network.parameters()], lr=0.003)
    last = data.clicks.shape[1] - 1
    history, target = (torch.cat(part) for part in zip(*(histories(data.clicks, n) for n in range(1, last - 1))))
    frequency = torch.bincount(target, minlength=items).float()
    best = {"valid": -1.0}
    for _ in range(epochs):
        losses = []
        for some in torch.randperm(len(target)).split(1024):
            clicked = target[some]
            log_count = expected_log_count(frequency, clicked, len(clicked), 0)
            behaviors, mask = table(history[some]), history[some] != 0
            loss = network.loss(behaviors, mask, table(clicked), clicked, log_count)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        valid = figures(data, table, network, last - 1)["auc"]
        if valid > best["valid"]:
            best = {"valid": valid, "loss": float(np.mean(losses)), **figures(data, table, network, last)}
    return best


@torch.no_grad()
def figures(data, table, network, target):
    """Retrieval of the clicks at a place, and agreement with the clusters."""
    from sklearn.cluster import KMeans

    history, clicked = histories(data.clicks, target)
    interests, active = network.interests(table(history), history != 0)
    scores = torch.einsum("bkd,nd->bkn", interests, table.weight).masked_fill(~active.unsqueeze(2), -1e9).amax(dim=1)
    scores.scatter_(1, history, -1e9)
    scores[:, 0] = -1e9
    own = scores.gather(1, clicked.unsqueeze(1))
    above = (scores > own).sum(dim=1) + ((scores == own).sum(dim=1) - 1) / 2
    others = (scores > -1e9).sum(dim=1) - 1
    found = {"recall@20": (above < 20).float().mean().item(), "auc": 1 - (above / others).mean().item()}
    directions = nn.functional.normalize(table.weight[1:]).numpy()
    groups = KMeans(data.clusters, n_init=1, random_state=0).fit(directions).labels_
    found["ami items"] = adjusted_mutual_information(groups[None], data.cluster[None]).item()
    if network.extractor.__class__.__name__ == "BehaviorToInterestRouting":
        couplings = network.extractor(table(history), history != 0, return_couplings=True)[2].argmax(dim=2).numpy()
        real = (history != 0).numpy()
        clusters = np.where(real, data.cluster[(history - 1).clamp_min(0)], -1)
        agreement = adjusted_mutual_information(np.where(real, couplings, -1), clusters)
        found["ami clicks"] = float(np.nanmean(agreement))
    return found


def study(interests, size, seeds, epochs, names):
    """Print the figures of variants, means over seeds."""
    data = planted(interests)
    print(f"{interests} interests, D = {size}; who knows the interests has an AUC of {data.informed_auc():.4f}")
    for name in names:
        runs = [train(data, size, seed, epochs, **VARIANTS[name]) for seed in range(seeds)]
        shown = {key: np.mean([run[key] for run in runs]) for key in runs[0] if key != "valid"}
        aucs = " ".join(f"{run['auc']:.4f}" for run in runs)
        print(f"{name:24}", "  ".join(f"{key} {value:.4f}" for key, value in shown.items()), f" ({aucs})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", help="write the data of experiments/planted.yaml there")
    parser.add_argument("--study", type=int, nargs="*", default=[], help="train the network on so many interests")
    parser.add_argument("--embedding_size", type=int, default=8, help="D (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each variant (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="of each training (default: %(default)s)")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="default: all")
    given = parser.parse_args()
    if not given.data_path and not given.study:
        parser.error("give --data_path or --study")
    torch.set_num_threads(1)
    for interests in INTERESTS if given.data_path else ():
        data = planted(interests)
        print(f"{data.write(given.data_path, f'planted-{interests}')}: best AUC at most {data.informed_auc():.4f}")
    for interests in given.study:
        study(interests, given.embedding_size, given.seeds, given.epochs, given.variants)


if __name__ == "__main__":
    main()
