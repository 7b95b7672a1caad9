"""The settings that ``recbole-iacn train --help`` shows, with a model's defaults and their meaning, from the settings'
one home. Nothing of PyTorch or RecBole is imported."""

import os
import shutil
import textwrap
from typing import Any

from recbole_iacn.names import FAMILY, FLOORS, SUFFIX, click_models, defaults_name, recbole_folder
from recbole_iacn.settings import general, table
from recbole_iacn.settings.documents import literal, recbole_defaults
from recbole_iacn.settings.sources import read_config_file

_INDENT = 24  # columns before a meaning

# Group -> the settings shown, of those that the model reads.
_SHOWN = {
    "data": ("data_path", "load_col", "MAX_ITEM_LIST_LENGTH", "user_inter_num_interval"),
    "test": ("protocol", "metrics", "topk", "valid_metric"),
    "training": ("epochs", "stopping_step", "learning_rate", "train_batch_size", "loss", "seed", "gpu_id"),
    "model": (
        *("embedding_size", "iacn_mode", "iacn_lambda", "iacn_delta", "iacn_extractor", "iacn_interests"),
        "num_interests",
    ),
}


def settings_help(model: str) -> str:
    """Settings of a model as the end of a help text.

    Args:
        model: its name; of one that is not known, what every model reads is shown.
    """
    defaults, own = _defaults(model)
    width = max(shutil.get_terminal_size().columns - 2, 60)
    parts = []
    for group, keys in _SHOWN.items():
        lines = [line for key in keys if _reads(model, key, own) for line in _entry(key, model, defaults, width)]
        parts.append("\n".join([f"settings, {group} (--key=value; defaults of {model}):", *lines]))
    parts.append(
        "\n".join(
            textwrap.wrap(
                "These are the usual ones. --model=NAME --help shows those of another model. All settings, of this "
                "package and of RecBole, are in docs/settings.md; each can also stand in a YAML file (--config_files). "
                "A wrong name or value is rejected before any data are read.",
                width,
            )
        )
    )
    return "\n\n".join(parts)


def _reads(model, key, own):
    """Whether a model reads a setting, as far as its name says."""
    of_all = any(key in table.keys_of(group) for group in (*table.RECBOLE, general.General))
    return key in own or (of_all and key != "loss")  # which few of RecBole's models know


def _defaults(model):
    """Key to default as far as there is one, and which are this package's for the model."""
    groups, backbone = _groups(model)
    values = recbole_defaults()
    path = recbole_folder() / "properties" / "model" / f"{defaults_name(backbone)}.yaml"
    if os.path.basename(backbone) == backbone and path.is_file():
        values.update(read_config_file(path))
    own = {key: value for name in groups for key, value in table.defaults_of(name).items()}
    return {**values, **own}, own


def _groups(model):
    """The files of defaults of a model, and the model of RecBole whose defaults lie below them."""
    if model in FAMILY:
        return ("MultiInterest", *((model,) if model in table.FILES else ())), ""
    if model in FLOORS:
        return ("Floors",), ""
    if model.endswith(SUFFIX) and model.removesuffix(SUFFIX) in click_models():
        return ("IaCN",), model.removesuffix(SUFFIX)
    return (), model


def _entry(key, model, defaults, width):
    one = _setting(key, model)
    default: Any = defaults.get(key, ...)
    shown = "" if default is ... else f"; default {literal(default)}"
    text = f"({one.words}{shown}) {one.text}"
    head = f"  --{key}=…"
    lines = textwrap.wrap(text, width, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT)
    if len(head) < _INDENT - 1:
        return [head + lines[0][len(head) :], *lines[1:]]
    return [head, *lines]


def _setting(key, model):
    """As the model's own groups say it, and otherwise as its home does."""
    for name in reversed(_groups(model)[0]):
        for group in reversed(table.FILES[name]):
            for one in table.settings_of(group):
                if one.key == key:
                    return one
    return table.setting(key)
