"""The seam for auxiliary tasks: several on one model, and names and settings that are taken."""

import pytest
import torch
from helpers import auxiliary_tables

import recbole_iacn
from recbole_iacn import ConfigError, names
from recbole_iacn.model.click.capsule_task import CapsuleTask
from recbole_iacn.settings import Group, table


class PullSettings(Group):
    pull_weight: float = 0.5
    """Weight of the loss."""


class Pull(recbole_iacn.AuxiliaryTask):
    """The clicked items' embeddings are to be as long as ``pull_weight`` says: a loss whose gradient is known."""

    name, settings = "pull", PullSettings

    def __init__(self, config, dataset, model):
        super().__init__(config, dataset, model)
        self.weight = config["pull_weight"]

    def losses(self, model, batch, clicked):
        vectors = model.auxiliary_embedding(batch[model.ITEM_ID][clicked])
        return self.weight * vectors.sum() / max(len(vectors), 1)


@pytest.fixture(autouse=True)
def tasks(monkeypatch):
    """What a test adds is known to that test alone."""
    before = dict(names.tasks)
    monkeypatch.setattr(table, "added", dict(table.added))
    yield names.tasks
    names.tasks.clear()
    names.tasks.update(before)


@pytest.mark.parametrize("backbone", ["DIN", "WideDeep"])
def test_two_tasks_share_the_second_embedding(build, backbone):
    """Its gradient is (1 - delta) of theirs together and delta of the main task's."""
    recbole_iacn.add_task(Pull)
    changes = {"auxiliary_tasks": ["iacn", "pull"], "iacn_delta": 0.25, "iacn_lambda": 0.7, "pull_weight": 3.0}
    *_, train, _, _, model = build(f"{backbone}_IaCN", **changes)
    assert model.loss_names == ("main", "iacn", "pull") and list(model.tasks) == ["iacn", "pull"]
    batch = next(iter(train))
    weights = [weight for weight, _ in auxiliary_tables(model)]

    def gradients(loss):
        found = torch.autograd.grad(loss, weights, allow_unused=True, retain_graph=True)
        return [torch.zeros_like(weight) if one is None else one for weight, one in zip(weights, found)]

    torch.manual_seed(3)
    main, capsules, pull = model.calculate_loss(batch)
    parts = [gradients(loss) for loss in (main, capsules, pull)]
    together = gradients(main + capsules + pull)
    for (_, rows), whole, *of_each in zip(auxiliary_tables(model), together, *parts):
        assert torch.allclose(whole[rows], sum(one[rows] for one in of_each), atol=1e-6)
        assert all(one[rows].any() for one in of_each)

    clicked = batch[model.ITEM_ID][batch["label"] > 0]
    vectors = model.item_tables.auxiliary(clicked).detach()
    assert pull.item() == pytest.approx(3.0 * vectors.sum().item() / len(clicked), rel=1e-5)
    # d loss / d c_t is weight / rows for each coordinate, of which a task passes on 1 - delta.
    free = model.item_tables.auxiliary(clicked)
    expected = torch.autograd.grad(free.sum() * 0.75 * 3.0 / len(clicked), weights, allow_unused=True)
    for (_, rows), found, wanted in zip(auxiliary_tables(model), parts[2], expected):
        assert torch.allclose(found[rows], wanted[rows], atol=1e-6)


def test_a_task_alone_stands_in_for_the_capsules(build):
    recbole_iacn.add_task(Pull)
    *_, test, model = build("WideDeep_IaCN", auxiliary_tasks=["pull"])
    assert model.loss_names == ("main", "pull") and not [n for n in model.state_dict() if n.startswith("tasks.")]
    with pytest.raises(ConfigError, match="auxiliary_tasks: couplings need the task iacn, this model has pull"):
        model.couplings(test._dataset[torch.arange(2)])


@pytest.mark.slow
def test_several_tasks_are_resumed_as_if_nothing_had_happened(settings):
    recbole_iacn.add_task(Pull)
    given = settings(auxiliary_tasks=["iacn", "pull"], epochs=3, stopping_step=9)
    whole = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    whole.fit()
    half = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 1, "checkpoint_dir": "half"})
    half.fit()
    rest = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "checkpoint_dir": "half"})
    rest.trainer.resume_checkpoint(half.checkpoint)
    rest.fit()
    assert rest.test() == whole.test()
    assert rest.trainer.epoch_losses == whole.trainer.epoch_losses[1:]
    assert list(whole.trainer.epoch_losses[0]) == ["main", "iacn", "pull"]


