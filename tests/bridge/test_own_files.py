"""What RecBole writes itself is whole, or is not there."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from recbole_iacn.errors import ConfigError


class Refused(OSError):
    pass


class Heavy:
    """Cannot be pickled, as on a disk that is full in the middle."""

    def __reduce__(self):
        raise Refused


def names():
    return sorted(path.name for path in Path("saved").iterdir())


def test_a_dataset_is_saved_whole_or_not_at_all(build):
    dataset = build()[1]._dataset
    dataset.save()
    (path,) = Path("saved").glob("*.pth")
    before = path.read_bytes()
    dataset.heavy = Heavy()
    with pytest.raises(ConfigError, match=r"saved/.*: cannot be written \(Refused\); set checkpoint_dir"):
        dataset.save()
    assert path.read_bytes() == before and names() == [path.name]


def test_loaders_are_saved_whole_or_not_at_all(build):
    from recbole.data.utils import save_split_dataloaders

    config, *loaders, _ = build(checkpoint_dir="saved")
    loaders[1].heavy = Heavy()
    with pytest.raises(ConfigError, match=r"saved/.*: cannot be written \(Refused\); set checkpoint_dir"):
        save_split_dataloaders(config, loaders)
    assert names() == [] and all(loader.generator is not None for loader in loaders)


def test_a_run_that_saves_its_loaders_trains_as_one_that_does_not(settings):
    """RecBole takes the generators from loaders that it saves; the shuffle then moves PyTorch's own."""
    import recbole_iacn

    given = settings(epochs=1, train_neg_sample_args={"distribution": "uniform", "sample_num": 1})
    drawn = []
    for number in range(2):
        changes = {"save_dataloaders": bool(number), "checkpoint_dir": f"saved{number}"}
        training = recbole_iacn.build("BPR", "tiny", config_dict=_without_layers({**given, **changes}))
        torch.manual_seed(number)
        drawn.append(torch.cat([batch["user_id"] for batch in training.train_data]))
    assert torch.equal(*drawn)


def _without_layers(given):
    columns = {"inter": ["user_id", "item_id", "timestamp"]}
    return {key: value for key, value in given.items() if key != "mlp_hidden_size"} | {"load_col": columns}


def test_of_several_processes_the_first_writes(build, monkeypatch):
    from recbole_iacn import parallel

    _, train, *_ = build()
    monkeypatch.setattr(parallel, "rank", lambda: 1)
    train._dataset.save()
    assert names() == []
    monkeypatch.setattr(parallel, "rank", lambda: 0)
    train._dataset.save()
    assert (
        len(names()) == 1 and pickle.loads(Path("saved", names()[0]).read_bytes()).item_num == train._dataset.item_num
    )


class Tree:
    """A booster, as XGBoost and LightGBM have one."""

    def __init__(self, content):
        self.content = content

    def save_model(self, path):
        Path(path).write_text(self.content)


@pytest.mark.parametrize("stops", [True, False])
def test_the_files_of_decision_trees(stops, monkeypatch):
    """RecBole leaves the temporary file where a training does not stop early, and writes over the best one."""
    from recbole.trainer.trainer import DecisionTreeTrainer

    made = []

    class Trees(DecisionTreeTrainer):
        def __init__(self):
            self.config, self.epochs, self.eval_step, self.cur_step = {}, 3, 1, 0
            self.best_valid_score, self.valid_metric_bigger, self.best_valid_result = -1.0, True, None
            self.stopping_step, self.logger = (0 if stops else 9), SimpleNamespace(info=lambda text: None)
            self.tensorboard = SimpleNamespace(add_scalar=lambda *given: None)
            self.saved_model_file, self.temp_file = "saved/trees.pth", "saved/trees-temp.pth"
            self.temp_best_file = "saved/trees-temp-best.pth"

        def _train_at_once(self, train_data, valid_data):
            self.model = Tree(f"tree {len(made)}")
            self.model.save_model(self.temp_file)
            self.boost_model = self.temp_file
            made.append(names())

        def _valid_epoch(self, valid_data):
            return [0.5, 0.7, 0.6][len(made) - 1], {"auc": 0.5}

    Path("saved").mkdir()
    trainer = Trees()
    trainer.fit(None, None, verbose=False)
    assert names() == ["trees-temp-best.pth", "trees.pth"]
    assert Path("saved/trees-temp-best.pth").read_text() == "tree 1"
    assert torch.load("saved/trees.pth", weights_only=True)["state_dict"] == "saved/trees-temp-best.pth"
    assert trainer.boost_model is trainer.model and trainer.temp_best_file == "saved/trees-temp-best.pth"


def test_the_results_of_recboles_search_are_whole(tmp_path):
    from recbole.trainer import HyperTuning

    search = HyperTuning.__new__(HyperTuning)
    good = {"best_valid_result": {"auc": 0.5}, "test_result": {"auc": 0.5}}
    search.params2result = {"learning_rate:0.1": good, "learning_rate:0.2": {}}
    (tmp_path / "results.txt").write_text("earlier")
    with pytest.raises(KeyError):
        search.export_result(str(tmp_path / "results.txt"))
    assert (tmp_path / "results.txt").read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1
    del search.params2result["learning_rate:0.2"]
    search.export_result(str(tmp_path / "results.txt"))
    assert (tmp_path / "results.txt").read_text().startswith("learning_rate:0.1\nValid result:\n")
