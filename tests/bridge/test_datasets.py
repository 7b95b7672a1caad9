"""What RecBole's data preparation would ignore; GAUC beside AUC, for RecBole's models as for this package's."""

import numpy as np
import pytest
from helpers import give_other_weights
from recbole.utils import get_trainer

from recbole_iacn.errors import ConfigError


@pytest.mark.parametrize("key", ["user_inter_num_interval", "item_inter_num_interval", "val_interval"])
@pytest.mark.parametrize("wrong", [5, "5", "[5", "[7,5]"])
def test_what_is_no_interval_is_rejected(build, settings, key, wrong):
    """RecBole filters nothing by it; through RecBole's own Config, settings of its models are not checked earlier."""
    from recbole.config import Config
    from recbole.data import create_dataset

    given = {key: {"rating": wrong} if key == "val_interval" else wrong}
    given["load_col"] = {"inter": ["user_id", "item_id", "timestamp", "rating"]}
    with pytest.raises(ConfigError, match=f"{key}: must be "):
        build("DIN", **given)
    config = Config("BPR", "tiny", config_dict=settings(**given))
    with pytest.raises(ConfigError, match=f"{key}: must be an interval such as '\\[5,inf\\)', got "):
        create_dataset(config)


@pytest.mark.parametrize("interval", ["[9,9]", "(8,10)"])
def test_an_interval_of_two_numbers_filters(build, interval):
    """Every user of tiny has nine clicks at most; as a literal it would be a list or a tuple."""
    _, train, *_ = build(user_inter_num_interval=interval)
    counts = {}
    for user in train._dataset.clicks[0].tolist():
        counts[user] = counts.get(user, 0) + 1
    assert set(counts.values()) == {9}


def test_tokens_are_text(build):
    with pytest.raises(ConfigError, match=r"val_interval: must be .* or a non-empty list of tokens"):
        build(val_interval={"age": [1]})


def test_a_dataset_is_downloaded_in_one_process(settings, data_path, monkeypatch):
    """RecBole waits for other processes afterwards, of which there are none."""
    import shutil

    import torch.distributed as dist
    from recbole.data import create_dataset
    from recbole.data.dataset import dataset as module

    from recbole_iacn.building import configure

    def extract(path, folder):
        for source in (data_path / "tiny").iterdir():
            shutil.copy(source, f"{folder}/Some{source.suffix}")
        open(path, "w").close()

    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", lambda url, folder: f"{folder}/Some.zip")
    monkeypatch.setattr(module, "extract_zip", extract)
    barrier = dist.barrier
    dataset = create_dataset(configure("DIN", "adult", config_dict=settings(data_path="data")))
    assert len(dataset) > 100 and dist.barrier is barrier


METRICS = {"metrics": ["AUC", "GAUC", "LogLoss"], "valid_metric": "GAUC", "protocol": "leave_one_out_ctr"}


@pytest.fixture
def quarters(tmp_path):
    """600 clicks a quarter of a second apart, in no order; float32 has one number for 512 of them. Item -> time."""
    rng = np.random.default_rng(3)
    times = 1_650_000_000 + rng.permutation(600) / 4
    lines = [f"u{user}\ti{k}\t{time}\n" for k, (user, time) in enumerate(zip(rng.integers(20, size=600), times))]
    (tmp_path / "quarters").mkdir()
    text = "user_id:token\titem_id:token\ttimestamp:float\n" + "".join(lines)
    (tmp_path / "quarters" / "quarters.inter").write_text(text)
    return dict(zip((f"i{k}" for k in range(600)), times))


@pytest.mark.parametrize("model", ["SASRec", "DIN", "DIEN", "BPR"])
@pytest.mark.parametrize("split", [{"LS": "valid_and_test"}, {"RS": [0.8, 0.1, 0.1]}])
@pytest.mark.parametrize("scaled", [False, True])
def test_times_are_exact_without_a_protocol(build, tmp_path, quarters, model, split, scaled):
    group = "user" if "LS" in split else None
    changes = {"eval_args": {"split": split, "order": "TO", "group_by": group, "mode": "full"}}
    if model == "SASRec":
        changes |= {"loss_type": "CE", "train_neg_sample_args": None, "n_layers": 1, "hidden_size": 8, "inner_size": 8}
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    ranking = {"metrics": ["Recall"], "valid_metric": "Recall@10", "topk": [10]}
    _, *loaders, _ = build(
        model, "quarters", data_path=str(tmp_path), load_col=load, normalize_all=scaled, **changes, **ranking
    )
    parts = [loader._dataset for loader in loaders]
    time_of = np.array([0.0, *(quarters[one] for one in parts[0].field2id_token["item_id"][1:])])
    in_part = [time_of[part.inter_feat["item_id"].numpy()] for part in parts]
    if "RS" in split:
        assert in_part[0].max() < in_part[1].min() and in_part[1].max() < in_part[2].min()
    else:
        users = [part.inter_feat["user_id"].numpy() for part in parts]
        newest = [np.array([times[user == one].max() for one in users[2]]) for times, user in zip(in_part, users)]
        assert (newest[0] < newest[1]).all() and (newest[1] < newest[2]).all()
    if model == "BPR":
        return
    for part, times in zip(parts, in_part):
        rows = part.inter_feat
        entries = np.column_stack([time_of[rows["item_id_list"].numpy()], times])
        assert all((np.diff(row[row > 0]) > 0).all() for row in entries)


@pytest.mark.parametrize("model", ["DIN", "DIEN", "WideDeep", "SASRec"])
def test_gauc_beside_auc_by_numpy(build, model):
    """One click and one negative per user: GAUC is the share of users whose click scores higher, ties half."""
    changes = {**METRICS, "metrics": ["AUC", "GAUC"], "n_heads": 2} if model == "SASRec" else METRICS
    config, _, _, test, network = build(model, **changes)
    give_other_weights(network)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    found = trainer.evaluate(test, load_best_model=False)
    pairs = {}
    for rows, *_ in test:
        scores = network.eval().predict(rows).detach().numpy()
        for user, label, score in zip(rows["user_id"].tolist(), rows["label"].tolist(), scores):
            pairs.setdefault(user, {})[label] = score
    assert len(pairs) == 60
    wanted = np.mean([(pair[1] > pair[0]) + 0.5 * (pair[1] == pair[0]) for pair in pairs.values()])
    assert found["gauc"] == pytest.approx(wanted, abs=6e-5) and {"auc", "gauc"} <= set(found)


def test_gauc_may_choose_the_best_epoch(build):
    config, train, valid, _, network = build("DIN", **METRICS)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    best, metrics = trainer.fit(train, valid, saved=False, verbose=False)
    assert best == metrics["gauc"] > 0 and set(metrics) == {"auc", "gauc", "logloss"}
