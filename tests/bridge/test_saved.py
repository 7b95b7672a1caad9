"""Saved datasets and loaders serve only runs that would make the same ones."""

import functools
import logging
import os
import pickle
from pathlib import Path

import pytest
import recbole
from helpers import write_atomic

import recbole_iacn
from recbole_iacn.bridge import saved
from recbole_iacn.errors import ConfigError
from recbole_iacn.settings.recbole_keys import KEY_READ
from recbole_iacn.system.trust import trusting

# What RecBole derives, or reads from this process alone.
DERIVED = {
    *("model", "MASK_INDEX", "MASK_ITEM_SEQ", "POS_ITEMS", "NEG_ITEMS", "CROP_ITEM_SEQ", "CROP_ITEM_SEQ_LEN"),
    *("INVERSE_ITEM_SEQ", "REORDER_ITEM_SEQ", "local_rank", "single_spec", "world_size"),
}
RANKED = {"model": "MIND", "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ...}
RANKED.update(topk=[5], valid_metric="NDCG@5", metrics=["NDCG"])


@pytest.fixture(autouse=True)
def shown(caplog):
    """Warnings, whatever level a run of another test has left."""
    caplog.set_level(logging.WARNING)


@pytest.fixture
def settings(settings):
    """Of whoever trusts what lies in the folder of checkpoints."""
    return functools.partial(settings, trust=True)


def said(caplog):
    """The lines about what was saved, in their order."""
    return [record.message for record in caplog.records if record.message.startswith("what was saved")]


def test_every_setting_that_data_preparation_reads_is_compared_or_irrelevant():
    """Gathered from the code: a new one fails here until it is in one of the lists."""
    roots = [Path(recbole.__file__).parent / "data", Path(recbole.__file__).parent / "sampler"]
    roots.append(Path(recbole_iacn.__file__).parent / "data")
    read = {key for root in roots for path in root.rglob("*.py") for key in KEY_READ.findall(path.read_text())}
    assert len(read) > 60 and read - set(saved.COMPARED) - saved.IRRELEVANT - DERIVED == set()
    known = {key for group in saved._GROUPS for key in group.model_fields}
    assert known <= set(saved.COMPARED) | saved.IRRELEVANT and not set(saved.COMPARED) & saved.IRRELEVANT


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({**RANKED}, {**RANKED, "eval_negatives": 5}, "eval_negatives is 5, and was None"),
        (
            {**RANKED, "protocol": "leave_one_out_full"},
            {**RANKED, "protocol": "leave_one_out_full", "mask_history": True},
            "mask_history is True, and was None",
        ),
        ({}, {"train_batch_size": 32}, "train_batch_size is 32, and was 64"),
        (
            {"negative_items": "catalogue"},
            {"negative_items": "clicked"},
            "negative_items is 'clicked', and was 'catalogue'",
        ),
        ({}, {"iacn_mode": "off"}, "iacn_mode is 'off', and was 'full'"),
        ({}, {"seed": 8}, "seed is 8, and was 7"),
    ],
)
def test_loaders_of_other_settings_are_made_anew(build, caplog, first, second, reason):
    """As those of a folder in which nothing is saved; one line says why."""
    build(**first, save_dataloaders=True)
    caplog.clear()
    again = build(**second, save_dataloaders=True)
    assert said(caplog) == [f"what was saved of dataset tiny is not used, and is made anew: {reason}"]
    fresh = build(**second, checkpoint_dir="fresh")
    for one, other in zip(again[1:4], fresh[1:4]):
        assert type(one) is type(other) and one.batch_size == other.batch_size and len(one) == len(other)
        assert (getattr(one, "left_out", None) is None) == (getattr(other, "left_out", None) is None)
        for name in ("candidates", "negatives"):
            tables = getattr(one, name, None), getattr(other, name, None)
            assert (tables[0] is None) == (tables[1] is None)
            assert tables[0] is None or (tables[0].shape == tables[1].shape and bool((tables[0] == tables[1]).all()))
    caplog.clear()
    build(**second, save_dataloaders=True)  # the new ones have been saved
    assert not said(caplog)


@pytest.fixture
def loads(monkeypatch):
    """How often something was unpickled and used."""
    used = []
    real = pickle.load

    def load(file, **options):
        if getattr(file, "name", "").endswith(".pth"):
            used.append(Path(file.name).name)
        return real(file, **options)

    monkeypatch.setattr(pickle, "load", load)
    return used


def test_what_was_saved_serves_a_run_that_learns_otherwise(build, loads, caplog):
    build(save_dataloaders=True, save_dataset=True)
    assert not loads
    write_atomic(Path("data"))  # the same data in another place
    build(save_dataloaders=True, learning_rate=0.5, epochs=9, metrics=["AUC"], data_path="data")
    assert loads == ["tiny-InterestAwareDataset.pth", "tiny-for-DIN_IaCN-dataloader.pth"] and not said(caplog)


@pytest.mark.parametrize("keep", ["save_dataset", "save_dataloaders"])
@pytest.mark.parametrize("suffix", ["inter", "item", "user"])
def test_a_changed_file_is_noticed(build, caplog, keep, suffix):
    """Of the same size, in the same second."""
    write_atomic(Path("data"))
    build(data_path="data", **{keep: True})
    path = Path("data", "tiny", f"tiny.{suffix}")
    first, second, *others = path.read_text().splitlines()
    path.write_text("\n".join([first, *others, second]) + "\n")
    build(data_path="data", **{keep: True})
    assert [line.rpartition(": ")[2] for line in said(caplog)] == [f"file tiny.{suffix} has changed"]


