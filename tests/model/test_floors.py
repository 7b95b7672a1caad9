"""The floors against NumPy, and that nothing which validates or tests has a say."""

import numpy as np
import pandas as pd
import pytest
import torch

import recbole_iacn
from recbole_iacn.model import floors

FLOORS = ["Popularity", "ItemNeighbours"]
COLUMNS = {"inter": ["user_id", "item_id", "timestamp"]}
every_floor = pytest.mark.parametrize("name", FLOORS)


def write(folder, rows, name="shop"):
    """``rows``: user -> items, oldest first."""
    (folder / name).mkdir(parents=True)
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    lines += [f"{user}\t{item}\t{time}" for user, items in rows.items() for time, item in enumerate(items)]
    (folder / name / f"{name}.inter").write_text("\n".join(lines) + "\n")
    return {"data_path": str(folder), "load_col": COLUMNS, "show_progress": False, "seed": 7}


def long_tail(users=80, items=30, seed=0):
    """Users with 5 to 9 clicks, on items of very different popularity; some click an item twice."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, items + 1)
    lengths = rng.integers(5, 10, users)
    return {
        f"u{user}": [f"i{item}" for item in rng.choice(items, length, p=weights / weights.sum())]
        for user, length in enumerate(lengths)
    }


def make(name, folder, rows, protocol="leave_one_out_full", **changes):
    given = {**write(folder, rows), "protocol": protocol, "metrics": ["Hit"], "topk": [5], "valid_metric": "Hit@5"}
    return recbole_iacn.build(name, "shop", config_dict={**given, **changes})


def all_scores(training):
    """Token of user -> token of item -> score, for the test rows."""
    data = training.test_data._dataset
    rows = data[np.arange(len(data))]
    scores = training.model.full_sort_predict(rows).view(len(rows), -1).numpy()
    users, items = (training.dataset.field2id_token[name] for name in ("user_id", "item_id"))
    return {user: dict(zip(items[1:], row[1:])) for user, row in zip(users[rows["user_id"]], scores)}


def counts(rows):
    """Users of each item, and of each pair of items, by pandas; without each user's last two clicks."""
    pairs = pd.DataFrame(
        [(user, item) for user, items in rows.items() for item in items[:-2]], columns=["user", "item"]
    )
    table = pd.crosstab(pairs["user"], pairs["item"]).clip(upper=1)
    return table.sum(), table.T @ table


def test_popularity_by_pandas(tmp_path):
    rows = long_tail()
    count, _ = counts(rows)
    for row in all_scores(make("Popularity", tmp_path, rows)).values():
        assert row == {item: count.get(item, 0) for item in row}


def test_neighbours_by_numpy(tmp_path):
    """The order is that of the cosine, then of the number of users; the score is the cosine to a 4,096th."""
    rows = long_tail()
    count, together = counts(rows)
    found = all_scores(make("ItemNeighbours", tmp_path, rows))
    tied = 0
    for user, row in found.items():
        last = rows[user][-2]
        users = {item: int(count.get(item, 0)) for item in row}
        cosine = dict.fromkeys(row, 0.0)
        for item in row:
            if item != last and item in together and last in together:
                cosine[item] = together.loc[item, last] / np.sqrt(users[item] * users[last])
        wanted = sorted(row, key=lambda item: (cosine[item], users[item]))
        assert [(cosine[i], users[i]) for i in sorted(row, key=row.get)] == [(cosine[i], users[i]) for i in wanted]
        assert all(abs(row[item] - cosine[item]) <= cosine[item] / 4096 + 1e-30 for item in row)
        ties = {}
        for item in row:
            ties.setdefault(cosine[item], set()).add(users[item])
        tied += sum(len(some) > 1 for some in ties.values())
        assert all((row[a] == row[b]) == ((cosine[a], users[a]) == (cosine[b], users[b])) for a in row for b in row)
    assert tied > len(found)  # so popularity has decided, often


@every_floor
@pytest.mark.parametrize("protocol", ["leave_one_out_full", "leave_one_out_sampled", "leave_one_out_ctr"])
@pytest.mark.parametrize("place", [-1, -2])
def test_a_click_that_validates_or_tests_moves_no_score(tmp_path, name, protocol, place):
    """One user's last click, or the one before, is another item that others click, too. The row itself may differ: its
    newest item is the one before its target."""
    rows = long_tail()
    changed = {user: list(items) for user, items in rows.items()}
    changed["u3"][place] = "i0" if rows["u3"][place] != "i0" else "i1"
    options = {"metrics": ["AUC"], "valid_metric": "AUC", "topk": [5]} if protocol.endswith("ctr") else {}
    options.update({"eval_negatives": 9} if protocol.endswith("sampled") else {})
    before, after = (
        all_scores(make(name, tmp_path / str(n), some, protocol, **options)) for n, some in enumerate((rows, changed))
    )
    assert before.keys() == after.keys()
    differing = {user for user in before if before[user] != after[user]}
    assert differing <= ({"u3"} if name == "ItemNeighbours" and place == -2 else set())


@every_floor
def test_a_training_click_moves_scores(tmp_path, name):
    """So that the test above can fail."""
    rows = long_tail()
    changed = {user: list(items) for user, items in rows.items()}
    changed["u3"][0] = "i29"
    assert all_scores(make(name, tmp_path / "a", rows)) != all_scores(make(name, tmp_path / "b", changed))


