"""A training on the CPU is not slowed down by numbers that are too small for full precision."""

import pytest
import torch

from recbole_iacn.training.denormals import denormals_as_zero

TINY = 2.0**-140


def vanish():
    return (torch.full((1,), TINY, dtype=torch.float32) * 1.0).item() == 0


def test_they_count_as_zero_in_the_block_alone():
    assert not vanish()
    with denormals_as_zero():
        assert vanish()
        with denormals_as_zero():
            assert vanish()
        assert vanish()
    assert not vanish()


def test_the_users_own_choice_is_kept():
    torch.set_flush_denormal(True)
    try:
        with denormals_as_zero():
            pass
        assert vanish()
    finally:
        torch.set_flush_denormal(False)


def test_an_error_in_the_block_ends_it():
    with pytest.raises(RuntimeError), denormals_as_zero():
        raise RuntimeError
    assert not vanish()


@pytest.mark.parametrize("model", ["DIN_IaCN", "TiMiRec"])
def test_a_training_steps_with_them_as_zero(build, monkeypatch, model):
    from recbole.utils import get_trainer

    config, train, valid, _, model = build(model, epochs=1)
    of_steps, loss = [], model.calculate_loss
    monkeypatch.setattr(model, "calculate_loss", lambda rows: of_steps.append(vanish()) or loss(rows))
    get_trainer(config["MODEL_TYPE"], config["model"])(config, model).fit(train, valid, verbose=False, saved=False)
    assert of_steps and all(of_steps)
    assert not vanish()
