"""TiSASRec on real times: what reaches the model is the time since the user's first click, to the fraction."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import SHORT_RANKING

import recbole_iacn


def elapsed_of(folder, times):
    (folder / "shop").mkdir(exist_ok=True)
    rows = pd.DataFrame({"user_id:token": np.repeat(["a", "b", "c"], 6), "item_id:token": list("uvwxyz") * 3})
    rows["timestamp:float"] = times
    rows.sample(frac=1, random_state=1).to_csv(folder / "shop" / "shop.inter", sep="\t", index=False)
    settings = {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "protocol": "leave_one_out_full",
        "state": "ERROR",
    }
    made = recbole_iacn.build("TiSASRec", "shop", config_dict=settings)
    feat = made.test_data._dataset.inter_feat.gather()
    users = made.dataset.field2id_token["user_id"][feat["user_id"].numpy()]
    return {user: row[:5] for user, row in zip(users, feat["elapsed_list"])}


@pytest.mark.parametrize("unit", [1, 1 / 86_400])
def test_elapsed_times_are_those_of_the_file(tmp_path, unit):
    seconds = 1_600_000_000 + np.random.default_rng(0).permutation(18) * 77.0
    found = elapsed_of(tmp_path, seconds * unit)
    for place, user in enumerate("abc"):
        own = np.sort(seconds[6 * place : 6 * place + 6]) * unit
        assert np.allclose(found[user].numpy(), (own - own[0])[:5], atol=1e-9)
        assert found[user].is_floating_point() == (unit != 1)


@pytest.mark.parametrize(("span", "reads"), [(256, True), (0, False)])
def test_without_intervals_times_change_nothing(build, span, reads):
    """``time_span: 0``, the model's own control."""
    _, train, _, _, model = build("TiSASRec", **SHORT_RANKING, time_span=span)
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    batch = next(iter(train))
    with torch.no_grad():
        before = model.eval().full_sort_predict(batch)
        batch[model.ELAPSED] = batch[model.ELAPSED] ** 2
        assert torch.equal(model.full_sort_predict(batch), before) != reads


def test_what_blocks_receive_is_scaled_by_the_root_of_the_width(build):
    """The paper's code multiplies embeddings by the root of D before it adds positions."""
    *_, model = build("TiSASRec", **SHORT_RANKING, dropout_prob=0.5)
    received = []
    model.eval().extractor.blocks[0].register_forward_pre_hook(lambda _, given: received.append(given[0]))
    behaviors = torch.randn(2, 3, model.embedding_size)
    mask = torch.ones(2, 3, dtype=torch.bool)
    model.extractor(behaviors, mask, torch.zeros(2, 3, 3, dtype=torch.long))
    torch.testing.assert_close(received[0], behaviors * model.embedding_size**0.5)