def test_changed_negatives_are_noticed(build, caplog):
    _, _, _, test, _ = build(save_dataloaders=True)
    data = test._dataset
    users = data.field2id_token["user_id"][data.inter_feat["user_id"].numpy()]
    items = data.field2id_token["item_id"][test.negatives[:, 0].numpy()]
    lines = ["user_id:token\titem_id_list:token_seq", *(f"{user}\t{item}" for user, item in zip(users, items))]
    Path("own.tsv").write_text("\n".join(lines) + "\n")
    given = {"save_dataloaders": True, "test_negatives_file": "own.tsv"}
    build(**given)
    assert said(caplog)[-1].endswith("file test_negatives_file has changed")
    Path("own.tsv").write_text("\n".join([*lines, f"nobody\t{items[0]}"]) + "\n")
    caplog.clear()
    with pytest.raises(ConfigError, match=r"own\.tsv, line"):
        build(**given)  # it is read again
    assert said(caplog)[-1].endswith("file test_negatives_file has changed")


def test_a_saved_dataset_gets_the_settings_of_its_run(build, loads):
    """RecBole splits it by those of the run that saved it."""
    build(save_dataset=True)
    _, train, *_ = build(learning_rate=0.5)
    assert loads == ["tiny-InterestAwareDataset.pth"] and train._dataset.config["learning_rate"] == 0.5


def test_without_the_files_what_was_saved_is_opened(build, settings, loads):
    """As by load_data_and_model, on a machine that has no atomic files."""
    from recbole.data import create_dataset

    write_atomic(Path("data"))
    config, *_ = build(data_path="data", save_dataset=True)
    for path in Path("data", "tiny").iterdir():
        path.unlink()
    with trusting(True):
        create_dataset(config)
    assert loads == ["tiny-InterestAwareDataset.pth"]


@pytest.mark.parametrize("key", ["dataset_save_path", "dataloaders_save_path"])
def test_a_path_without_a_file_is_rejected(build, key):
    """RecBole reads the atomic files instead, without a word."""
    with pytest.raises(ConfigError, match=f"{key}: none.pth: No such file"):
        build(**{key: "none.pth"})


def test_several_processes_save_no_loaders(settings):
    from recbole_iacn.building import configure

    place = {"nproc": 2, "world_size": 2, "local_rank": 0, "offset": 0, "ip": "localhost", "port": "5678"}
    with pytest.raises(ConfigError, match="save_dataloaders: several processes would write one file"):
        configure("DIN_IaCN", "tiny", config_dict=settings(save_dataloaders=True), place=place)


def test_a_changed_additional_file_and_another_number_of_processes_are_noticed(settings, monkeypatch):
    from recbole_iacn.bridge import saved
    from recbole_iacn.building import configure

    write_atomic(Path("data"))
    extra = Path("data/tiny/tiny.more")
    extra.write_text("more_id:token\tvector:float_seq\ni1\t0.5 0.5\n")
    load = {"inter": ["user_id", "item_id", "timestamp"], "more": ["more_id", "vector"]}
    config = configure(
        "BPR", "tiny", config_dict=settings(data_path="data", load_col=load, additional_feat_suffix=["more"])
    )
    before = saved.made_from(config)
    extra.write_text(extra.read_text().replace("0.5 0.5", "0.5 0.6"))
    assert before != saved.made_from(config)
    extra.write_text(extra.read_text().replace("0.5 0.6", "0.5 0.5"))
    assert before == saved.made_from(config)
    monkeypatch.setattr(saved.parallel, "size", lambda: 2)
    assert before != saved.made_from(config)


PAYLOAD = "import os; os.environ['RAN'] = 'yes'"


class Payload:
    def __reduce__(self):
        return exec, (PAYLOAD,)


@pytest.mark.parametrize("name", ["tiny-InterestAwareDataset.pth", "tiny-for-DIN_IaCN-dataloader.pth"])
def test_what_lies_in_the_folder_of_checkpoints_is_not_opened_without_trust(build, monkeypatch, caplog, name):
    monkeypatch.setenv("RAN", "no")
    Path("saved").mkdir()
    Path("saved", name).write_bytes(pickle.dumps(Payload()))
    _, train, *_ = build(trust=False)
    assert os.environ["RAN"] == "no" and len(train) > 0
    assert said(caplog) == [
        "what was saved of dataset tiny is not used, and is made anew: it is a pickle, and opening a pickle can run "
        "any code (if it is your own: trust: True in config_dict, or --trust=True)"
    ]
    with pytest.raises(ConfigError, match=f"{name}: is not a saved dataset or loader, but a NoneType; remove it"):
        build(trust=True)
    assert os.environ["RAN"] == "yes"  # so it would have run


@pytest.mark.parametrize("key", ["dataset_save_path", "dataloaders_save_path"])
def test_a_named_path_needs_trust(build, key):
    Path("mine.pth").write_bytes(pickle.dumps({}))
    with pytest.raises(
        ConfigError, match=f"^{key}: mine.pth is a pickle, and opening a pickle can run any code; if it"
    ):
        build(**{key: "mine.pth"}, trust=False)
