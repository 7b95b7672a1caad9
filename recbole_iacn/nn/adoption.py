"""Turning a layer that another constructor has built into one of this package's."""

from typing import TypeVar, cast

from torch import nn

Layer = TypeVar("Layer", bound=nn.Module)


def adopt(module: nn.Module, cls: type[Layer]) -> Layer:
    """Make ``module`` an instance of ``cls``, in place.

    RecBole's constructors build their layers themselves and give no way to hand in others. A new layer in an old one's
    place would have to copy its parameters, and would lose their names in the state dict, their initial values (and
    with these the order of random draws), and whatever else refers to the layer. Changing the class keeps all of it and
    replaces the computation alone.

    Args:
        module: the layer as its own constructor made it.
        cls: a subclass of the layer's class; its ``__init__`` is not run.

    Returns:
        The same object.

    Raises:
        TypeError: ``cls`` does not derive from the layer's class.
    """
    if not issubclass(cls, type(module)):
        raise TypeError(f"adopt: {cls.__name__} does not derive from {type(module).__name__}")
    module.__class__ = cls
    return cast(Layer, module)
