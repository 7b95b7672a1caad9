"""The interface of auxiliary tasks: further losses, which train the auxiliary item embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.names import tasks

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction

    from recbole_iacn.model.click.interest_aware import InterestAware


class AuxiliaryTask(nn.Module):
    """One or several losses that an interest-aware model learns from in addition to its own, in training only.

    A model has the tasks that ``auxiliary_tasks`` names, each as the module ``model.tasks[name]``. A task reads items
    by ``model.auxiliary_embedding``, through which ``E_auxiliary`` receives ``1 - iacn_delta`` of its gradient.

    Attributes:
        name (str): its name in ``auxiliary_tasks``.
        settings (type, optional): the group of settings that it adds; none by default.
        loss_names (tuple of str): the names of its losses in the log; ``(name,)`` by default.
        reads_state (bool): whether it reads ``model.user_state``, so that a backbone that has computed it keeps it.

    Args:
        config: the run's settings.
        dataset: the training data.
        model: the model that is being built; its item tables exist already.
    """

    name = ""
    settings: type | None = None

    def __init__(self, config: Config, dataset: Dataset, model: InterestAware) -> None:
        super().__init__()

    @property
    def reads_state(self) -> bool:
        return False

    @property
    def loss_names(self) -> tuple[str, ...]:
        return (self.name,)

    def losses(self, model: InterestAware, batch: Interaction, clicked: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The task's losses on a batch, each with its weight.

        Args:
            model: has ``auxiliary_embedding(items)``, the names of the columns (``ITEM_SEQ``, ``ITEM_ID`` …) and
                ``epoch``.
            batch: B rows with histories.
            clicked: True for the rows labelled 1 that have a history, shape (B,).

        Returns:
            A scalar for each of ``loss_names``, the mean over these rows; differentiable even if there are none.
        """
        raise NotImplementedError

    def checked_losses(self, model: InterestAware, batch: Interaction, clicked: Tensor) -> tuple[Tensor, ...]:
        """:meth:`losses` as a tuple.

        Raises:
            ConfigError: they are not one scalar for each of ``loss_names``.
        """
        found = self.losses(model, batch, clicked)
        losses = found if isinstance(found, tuple) else (found,)
        if len(losses) != len(self.loss_names) or not all(isinstance(one, Tensor) and one.dim() == 0 for one in losses):
            raise ConfigError(
                f"task {self.name!r}: losses must return a scalar tensor for each of loss_names "
                f"({', '.join(self.loss_names)})"
            )
        return losses


def add_task(task: type[AuxiliaryTask]) -> type[AuxiliaryTask]:
    """Register a task of one's own for the setting ``auxiliary_tasks``, in this process.

    Args:
        task: the class, with a name.

    Returns:
        The same class, so that the function serves as a decorator.

    Raises:
        ConfigError: it is not a task, its name is taken, or one of its settings is.
    """
    if not isinstance(task, type) or not issubclass(task, AuxiliaryTask):
        raise ConfigError(f"add_task: {task!r} is not a subclass of recbole_iacn.AuxiliaryTask")
    tasks.check(task.name, task)
    if hasattr(nn.ModuleDict, task.name):
        raise ConfigError(f"add_task: a module of PyTorch cannot hold a part called {task.name!r}; choose another name")
    if task.losses is AuxiliaryTask.losses:
        raise ConfigError(f"add_task: {task.__name__} has no losses; define the method losses(model, batch, clicked)")
    if task.settings is not None:
        from recbole_iacn import settings

        settings.add(task.settings, f"task {task.name!r}")
    tasks.add(task.name, task)
    return task


def find_task(name: str) -> type[AuxiliaryTask]:
    """The class behind a name in ``auxiliary_tasks``.

    Args:
        name: the name of a task.
    """
    return tasks.find(name)
