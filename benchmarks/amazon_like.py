"""Generate interactions with the size and shape of Amazon's 5-core datasets: long tails of users and items, categories.

python benchmarks/amazon_like.py FOLDER Electronics Books
"""

import sys
from pathlib import Path

import numpy as np

# Numbers of users, items, categories, interactions as in the papers; Books' number of interactions is that of its dump.
SIZES = {
    "Electronics": (192_403, 63_001, 801, 1_689_188),
    "Books": (603_668, 367_982, 1_600, 8_898_041),
}


def size_of(interactions):
    """The sizes with Electronics' proportions for another number of interactions."""
    users, items, categories, whole = SIZES["Electronics"]
    return round(users * interactions / whole), round(items * interactions / whole), categories, interactions


def clicks(users, items, interactions, seed=0):
    """Users, items and times of all interactions, grouped by item like Amazon's dumps.

    Returns:
        tuple of numpy.ndarray: users (each at least 5 times, with a long tail), items (each at least once), and times
        in seconds, all multiples of a day.
    """
    rng = np.random.default_rng(seed)
    weight = rng.pareto(1.5, users) + 0.05
    more = rng.multinomial(interactions - 5 * users, weight / weight.sum())
    user = np.repeat(np.arange(users), 5 + more)
    popularity = 1 / (np.arange(items) + 30.0) ** 0.8
    item = np.concatenate([np.arange(items), rng.choice(items, interactions - items, p=popularity / popularity.sum())])
    rng.shuffle(item)
    time = 1_100_000_000 // 86_400 * 86_400 + 86_400 * rng.integers(0, 4_000, interactions)
    order = np.argsort(item, kind="stable")
    return user[order], item[order], time[order]


def write_atomic(folder, name, size, seed=0, catalogue=0, many_categories=False):
    """Write ``folder/name/name.inter`` and ``.item``.

    Args:
        folder (pathlib.Path): the data path.
        name (str): the dataset's name.
        size (tuple of int): numbers of users, items, categories, interactions.
        seed (int): the seed of all random numbers. Defaults to 0.
        catalogue (int): number of lines of the item file, if larger than that of items; the others have no reviews.
        many_categories (bool): as many categories per item as in Sports (6 on average, up to 37), instead of 3.
    """
    users, items, categories, interactions = size
    target = Path(folder) / name
    target.mkdir(parents=True, exist_ok=True)
    user, item, time = clicks(users, items, interactions, seed)
    rng = np.random.default_rng(seed + 1)
    rating = rng.integers(1, 6, interactions)
    with open(target / f"{name}.inter", "w") as out:
        out.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
        for begin in range(0, interactions, 500_000):
            part = slice(begin, begin + 500_000)
            out.writelines(
                f"A{u:013X}\tB{i:09d}\t{r}\t{t}\n"
                for u, i, r, t in zip(
                    user[part].tolist(), item[part].tolist(), rating[part].tolist(), time[part].tolist()
                )
            )
    items = max(items, catalogue)
    count = np.full(items, 2)
    if many_categories:
        count = rng.choice([4, 5, 6, 7, 10, 36], items, p=[0.06, 0.28, 0.5, 0.1, 0.05, 0.01]) - 1
    categories_of = np.split(rng.integers(0, categories, count.sum()), np.cumsum(count)[:-1])
    with open(target / f"{name}.item", "w") as out:
        out.write("item_id:token\tcategories:token_seq\n")
        out.writelines(
            f"B{i:09d}\tall {' '.join(f'c{c}' for c in own.tolist())}\n" for i, own in enumerate(categories_of)
        )


if __name__ == "__main__":
    for name in sys.argv[2:]:
        write_atomic(sys.argv[1], name, SIZES[name])
