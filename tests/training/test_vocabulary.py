"""A checkpoint knows the tokens behind its weights, and is loaded only over data that number them alike."""

import logging
import shutil

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING, reverse_rows

from recbole_iacn.errors import ConfigError
from recbole_iacn.training import checkpoint_file, vocabulary


def first_difference(field, before, after):
    """As RecBole numbers tokens: by their first row."""
    pairs = enumerate(zip(before.field2id_token[field], after.field2id_token[field]))
    return next((number, str(one), str(other)) for number, (one, other) in pairs if one != other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN_IaCN", "DIN"])
def test_data_in_another_order_are_rejected(train, place, name):
    from recbole.quick_start import load_data_and_model

    first = train(name)
    kept = shutil.copy(first.checkpoint, "kept.pth")
    reverse_rows(place / "tiny.inter")
    other = train(name, fitted=False)
    number, one, another = first_difference("user_id", first.dataset, other.dataset)
    message = (
        rf"^kept\.pth: was trained on data that number user_id otherwise: as many tokens, and number {number} is "
        rf"'{one}' there and '{another}' here. Move its weights over by token \(recbole-iacn train --from"
    )
    before = other.model.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    with pytest.raises(ConfigError, match=message):
        other.trainer.resume_checkpoint(kept)
    with pytest.raises(ConfigError, match=message):
        other.trainer.evaluate(other.test_data, model_file=kept)
    assert all(torch.equal(value, other.model.state_dict()[name]) for name, value in before.items())
    with pytest.raises(ConfigError, match=message):
        load_data_and_model(kept)
    reverse_rows(place / "tiny.inter")
    _, model, *_ = load_data_and_model(kept)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in first.model.state_dict().items())


@pytest.mark.slow
def test_a_trainer_that_is_not_told_its_data_compares_when_it_trains(train, place):
    """As in RecBole's own scripts, which resume before they fit."""
    from recbole.utils import get_trainer

    first = train()
    assert vocabulary.ENTRY in torch.load(first.checkpoint, weights_only=True)
    reverse_rows(place / "tiny.inter")
    other = train(fitted=False)
    trainer = get_trainer(other.config["MODEL_TYPE"], "DIN_IaCN")(other.config, other.model)
    trainer.resume_checkpoint(first.checkpoint)
    with pytest.raises(ConfigError, match=r"^saved/\S+\.pth: was trained on data that number user_id otherwise"):
        trainer.fit(other.train_data, other.valid_data, verbose=False)


@pytest.mark.slow
def test_a_new_item_is_named(train, place):
    first = train()
    with open(place / "tiny.inter", "a") as file:
        file.write("u0\tbrand-new\t1500000000\t5\n")
    with open(place / "tiny.item", "a") as file:
        file.write("brand-new\tc1 all\n")
    with pytest.raises(ConfigError, match="item_id otherwise: 40 tokens there, 41 here, and 'brand-new' is here alone"):
        train(fitted=False).trainer.resume_checkpoint(first.checkpoint)


@pytest.mark.slow
def test_only_what_the_weights_follow_is_compared(train, place):
    """ComiRec has no table of users: another user changes nothing that it has learned."""
    first = train("ComiRec", **SHORT_RANKING)
    found = vocabulary.read(first.checkpoint)
    assert set(found.digests) == {"item_id"} and {part.field for part in found.rows} == {"item_id"}
    assert found.tokens("item_id").tolist() == first.dataset.field2id_token["item_id"].tolist()
    with open(place / "tiny.inter", "a") as file:
        file.writelines(f"somebody\ti{item}\t{1_500_000_000 + item}\t5\n" for item in (1, 2, 3, 4))
    other = train("ComiRec", fitted=False, **SHORT_RANKING)
    assert other.dataset.user_num == first.dataset.user_num + 1
    other.trainer.evaluate(other.test_data, model_file=first.checkpoint)


