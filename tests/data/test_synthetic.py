"""The generator of planted interests: its distribution, its optimum, its files."""

import itertools

import numpy as np
import pytest

from recbole_iacn import ConfigError
from recbole_iacn.data.synthetic import PlantedInterests


def others(data, rng):
    """One uniform item for each user that the user never clicked."""
    users = np.arange(len(data.clicks))
    drawn = rng.integers(len(data.cluster), size=len(users))
    while (own := (data.clicks == drawn[:, None]).any(axis=1)).any():
        drawn[own] = rng.integers(len(data.cluster), size=own.sum())
    return drawn


def rank_auc(positive, negative):
    """AUC of two samples of scores, pair by pair."""
    wins = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    return float(wins)


def test_same_seed_same_data_and_no_item_twice():
    first, again, other = (PlantedInterests(users=50, seed=seed) for seed in (1, 1, 2))
    assert (first.clicks == again.clicks).all() and (first.liked == again.liked).all()
    assert (first.clicks != other.clicks).any()
    assert all(len(set(row)) == len(row) for row in first.clicks.tolist())
    assert first.liked.shape == (50, 2) and first.clicks.shape == (50, 20)


def test_noise_is_the_share_of_clicks_outside():
    def share_inside(noise):
        data = PlantedInterests(users=2000, events=5, noise=noise)
        return (data.cluster[data.clicks][..., None] == data.liked[:, None, :]).any(-1).mean()

    assert share_inside(0.0) == 1.0
    # A noisy click falls into 2 of 8 clusters by chance.
    assert share_inside(0.4) == pytest.approx(0.6 + 0.4 * 2 / 8, abs=0.015)
    assert share_inside(1.0) == pytest.approx(2 / 8, abs=0.015)


def test_click_probability_is_bayes_rule():
    """By plain loops over sets, users, clicks."""
    data = PlantedInterests(users=6, clusters=4, items_per_cluster=3, interests=2, events=4, noise=0.3)
    found = data.click_probability(known=3)
    for user, clicks in enumerate(data.clicks.tolist()):
        posterior, following = [], []
        for liked in itertools.combinations(range(4), 2):
            weight = [(0.7 / 6 if c in liked else 0.0) + 0.3 / 12 for c in data.cluster]
            evidence, left = 1.0, 1.0
            for item in clicks[:3]:
                evidence *= weight[item] / left
                left -= weight[item]
            posterior.append(evidence)
            following.append([weight[3 * cluster] / left for cluster in range(4)])
        expected = np.average(following, axis=0, weights=posterior)
        assert np.allclose(found[user], expected, atol=1e-12)
        free = [3 - sum(data.cluster[item] == cluster for item in clicks[:3]) for cluster in range(4)]
        assert found[user] @ free == pytest.approx(1.0)


def test_bayes_auc_by_hand_where_interests_are_plain():
    """Without noise, 19 clicks show both interests: 61 of the 301 unknown items lie in them, the click always; of the
    other 300, 60 tie and 240 lose: 0.5 * 60/300 + 240/300."""
    assert PlantedInterests(users=300, noise=0.0).bayes_auc() == pytest.approx(0.9, abs=1e-3)


def test_bayes_auc_without_interests_is_a_coin():
    data = PlantedInterests(users=300, noise=1.0)
    assert data.bayes_auc() == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_the_optimal_score_reaches_the_bayes_auc(noise):
    data = PlantedInterests(users=4000, noise=noise, events=12)
    users, rng = np.arange(4000), np.random.default_rng(5)
    clicked = data.score(users, data.clicks[:, -1])
    other = data.score(users, others(data, rng))
    # The standard error of an AUC of 4000 against 4000 is about .005.
    assert rank_auc(clicked, other) == pytest.approx(data.bayes_auc(), abs=0.015)


def test_knowing_the_interests_is_no_better_than_the_optimum_once_they_show():
    """An oracle that knows the interests ranks by one bit; the optimum works from the clicks and comes near."""
    data = PlantedInterests(users=4000, noise=0.1)
    rng = np.random.default_rng(5)
    oracle = [(data.cluster[items][:, None] == data.liked).any(1) for items in (data.clicks[:, -1], others(data, rng))]
    assert rank_auc(*(scores.astype(float) for scores in oracle)) == pytest.approx(data.bayes_auc(), abs=0.02)


