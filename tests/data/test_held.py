"""Training data on the device that trains: all that a batch is gathered from is there, and the dataset stays."""

import torch

from recbole_iacn.data.held import held_on


def tensors_of(dataset):
    rows = dataset.inter_feat
    tensors = [*rows.values.values(), *rows.interaction.values(), rows.index]
    for windows in rows.windows:
        tensors += [*windows.columns.values(), windows.stop, windows.length]
    return [*tensors, *dataset.user_feat.interaction.values(), *dataset.item_feat.interaction.values()]


def test_all_of_a_dataset_is_moved_and_the_given_one_stays(build):
    """PyTorch's meta device has shapes and no values, everywhere."""
    train = build("DIN_IaCN")[1]._dataset
    held = held_on(train, torch.device("meta"))
    assert {one.device.type for one in tensors_of(held)} == {"meta"}
    assert {one.device.type for one in tensors_of(train)} == {"cpu"}
    assert len(held.inter_feat) == len(train.inter_feat) and held.field2id_token is train.field2id_token