@pytest.mark.slow
def test_a_checkpoint_without_a_vocabulary_is_loaded_with_one_notice(train, place, caplog):
    first = train()
    state = torch.load(first.checkpoint, weights_only=True)
    del state[vocabulary.ENTRY]
    torch.save(state, "old.pth")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        train(fitted=False).trainer.resume_checkpoint("old.pth")
    said = [record.getMessage() for record in caplog.records if "old.pth" in record.getMessage()]
    assert len(said) == 1 and said[0].startswith("old.pth: records no vocabulary")
    with open(place / "tiny.inter", "a") as file:
        file.writelines(f"somebody\ti{item}\t{1_500_000_000 + item}\t5\n" for item in (1, 2, 3, 4))
    with open(place / "tiny.user", "a") as file:
        file.write("somebody\t1\n")
    larger = train(fitted=False)
    with pytest.raises(ConfigError, match=r"^old\.pth: its weights do not fit \(size mismatch for .* use the settings"):
        larger.trainer.evaluate(larger.test_data, model_file="old.pth")


def test_an_alias_has_the_tokens_of_its_column(build):
    config, training, _, _, model = build("WideDeep_IaCN")
    found = vocabulary.Vocabulary.of(type(model), config, training._dataset)
    assert "item_id_auxiliary" in {part.field for part in found.rows}
    assert "item_id_auxiliary" not in found.digests
    assert np.array_equal(found.tokens("item_id_auxiliary"), found.tokens("item_id"))


def test_a_model_of_unknown_layout_records_all_columns(build):
    config, training, _, _, _ = build("WideDeep_IaCN")

    def broken(config, dataset):
        raise RuntimeError("there are no interactions")

    found = vocabulary.Vocabulary.of(broken, config, training._dataset)
    assert found.rows is None and set(found.digests) == {"user_id", "item_id", "categories", "age"}


def test_tokens_come_back_to_the_letter():
    tokens = np.array(["[PAD]", "a", "", "Ärger ☃", "日本", "a b\tc"])
    packed = vocabulary._pack(tokens)
    assert vocabulary._unpack(packed).tolist() == tokens.tolist()
    assert packed["text"].dtype == torch.uint8 and packed["lengths"].tolist() == [5, 1, 0, 10, 6, 5]


def test_what_is_no_checkpoint_is_rejected_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.pth: there is no such file; name a checkpoint"):
        checkpoint_file.load("none.pth")
    (tmp_path / "text.pth").write_text("epochs: 3\n")
    with pytest.raises(ConfigError, match=r"text\.pth: is not a checkpoint"):
        checkpoint_file.load("text.pth")
    torch.save([1, 2], "list.pth")
    with pytest.raises(ConfigError, match=r"list\.pth: is not a checkpoint, it has no weights"):
        checkpoint_file.load("list.pth")


@pytest.mark.slow
def test_a_checkpoint_of_a_later_version_is_rejected(train, place):
    path = train().checkpoint
    state = torch.load(path, weights_only=True)
    later = {**state, "recbole_iacn": 9}, {**state, "vocabulary": {**state["vocabulary"], "format": 9}}
    for content in later:
        torch.save(content, "later.pth")
        for use in (
            lambda: train(fitted=False, epochs=2).resume("later.pth"),
            lambda: train(fitted=False, start_from="later.pth"),
        ):
            with pytest.raises(
                ConfigError, match=r"^later\.pth: was written by a later version of recbole_iacn; upgrade"
            ):
                use()


@pytest.mark.slow
def test_a_column_that_is_not_there_is_not_to_be_moved_over(train, place):
    """Starting from the checkpoint would fail, too, so it is not the advice."""
    path = train().checkpoint
    less = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id"], "user": ["user_id", "age"]}
    with pytest.raises(ConfigError, match=r"with a column categories, of tokens such as .* load that column") as raised:
        train(fitted=False, load_col=less, epochs=2).resume(path)
    assert "--from" not in str(raised.value)