def of(base, **attributes):
    return type("Other", (base,), attributes)


class _Taken(Group):
    embedding_size: int = 3
    """RecBole has it."""


class _Same(Group):
    pull_weight: float = 0.1
    """Another group has it."""


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (torch.nn.Linear, "is not a subclass of recbole_iacn.AuxiliaryTask"),
        (of(recbole_iacn.AuxiliaryTask), "add_task: the name must be an identifier, such as my_own, got ''"),
        (of(recbole_iacn.AuxiliaryTask, name="next click"), "got 'next click'"),
        (
            of(Pull, name="iacn"),
            "add_task: the name 'iacn' is taken by recbole_iacn; choose another",
        ),
        (of(Pull, settings=_Taken, name="x"), "task 'x': setting 'embedding_size' exists already (RecBole's)"),
        (of(Pull, settings=_Same, name="y"), "task 'y': setting 'pull_weight' exists already (task 'pull')"),
        (of(Pull, name="keys"), "a module of PyTorch cannot hold a part called 'keys'"),
        (of(recbole_iacn.AuxiliaryTask, name="idle"), "add_task: Other has no losses"),
    ],
)
def test_what_cannot_be_added_is_one_line(tasks, task, message):
    recbole_iacn.add_task(Pull)
    before = dict(tasks), dict(table.added)
    with pytest.raises(ConfigError) as told:
        recbole_iacn.add_task(task)
    assert message in str(told.value) and "\n" not in str(told.value)
    assert (dict(tasks), dict(table.added)) == before


def test_the_papers_task_is_the_first(build):
    *_, model = build("WideDeep_IaCN")
    assert type(model.tasks["iacn"]) is CapsuleTask


def test_a_setting_of_a_task_that_a_model_does_not_have_is_rejected(build):
    recbole_iacn.add_task(Pull)
    with pytest.raises(ConfigError, match="pull_weight: WideDeep_IaCN does not read it; it is for task 'pull'"):
        build("WideDeep_IaCN", pull_weight=2.0)
    config, *_ = build("WideDeep_IaCN")
    assert "pull_weight" not in config.final_config_dict


def test_a_task_derived_from_another_shares_its_settings(build):
    recbole_iacn.add_task(Pull)
    recbole_iacn.add_task(of(Pull, name="push"))
    *_, model = build("WideDeep_IaCN", auxiliary_tasks=["push"], pull_weight=2.0)
    assert model.tasks["push"].weight == 2.0


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (lambda self, model, batch, clicked: [torch.zeros(())], "scalar tensor for each of loss_names"),
        (lambda self, model, batch, clicked: torch.zeros(2), "scalar tensor for each of loss_names"),
        (lambda self, model, batch, clicked: (torch.zeros(()),) * 2, r"for each of loss_names \(odd\)"),
    ],
)
def test_losses_of_another_shape_are_rejected(build, losses, message):
    """The log would give one task's loss another's name."""
    recbole_iacn.add_task(of(Pull, name="odd", losses=losses))
    *_, train, _, _, model = build("WideDeep_IaCN", auxiliary_tasks=["odd", "iacn"])
    with pytest.raises(ConfigError, match="task 'odd': losses must .*" + message):
        model.calculate_loss(next(iter(train)))


def test_two_losses_of_one_name_are_rejected(build):
    recbole_iacn.add_task(of(Pull, name="pull2", loss_names=("iacn",)))
    with pytest.raises(ConfigError, match="auxiliary_tasks: two losses are called 'iacn'"):
        build("WideDeep_IaCN", auxiliary_tasks=["iacn", "pull2"])


def test_the_weights_of_the_capsule_task_are_those_of_the_settings(build):
    """Twice lambda is twice the loss; so is the weight of the teacher's."""
    losses = []
    for factor in (1.0, 2.0):
        changes = {"iacn_lambda": 0.7 * factor, "iacn_distillation_weight": 0.4 * factor, "iacn_distillation_warmup": 0}
        *_, train, _, _, model = build("WideDeep_IaCN", iacn_target="distilled", **changes)
        torch.manual_seed(3)
        losses.append(torch.stack(model.auxiliary_losses(next(iter(train)))))
    torch.testing.assert_close(losses[1], 2 * losses[0])
    assert (losses[0] > 0).all()
