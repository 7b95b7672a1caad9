"""What the experiments on MovieLens stand on in benchmarks/: clicks of one second, rare films, ComiRec again."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
USER, ITEM, TIME = "user_id:token", "item_id:token", "timestamp:float"


def script(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def clicks():
    """Two users: ten clicks of one second, one click a minute later, then three of one second; the times differ."""
    times = [*np.linspace(0, 0.9, 10), 60, *np.linspace(120, 120.4, 3)]
    users = [pd.DataFrame({USER: user, ITEM: np.arange(14) + 100 * user, TIME: times}) for user in (1, 2)]
    return pd.concat(users, ignore_index=True)


def test_only_ties_change_places(clicks):
    tie_order = script("tie_order")
    changed = tie_order.shuffled(clicks, seed=0)
    assert changed[[USER, TIME]].equals(clicks[[USER, TIME]])
    for start in (0, 14):
        group = [set(changed[ITEM][start + a : start + b]) for a, b in ((0, 10), (10, 11), (11, 14))]
        assert group == [set(clicks[ITEM][start + a : start + b]) for a, b in ((0, 10), (10, 11), (11, 14))]
    assert changed[ITEM][:10].tolist() != clicks[ITEM][:10].tolist()
    assert changed.equals(tie_order.shuffled(clicks, seed=0))


def test_neighbours_of_one_user_and_second_are_counted(clicks):
    assert script("tie_order").shares(clicks) == (2 * (9 + 2), 1.0, 1.0)
    falling = clicks.assign(**{ITEM: clicks[ITEM].to_numpy()[::-1]})
    assert script("tie_order").shares(falling) == (2 * (9 + 2), 0.0, 0.0)


def test_a_folder_is_written_beside_the_data(clicks, tmp_path, monkeypatch, capsys):
    source = tmp_path / "ml-1m"
    source.mkdir()
    clicks.sample(frac=1, random_state=1).to_csv(source / "ml-1m.inter", sep="\t", index=False)
    for end in ("item", "user", "yaml"):
        (source / f"ml-1m.{end}").write_text(end)
    monkeypatch.setattr("sys.argv", ["tie_order.py", "--data_path", str(tmp_path)])
    script("tie_order").main()
    written = pd.read_csv(tmp_path / "ml-1m-ties" / "ml-1m-ties.inter", sep="\t")
    assert written[[USER, TIME]].equals(clicks[[USER, TIME]])
    assert sorted(written[ITEM]) == sorted(clicks[ITEM])
    assert (tmp_path / "ml-1m-ties" / "ml-1m-ties.item").read_text() == "item"
    assert "ml-1m: 22 neighbours within a second, 1.000 of them rising" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("tie_order", [], "ml-1m.inter is missing; name the folder that has ml-1m"),
        ("comirec_alone", [], "--data_path, --dataset: "),
        ("comirec_alone", ["--num_interests", "0"], "--num_interests=0 must be 1 or more"),
    ],
)
def test_wrong_options_are_one_line(name, arguments, message, tmp_path, monkeypatch, capsys):
    if arguments:
        (tmp_path / "ml-1m").mkdir()
        (tmp_path / "ml-1m" / "ml-1m.inter").write_text("")
    monkeypatch.setattr("sys.argv", [name, "--data_path", str(tmp_path), *arguments])
    with pytest.raises(SystemExit):
        script(name).main()
    assert message in capsys.readouterr().err


def test_what_was_written_is_not_replaced(tmp_path, monkeypatch, capsys):
    for name in ("ml-1m", "ml-1m-ties"):
        (tmp_path / name).mkdir()
    for end in ("inter", "item", "user", "yaml"):
        (tmp_path / "ml-1m" / f"ml-1m.{end}").write_text(end)
    monkeypatch.setattr("sys.argv", ["tie_order", "--data_path", str(tmp_path)])
    with pytest.raises(SystemExit):
        script("tie_order").main()
    assert "ml-1m-ties is there already" in capsys.readouterr().err


def test_comirec_written_twice_learns_alike(build):
    alone = script("comirec_alone")
    sizes = {"embedding_size": alone.SIZE, "attention_size": alone.WIDTH, "MAX_ITEM_LIST_LENGTH": alone.LENGTH}
    _, train, _, _, model = build("ComiRec", loss="bpr", interest_rounding=None, **sizes)
    twin = alone.ComiRec(model.n_items, 4)
    with torch.no_grad():
        for weight, same in zip(model.parameters(), twin.parameters(), strict=True):
            same.copy_(weight.normal_(std=0.5))
    batch = next(iter(train))
    history, clicked, other = batch[model.ITEM_SEQ], batch[model.ITEM_ID], batch[model.NEG_ITEM_ID]
    torch.testing.assert_close(twin(history), model.interests(batch)[0])
    loss = alone.bpr(twin, history, clicked, other)
    torch.testing.assert_close(loss, model.calculate_loss(batch))
    assert loss.item() > 0.01


def test_ranks_and_ndcg_of_the_second_writing():
    alone = script("comirec_alone")
    model = alone.ComiRec(5, 1)
    with torch.no_grad():
        model.items.weight.copy_(torch.tensor([[0.0], [1.0], [2.0], [3.0], [1.0]]).expand(-1, alone.SIZE))
    history = torch.tensor([[1, *[0] * (alone.LENGTH - 1)]])
    found = alone.ranks(model, history, torch.tensor([4]), torch.tensor([[1, 2, 3]]))
    assert found.tolist() == [2.5]  # two are above it, one is its equal
    assert alone.ndcg(found, 3) == pytest.approx(1 / np.log2(4.5))
    assert alone.ndcg(found, 2) == 0


def test_rare_films_are_placed_beside_the_clicked_one():
    """Ten items; 9 and 10 are the rarest, 4 was clicked, 5 is in the history of the first row."""
    rare_films = script("rare_films")
    clicks = np.repeat(np.arange(1, 11), [5, 5, 5, 5, 5, 5, 5, 5, 2, 1])
    rare = rare_films.rarest(clicks, 2)
    assert sorted(rare.tolist()) == [9, 10]
    #                         padding 1  2  3  4  5  6  7  8  9  10
    scores = torch.tensor([[99.0, 1, 2, 3, 5, 9, 0, 0, 0, 6, 4], [99.0, 1, 2, 3, 5, 9, 0, 0, 0, 4, 4]])
    of_rare, of_all, in_best = rare_films.placed(scores, torch.tensor([4, 4]), torch.tensor([[5, 0], [1, 0]]), rare)
    torch.testing.assert_close(of_rare, torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(of_all, torch.tensor([0.1, 0.1]))
    torch.testing.assert_close(in_best, torch.tensor([1.0, 0.0]))
