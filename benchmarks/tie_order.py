"""ml-1m with the clicks of one second in random order: the data of experiments/tie_order.yaml.

    python benchmarks/tie_order.py --data_path dataset      # reads dataset/ml-1m, writes dataset/ml-1m-ties

Clicks of one second have no order, and a file puts them in some order all the same; RecBole takes it as it stands. In
ml-1m as LRURec publishes it that is the order of the films' numbers, which a model that sees the order learns, and a
mean of clicks cannot. Here the items of every such group change places at random; times, users and counts stay. Where
the file's times are made up, a second apart (a tenth of all neighbours), ties cannot be told and stay as they are.

Printed: how many neighbouring clicks are less than a second apart, and which share of them goes up by the film's
number, beside that of all other neighbours, before and after. By chance it is a half.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_iacn.data.dataset_folder import making

NAME, SHUFFLED = "ml-1m", "ml-1m-ties"
USER, ITEM, TIME = "user_id:token", "item_id:token", "timestamp:float"


def tied(clicks):
    """Whether each click is of the user of the one before it, and less than a second later; clicks by user and time."""
    same = clicks[USER].eq(clicks[USER].shift())
    return (same & (clicks[TIME].diff() < 1)).to_numpy(), same.to_numpy()


def shuffled(clicks, seed):
    """The clicks, with the items of each group of ties in random order."""
    within, _ = tied(clicks)
    group = np.cumsum(~within)
    order = np.lexsort((np.random.default_rng(seed).random(len(clicks)), group))
    return clicks.assign(**{ITEM: clicks[ITEM].to_numpy()[order]})


def shares(clicks):
    """How many neighbours are tied, and the shares of pairs with a rising number: of tied ones, of the others."""
    within, same = tied(clicks)
    rises = (clicks[ITEM].diff() > 0).to_numpy()
    return within.sum(), rises[within].mean(), rises[same & ~within].mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset", help="the folder with ml-1m (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the new order (default: %(default)s)")
    given = parser.parse_args()
    source, target = Path(given.data_path) / NAME, Path(given.data_path) / SHUFFLED
    missing = [end for end in ("inter", "item", "user", "yaml") if not (source / f"{NAME}.{end}").is_file()]
    if missing:
        parser.error(f"--data_path: {source / NAME}.{missing[0]} is missing; name the folder that has {NAME}")
    if target.exists():
        parser.error(f"{target} is there already; delete it, or name another --data_path")
    clicks = pd.read_csv(source / f"{NAME}.inter", sep="\t")
    clicks = clicks.sort_values([USER, TIME], kind="stable", ignore_index=True)
    changed = shuffled(clicks, given.seed)
    with making(target) as folder:
        changed.to_csv(folder / f"{SHUFFLED}.inter", sep="\t", index=False)
        for end in ("item", "user", "yaml"):
            shutil.copyfile(source / f"{NAME}.{end}", folder / f"{SHUFFLED}.{end}")
    for name, those in ((NAME, clicks), (SHUFFLED, changed)):
        count, of_ties, of_others = shares(those)
        print(
            f"{name}: {count:,} neighbours within a second, {of_ties:.3f} of them rising, {of_others:.3f} of the others"
        )


if __name__ == "__main__":
    main()
