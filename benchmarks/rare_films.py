"""Where a trained model puts films that hardly anyone has rated: the control of experiments/movielens_candidates.yaml.

    python benchmarks/rare_films.py saved/SASRec-….pth

That file takes for granted that films which were rated fewer than five times stand below the clicked one. Our file has
none of them, but it has others that were rated five to fifteen times.

Printed: of the films that were rated least, and of all, the mean share that scores above the film of a user's test; and
the share of those films in the best tenth of the model's lists.
"""

import argparse

import numpy as np
import torch

from recbole_iacn.errors import ConfigError


def rarest(clicks, count):
    """The ids of the items with the fewest clicks; item 0 is padding, and no item."""
    times = np.bincount(clicks)
    return torch.from_numpy(1 + np.argsort(times[1:], kind="stable")[:count])


def placed(scores, clicked, seen, rare):
    """Of each row (B,): the share of the rare items above the clicked one, that of all items, and the share of rare
    ones in the best tenth.

    Args:
        scores (torch.Tensor): (B, N); column 0 is padding.
        clicked (torch.Tensor): (B,).
        seen (torch.Tensor): (B, L); items that are not ranked, padded with 0.
        rare (torch.Tensor): ids of items.
    """
    kept = scores.scatter(1, seen, -torch.inf)
    kept[:, 0] = -torch.inf
    above = (kept > scores.gather(1, clicked.unsqueeze(1))).float()
    best = kept[:, 1:].topk((scores.shape[1] - 1) // 10).indices + 1
    return above[:, rare].mean(1), above[:, 1:].mean(1), torch.isin(best, rare).float().mean(1)


def main():
    """Print the shares of a checkpoint's model on its own test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--films", type=int, default=290, help="how many are the rarest; defaults to 290")
    given = parser.parse_args()
    from recbole.quick_start import load_data_and_model

    try:
        config, model, dataset, *_, test = load_data_and_model(given.checkpoint)
    except ConfigError as error:
        parser.error(str(error))
    if not 0 < given.films < dataset.item_num:
        parser.error(f"--films: must be from 1 to {dataset.item_num - 1}, the number of films")
    rows = test.dataset.inter_feat
    rare = rarest(dataset.inter_feat[dataset.iid_field].numpy(), given.films)
    model.eval()
    found = []
    with torch.no_grad():
        for places in torch.arange(len(rows)).split(512):
            batch = rows[places].to(config["device"])
            scores = model.full_sort_predict(batch).view(len(batch), -1).cpu()
            seen = batch[f"{dataset.iid_field}{config['LIST_SUFFIX']}"].cpu()
            found.append(torch.stack(placed(scores, batch[dataset.iid_field].cpu(), seen, rare)))
    of_rare, of_all, in_best = torch.cat(found, 1).mean(1).tolist()
    print(f"above the clicked film: {of_rare:.2%} of the {given.films} rarest films, {of_all:.2%} of all")
    print(f"rare films: {in_best:.2%} of the best tenth, {given.films / (dataset.item_num - 1):.2%} of all")


if __name__ == "__main__":
    main()
