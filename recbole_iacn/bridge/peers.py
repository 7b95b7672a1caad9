"""The setting ``last_state_only`` in RecBole's own recommenders."""

import importlib

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.errors import ConfigError

MODELS = ("GRU4Rec", "SASRec")


def shorten(module):
    """Let a model compute, where the setting asks for it, only what its last state depends on.

    Args:
        module: RecBole's, of one of :data:`MODELS`.
    """
    name = next(name for name in MODELS if hasattr(module, name))
    model_class = getattr(module, name)

    @wrap(model_class, "__init__")
    def init(original, model, config, dataset):
        original(model, config, dataset)
        model.last_state_only = bool(config["last_state_only"])

    @wrap(model_class, "forward")
    def forward(original, model, history, length):
        if not model.last_state_only:
            return original(model, history, length)
        short = importlib.import_module("recbole_iacn.model.last_state")
        return getattr(short, name.lower())(model, history, length)


def check_last_state(config):
    """Refuse the setting where nothing heeds it.

    Args:
        config (recbole.config.Config): final settings.

    Raises:
        ConfigError: names the mend.
    """
    asked = config["last_state_only"]
    if asked not in (None, True, False):
        raise ConfigError(f"last_state_only: must be True or False, got {asked!r}")
    if asked and config["model"] not in MODELS:
        raise ConfigError(f"last_state_only: is for {' and '.join(MODELS)}, not for {config['model']}; leave it out")