def test_a_row_without_a_history_has_popularity(tmp_path):
    training = make("ItemNeighbours", tmp_path, long_tail())
    rows = training.test_data._dataset[np.arange(2)]
    rows["item_id_list"] = torch.zeros_like(rows["item_id_list"])
    rows["item_length"] = torch.zeros_like(rows["item_length"])
    scores, users = training.model.full_sort_predict(rows)[0], training.model.users_of_item
    assert scores[0] == 0 and (scores[1:] > 0).all() and (scores < 1e-30).all()
    assert (scores[1:, None] > scores[None, 1:]).equal(users[1:, None] > users[None, 1:])


@every_floor
@pytest.mark.parametrize("history_rows", [None, "all"])
@pytest.mark.parametrize("later", ["label", "item"])
def test_rows_after_the_training_time_move_no_score(tmp_path, name, history_rows, later):
    """Labelled rows split by time: the latest tenth has other labels, or other items; only clicks count."""
    rng, scores = np.random.default_rng(0), []
    rows = [[f"u{i % 30}", f"i{item}", i, int(item % 3 == 0)] for i, item in enumerate(rng.integers(0, 12, 600))]
    for changed in (False, True):
        folder = tmp_path / str(changed)
        (folder / "shown").mkdir(parents=True)
        last = [[u, "i5" if later == "item" else i, t, 1 - n if later == "label" else n] for u, i, t, n in rows[-60:]]
        text = "\n".join("\t".join(map(str, row)) for row in rows[:-60] + (last if changed else rows[-60:]))
        head = "user_id:token\titem_id:token\ttimestamp:float\tlabel:float\n"
        (folder / "shown" / "shown.inter").write_text(head + text + "\n")
        given = {"data_path": str(folder), "load_col": {"inter": ["user_id", "item_id", "timestamp", "label"]}}
        given.update(protocol="impressions_by_time", history_rows=history_rows, MAX_ITEM_LIST_LENGTH=20)
        training = recbole_iacn.build(name, "shown", config_dict=given)
        assert set(training.test()) == {"auc", "gauc"}
        part = training.valid_data._dataset
        scores.append(training.model.full_sort_predict(part[np.arange(len(part))]))
        users = training.model.users_of_item[[training.dataset.token2id("item_id", f"i{n}") for n in range(12)]]
        clicked = pd.DataFrame(rows[:480], columns=["user", "item", "time", "label"]).query("label == 1")
        wanted = clicked.groupby("item")["user"].nunique()
        assert users.tolist() == [wanted.get(f"i{n}", 0) for n in range(12)]
    assert scores[0].equal(scores[1])


@every_floor
def test_one_by_one_is_all_at_once(tmp_path, name):
    training = make(name, tmp_path, long_tail())
    rows = training.test_data._dataset[np.arange(20)]
    scores = training.model.full_sort_predict(rows)
    for item in range(1, training.model.n_items):
        rows["item_id"] = torch.full((20,), item)
        assert training.model.predict(rows).equal(scores[:, item])


def test_places_of_more_counts_than_there_is_room_for():
    counts = np.array([7, 3, 3, 900, 0])
    assert floors._places(counts, 8).tolist() == [2, 1, 1, 3, 0]
    many = floors._places(np.arange(1000)[::-1], 8)
    assert set(many.tolist()) == set(range(8)) and (np.diff(many) <= 0).all() and many.dtype == np.int32


@every_floor
@pytest.mark.parametrize("protocol", ["leave_one_out_ctr", "din_electronics", "leave_one_out_sampled", None])
def test_a_checkpoint_opens_by_recboles_own_function(settings, tmp_path, name, protocol):
    from recbole.quick_start import load_data_and_model

    changes = {
        "protocol": protocol,
        "load_col": COLUMNS,
        "mlp_hidden_size": ...,
        "checkpoint_dir": str(tmp_path / "saved"),
    }
    scored = {"metrics": ["AUC", "GAUC"], "valid_metric": "AUC"}
    if protocol == "leave_one_out_sampled":
        changes.update(eval_negatives=9, topk=[5], metrics=["Hit", "NDCG"], valid_metric="NDCG@5")
    elif protocol is None:
        eval_args = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni1"}
        changes.update(scored, eval_args=eval_args)
    else:
        changes.update(scored, MAX_ITEM_LIST_LENGTH=10)
    result = recbole_iacn.run(name, "tiny", config_dict=settings(**changes))
    assert torch.load(result["checkpoint"], weights_only=True)["recbole_iacn"] == 1
    _, model, _, _, _, test = load_data_and_model(result["checkpoint"])
    rows = test._dataset[np.arange(30)]
    assert model.full_sort_predict(rows).equal(result["model"].full_sort_predict(rows))


def test_a_model_that_loads_another_ones_counts_scores_by_them(tmp_path):
    one, other = (make("ItemNeighbours", tmp_path / str(n), long_tail()) for n in range(2))
    scores = all_scores(one)
    assert all_scores(other) == scores
    other.model.users_of_item.zero_(), other.model.matrices()[0].data.fill(0)
    assert all_scores(other) != scores
    other.model.load_state_dict(one.model.state_dict())
    assert all_scores(other) == scores


def test_real_data_of_many_items_need_no_dense_table(tmp_path):
    """30,000 items: a dense table of their similarities would take 3.6 GB."""
    rng = np.random.default_rng(0)
    rows = {f"u{user}": [f"i{item}" for item in rng.integers(0, 30_000, 12)] for user in range(5000)}
    training = make("ItemNeighbours", tmp_path, rows)
    kept = sum(buffer.numel() for buffer in training.model.buffers())
    assert kept < 3 * 30_000 + 5000 * 12
    part = training.model.full_sort_predict(training.test_data._dataset[np.arange(4)])
    assert part.shape == (4, training.model.n_items) and part.isfinite().all()
