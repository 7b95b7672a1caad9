"""What makes a click model's interests readable: further iterations of the routing, starts that lie apart, the space?

    python benchmarks/settling.py results/sheet_click/bundles/Beauty-DIN-full-* --data_path dataset

Of every bundle with IaCN: the adjusted mutual information (AMI) of interest and category, the mean cosine of a user's
interests and a click's largest coupling, by training's routing, by ten iterations from the same random start, and as
they are looked at (ten iterations from starts that lie apart); then the AMI of k-means of the same clicks by each part
of the item's two embeddings. Of several bundles, which differ in their seed: the agreement of the first two (ARI).
"""

import argparse

import numpy as np
import torch

from recbole_iacn.interests.agreement import adjusted_mutual_information, adjusted_rand_index
from recbole_iacn.interests.collapse import pairwise_cosine
from recbole_iacn.interests.controls import by_k_means
from recbole_iacn.interests.item_categories import categories_of
from recbole_iacn.interests.test_rows import of_settings
from recbole_iacn.serving.recommender import load


def routings(model, batch):
    """Name -> (interests, active, couplings), by three routings."""
    extractor = model.tasks["iacn"].network.extractor
    found = {}
    for name, iterations in (("training's", extractor.iterations), ("ten iterations", 10)):
        own, extractor.iterations = extractor.iterations, iterations
        found[name] = (*model.interests_and_items(batch)[:2], model.couplings(batch))
        extractor.iterations = own
    return {**found, "settled": model.settled_interests(batch)}


@torch.no_grad()
def looked_at(path, data_path, rows):
    """Print a bundle's figures; returns name -> which interest each click belongs to."""
    recommender = load(path)
    model, test = recommender.model, of_settings(recommender, data_path, rows)
    categories = categories_of(recommender.catalogue).main.of(test.history)
    print(f"\n{path}")
    belongs = {}
    for name, (vectors, active, couplings) in routings(model, test.rows.interaction).items():
        vectors, active, couplings = vectors.numpy(), active.numpy(), couplings.numpy()
        belongs[name] = np.where(test.history > 0, couplings.argmax(axis=2), -1)
        ami = np.nanmean(adjusted_mutual_information(belongs[name], categories))
        cosine, largest = np.nanmean(pairwise_cosine(vectors, active)), couplings.max(axis=2)[test.history > 0].mean()
        print(f"  {name:16} AMI {ami:.3f}  cosine {cosine:.2f}  largest coupling {largest:.2f}")
    tables, every = model.item_tables, torch.arange(model.n_items)
    for name in tables.item_feat.columns:
        vectors = tables.item_field(name, every).flatten(1).numpy().copy()
        vectors[0] = 0  # padding
        groups = by_k_means(test.history, active.sum(axis=1), vectors, 0).belongs
        print(f"  k-means by {name}: AMI {np.nanmean(adjusted_mutual_information(groups, categories)):.3f}")
    return belongs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--data_path", default="dataset")
    parser.add_argument("--rows", type=int, default=500)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = [looked_at(path, given.data_path, given.rows) for path in given.bundles]
    if len(found) > 1:
        print("\nAgreement of the first two bundles")
        for name, groups in found[0].items():
            print(f"  {name:16} ARI {np.nanmean(adjusted_rand_index(groups, found[1][name])):.3f}")


if __name__ == "__main__":
    main()
