"""Patches by which RecBole runs no code of a file's: Python's objects in YAML, expressions, pickles in arrays."""

import ast
import inspect
import types

from recbole_iacn.errors import ConfigError, did_you_mean


def patch_yaml(module):
    """Read YAML by PyYAML's safe loader, which makes no objects of Python's classes, with the same numbers.

    The loader that RecBole takes stays a part of its Config, and so of its checkpoints.

    Args:
        module: of RecBole, which reads YAML.
    """
    import yaml

    def load(text, Loader):
        loader = type("SafeLoader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": Loader.yaml_implicit_resolvers})
        return yaml.load(text, Loader=loader)

    module.yaml = types.SimpleNamespace(load=load, FullLoader=yaml.FullLoader)


def patch_teacher(module):
    """Let ``teacher`` name a network of the module; RecBole evaluates the text.

    Args:
        module: ``recbole.model.context_aware_recommender.kd_dagfm``.
    """
    from torch import nn

    def network(name):
        known = [
            found.__name__
            for found in vars(module).values()
            if inspect.isclass(found) and issubclass(found, nn.Module) and found.__module__ == module.__name__
            if found is not module.KD_DAGFM
        ]
        if name not in known:
            raise ConfigError(
                f"teacher: must be one of {', '.join(known)}, got {name[:80]!r}.{did_you_mean(name, known)}"
            )
        return getattr(module, name)

    module.eval = network


def patch_choices(module):
    """Read the choices of a file of hyperparameters as a list of values; RecBole evaluates the text.

    Args:
        module: ``recbole.trainer.hyper_tuning``.
    """

    def choices(text):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            found = None
        if not isinstance(found, list | tuple):
            raise ConfigError(
                f"params_file: a choice must be a list of values such as [1,2] or ['a','b'], got {text[:80]}"
            )
        return found

    module.eval = choices


def patch_item_embeddings(module):
    """Read the file of item embeddings as numbers; RecBole lets it contain pickled objects.

    Args:
        module: ``recbole.model.general_recommender.ldiffrec``.
    """
    numpy = module.np

    class WithoutPickles:
        def __getattr__(self, name):
            return getattr(numpy, name)

        def load(self, path, **_):
            try:
                return numpy.load(path, allow_pickle=False)
            except (ValueError, EOFError) as error:
                raise ConfigError(f"{path}: is not an array of numbers ({error}); write it by numpy.save") from None

    module.np = WithoutPickles()
