"""Generates ``properties/*.yaml`` and ``docs/settings.md`` from the settings."""

import textwrap
from typing import Any

from recbole_iacn.settings import general, table
from recbole_iacn.settings.group import settings_of

WIDTH = 132  # of a line of YAML, comment included
_COMMAND = "python -m recbole_iacn.settings"

_HEADS = {
    "IaCN": (
        "Every <Backbone>_IaCN, in addition to RecBole's settings of the backbone (embedding_size, mlp_hidden_size, …)."
        " Paper: Jaiswal & Xiong, RecSys '23."
    ),
    "MultiInterest": (
        "The multi-interest family (YouTubeDNN, MIND, ComiRec, ComiRecPlus, REMI, Re4, TiSASRec, ESASRec, TiMiRec, "
        "TiMiRecPlus): overrides RecBole's defaults, and is overridden by the model's own file. Those values that "
        "no text explains are of the TiMiRec paper's Beauty runs (CIKM '22)."
    ),
    "Floors": "Popularity and ItemNeighbours, which count and learn nothing: overrides RecBole's defaults.",
    "YouTubeDNN": "Nothing beyond MultiInterest.yaml. The model has one interest, whatever num_interests is.",
}


def yaml_files() -> dict[str, str]:
    """The texts of ``properties/``.

    Returns:
        dict: file name to text.
    """
    return {f"{name}.yaml": _yaml(name, groups) for name, groups in table.FILES.items()}


def _yaml(name, groups):
    head = _HEADS.get(name, "In addition to MultiInterest.yaml.")
    lines = _comment(f"{head} Generated from recbole_iacn/settings by {_COMMAND}.", "# ")
    for group in groups:
        if len(groups) > 1 and group.__doc__:
            lines += ["", f"# {group.__doc__}"]
        elif group.__doc__:
            lines += _comment(group.__doc__, "# ")
        for one in settings_of(group):
            lines += _entry(one)
    return "\n".join(lines) + "\n"


def _entry(one):
    inner = [f"  {key}: {literal(value)}" for key, value in one.default.items()] if _is_table(one.default) else []
    start = f"{one.key}:" if inner else f"{one.key}: {literal(one.default)}"
    start = f"{start:<31} # "
    text = f"({one.words}) {_meaning(one)}"
    return [*_comment(text, start, " " * 32 + "#   "), *inner]


def _meaning(one):
    return one.text + (f" Paper: {one.paper}." if one.paper is not None else "")


def _comment(text, start, more="# "):
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=more, break_on_hyphens=False)


def _is_table(value):
    return isinstance(value, dict)


def literal(value: Any) -> str:
    """A value as it is written in YAML.

    Args:
        value: a setting's.
    """
    if value is None:
        return "~"
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0") + ("0" if value == int(value) else "")
    return str(value)


def document() -> str:
    """The text of ``docs/settings.md``."""
    parts = [_INTRODUCTION]
    parts += [_section("This package's settings for every model", (general.General,))]
    parts += [_section("Interest-aware models, `<Backbone>_IaCN`", table.FILES["IaCN"])]
    parts += [_section("The multi-interest family", table.FILES["MultiInterest"])]
    own = {name: groups for name, groups in table.FILES.items() if groups and name not in ("IaCN", "MultiInterest")}
    parts += [_section(name, groups, "###") for name, groups in own.items()]
    parts += [_RECBOLE]
    parts += [_section(group.__doc__, (group,), "###", recbole_defaults()) for group in table.RECBOLE]
    return "\n".join(parts)


_INTRODUCTION = f"""# Settings

Generated from `recbole_iacn/settings` by `{_COMMAND}`; a test compares the two. Every value is checked before
any data are read: a wrong one ends the run with one line that names the key, and exit code 2.

- In a YAML file, numbers and booleans are written without quotes: `1e-3` and `0.001` are the same number, `'1'` is
  text. `~` is None. `off`, `no`, `on` and `yes` without quotes are booleans; `iacn_mode: off` still means the mode.
- On the command line (`--key=value`) and in the strings of a `config_dict`, Python literals are read:
  `--topk=[5,10]`, `--epochs=5`, `--protocol=None`; also `true` and `false`. Everything else is text. Expressions are
  not evaluated: `--epochs=2*3` is rejected.
- Where a setting is given more than once, the first of these wins: a flag (or `config_dict`), the YAML files of
  `--config_files` (or `config_file_list`), of which a later one wins over an earlier one, and the file beside the data,
  `<data_path>/<dataset>/<dataset>.yaml`. The commands find that file and say so in one line; `--no_dataset_yaml` leaves
  it out. `run` and `build` read only what they are given.
- True is not 1, and 5.0 is not an integer.
- In addition to its range, a value has a limit that only a mistake exceeds: 65,536 for widths and history lengths,
  1,000 for layers, iterations and rates, 256 for `worker`, a million for weights, 2,147,483,647 for other integers.
"""

_RECBOLE = """
## RecBole's settings

The settings that this package's models, RecBole's click models, SASRec and GRU4Rec read. The defaults are RecBole's;
where its models differ, or a kind of model has its own, none is given here. Hyper-parameters of RecBole's other models
are known by name, but not checked.
"""


def _section(title, groups, level="##", recbole=None):
    lines = [f"{level} {title}", ""]
    for group in groups:
        if len(groups) > 1 and group.__doc__:
            lines += [f"{'#' + level if level == '##' else '####'} {group.__doc__}", ""]
        lines += ["| key | what it may be | default | meaning |", "|---|---|---|---|"]
        for one in settings_of(group):
            default = (recbole or {}).get(one.key, ...) if one.default is ... else one.default
            shown = "" if default is ... else f"`{literal(default)}`"
            cells = [f"`{one.key}`", one.words, shown, _meaning(one)]
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def recbole_defaults() -> dict[str, Any]:
    """Key to default, of the settings that have one default for all of RecBole's models."""
    from recbole_iacn.names import recbole_folder
    from recbole_iacn.settings.sources import read_config_file

    folder = recbole_folder() / "properties"
    defaults = {}
    for name in ("overall.yaml", "dataset/sample.yaml"):
        defaults.update(read_config_file(folder / name))
    for path in (folder / "quick_start_config").glob("*.yaml"):
        for key in read_config_file(path):
            defaults.pop(key, None)  # a kind of model has its own
    return defaults
