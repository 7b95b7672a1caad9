"""The auxiliary task in a built model: what the settings do to the gradients, and whose clicks are counted."""

import pytest
import torch
from helpers import auxiliary_tables, give_other_weights


def gradients(model, batch, part):
    """Gradients of one loss (0 main, 1 auxiliary) on E_auxiliary's rows; the same random numbers each time."""
    torch.manual_seed(3)
    losses = model.calculate_loss(batch)
    loss = losses[part] if isinstance(losses, tuple) else losses
    tables = auxiliary_tables(model)
    found = torch.autograd.grad(loss, [weight for weight, _ in tables], allow_unused=True)
    return [torch.zeros_like(w[rows]) if g is None else g[rows] for (w, rows), g in zip(tables, found)]


@pytest.mark.parametrize("delta", [0.25, 0.8])
@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "FFM_IaCN"])
def test_the_settings_delta_and_lambda_mix_the_gradients_of_e_auxiliary(build, model, delta):
    """Equation (3), with nothing set by hand: (1 - delta) lambda g_IaCN + delta g_main. g_main is that of the ``width``
    model, which has no auxiliary task; g_IaCN that of a model whose delta is 0, which leaves it unscaled."""
    changes = {"iacn_lambda": 0.7, "iacn_negatives": 5}
    _, train, _, _, full = build(model, iacn_delta=delta, **changes)
    *_, width = build(model, iacn_mode="width", iacn_delta=delta, **changes)
    *_, whole = build(model, iacn_delta=0.0, **{**changes, "iacn_lambda": 1.0})
    give_other_weights(full)
    state = full.state_dict()
    whole.load_state_dict(state)
    width.load_state_dict({name: state[name] for name in width.state_dict()})
    batch = next(iter(train))
    g_main, g_iacn = gradients(width, batch, 0), gradients(whole, batch, 1)
    torch.manual_seed(3)
    sum(full.calculate_loss(batch)).backward()
    for (weight, rows), main, auxiliary in zip(auxiliary_tables(full), g_main, g_iacn):
        assert main.norm() > 1e-3 and auxiliary.norm() > 1e-3
        mixture = (1 - delta) * 0.7 * auxiliary + delta * main
        torch.testing.assert_close(weight.grad[rows], mixture, rtol=1e-4, atol=1e-5 * float(mixture.abs().max()))


def test_in_mode_width_e_auxiliary_gets_the_whole_gradient_of_the_main_task(build):
    """Whatever delta is: there is nothing to mix with."""
    _, train, _, _, one = build(iacn_mode="width", iacn_delta=0.25)
    *_, other = build(iacn_mode="width", iacn_delta=1.0)
    other.load_state_dict(one.state_dict())
    batch = next(iter(train))
    for found, wanted in zip(gradients(one, batch, 0), gradients(other, batch, 0)):
        assert wanted.any() and torch.equal(found, wanted)


def test_item_frequencies_count_clicks_and_no_other_rows(build, tmp_path):
    """In the training file i1 is clicked twice, i2 never, i3 once; the other files do not count."""
    folder = tmp_path / "split"
    folder.mkdir()
    head = "user_id:token\titem_id:token\titem_id_list:token_seq\tlabel:float\n"
    rows = "u1\ti1\ti3 i2\t1\nu2\ti1\ti3\t1\nu1\ti2\ti3\t0\nu2\ti2\ti3 i1\t0\n"
    for part in ("train", "valid", "test"):
        last = "u3\ti3\ti1\t1\n" if part == "train" else "u3\ti3\ti1\t0\n"
        (folder / f"split.{part}.inter").write_text(head + rows + last)
    _, train, _, _, model = build(
        dataset="split",
        data_path=str(tmp_path),
        load_col={"inter": ["user_id", "item_id", "item_id_list", "label"]},
        benchmark_filename=["train", "valid", "test"],
        alias_of_item_id=["item_id_list"],
        protocol=None,
        train_neg_sample_args=None,
        eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled"},
    )
    tokens = train._dataset.field2id_token["item_id"]
    found = {token: int(count) for token, count in zip(tokens, model.tasks["iacn"].item_frequency)}
    assert found == {"[PAD]": 0, "i1": 2, "i2": 0, "i3": 1}


SETTINGS = {
    "iacn_temperature": (0.2, lambda network: network.temperature),
    "iacn_attention": ("pow", lambda network: network.attention.mode),
    "iacn_power": (3.0, lambda network: network.attention.power),
    "iacn_interests": (3, lambda network: network.extractor.num_interests),
    "iacn_routing_iterations": (2, lambda network: network.extractor.iterations),
    "iacn_interest_rounding": ("floor", lambda network: network.extractor.rounding),
    "iacn_map_scale": (7.0, lambda network: network.extractor.bilinear[0, 0].item()),
    "iacn_loss": ("bpr", lambda network: network.loss_name),
    "iacn_distillation_temperature": (0.7, lambda network: network.distillation_temperature),
}


@pytest.mark.parametrize("extractor", ["routing", "attention"])
def test_without_rounding_every_user_has_all_interests(build, extractor):
    """Also who has clicked once; by default that user has one."""
    for rounding, fewest in (("ceil", 1), (None, 4)):
        _, train, *_, model = build(iacn_interest_rounding=rounding, iacn_extractor=extractor)
        rows = train._dataset[torch.arange(len(train._dataset))]
        lengths = (rows["item_id_list"] != 0).sum(dim=1)
        _, active, _ = model.interests_and_items(rows)
        assert lengths.min() == 1 and (active.sum(dim=1)[lengths == 1] == fewest).all()


def test_every_setting_reaches_the_network(build):
    """None of the values is the default."""
    *_, plain = build()
    *_, model = build(**{key: value for key, (value, _) in SETTINGS.items()}, iacn_logit_std=5.0)
    for key, (value, read) in SETTINGS.items():
        assert read(model.tasks["iacn"].network) == value != read(plain.tasks["iacn"].network), key
    assert model.tasks["iacn"].network.extractor.initial_logits.std() > 2  # 18 draws of deviation 5; the default is .3