def test_more_noise_is_harder():
    values = [PlantedInterests(users=500, noise=noise).bayes_auc() for noise in (0.0, 0.2, 0.4, 0.6, 0.8)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 0.25


def test_files_hold_what_was_planted(tmp_path):
    data = PlantedInterests(users=5, events=4)
    folder = data.write(tmp_path / "new", "toy", categories=True)
    head, *lines = (folder / "toy.inter").read_text().splitlines()
    assert head == "user_id:token\titem_id:token\ttimestamp:float"
    assert len(lines) == 20
    assert lines[5] == f"u1\ti{data.clicks[1, 1]}\t2"
    items = (folder / "toy.item").read_text().splitlines()
    assert items[0] == "item_id:token\tcategories:token_seq"
    assert items[1 + 41] == "i41\tc1"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["toy"]
    with pytest.raises(ConfigError, match="toy: exists already"):
        data.write(tmp_path / "new", "toy")


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"noise": 1.5}, "noise: must lie in"),
        ({"interests": 9}, "interests: must lie between 1 and the number of clusters, 8"),
        ({"events": 1}, "events: must lie between 2 and 319"),
        ({"events": 80, "noise": 0.0}, "events: must lie between 2 and 79"),
    ],
)
def test_impossible_sizes_are_rejected(sizes, message):
    with pytest.raises(ConfigError, match=message):
        PlantedInterests(**sizes)


def test_too_many_sets_have_a_bound_only():
    """40 over 10 sets are never listed; the data and the bound need none."""
    data = PlantedInterests(users=200, clusters=40, items_per_cluster=5, interests=10, events=9)
    with pytest.raises(ConfigError, match=r"interests: 10 of 40 clusters are 847660528 sets.* or informed_auc"):
        data.bayes_auc()
    assert 0.5 < data.informed_auc() < 1


def test_the_informed_auc_is_what_knowing_the_interests_reaches():
    """By hand without noise: as the optimum, once all interests show. Else by one bit per candidate, in a sample."""
    assert PlantedInterests(users=300, noise=0.0).informed_auc() == pytest.approx(0.9, abs=1e-3)
    data = PlantedInterests(users=4000, noise=0.3, events=6)
    rng = np.random.default_rng(5)
    taken = data.cluster[data.clicks[:, :-1]]
    inside = (taken[..., None] == data.liked[:, None]).any(-1).sum(1)
    left = 1 - inside * (0.7 / 80 + 0.3 / 320) - (5 - inside) * 0.3 / 320

    def score(items):
        liked = (data.cluster[items][:, None] == data.liked).any(1)
        click = (liked * 0.7 / 80 + 0.3 / 320) / left
        return click / (1 - click)

    found = rank_auc(score(data.clicks[:, -1]), score(others(data, rng)))
    assert found == pytest.approx(data.informed_auc(), abs=0.015)
    assert data.informed_auc() > data.bayes_auc() + 0.02  # five clicks do not show them yet


def test_the_informed_auc_by_plain_loops():
    """Over all pairs of a user's next click and another user's, or the same one's, other item."""
    data = PlantedInterests(users=5, clusters=4, items_per_cluster=3, interests=2, events=4, noise=0.3)
    clicked, other = [], []
    for liked, clicks in zip(data.liked.tolist(), data.clicks[:, :-1].tolist()):
        weight = {item: (0.7 / 6 if c in liked else 0.0) + 0.3 / 12 for item, c in enumerate(data.cluster)}
        for item in clicks:
            del weight[item]
        share = {item: w / sum(weight.values()) for item, w in weight.items()}
        score = {item: p / (1 - p) for item, p in share.items()}
        clicked += [(score[item], p) for item, p in share.items()]
        other += [(score[o], p / (len(share) - 1)) for item, p in share.items() for o in share if o != item]
    pairs = [((a > b) + (abs(a - b) < 1e-12) / 2, p * q) for a, p in clicked for b, q in other]
    expected = sum(won * weight for won, weight in pairs) / sum(weight for _, weight in pairs)
    assert data.informed_auc() == pytest.approx(expected, abs=1e-9)
