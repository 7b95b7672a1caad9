"""The command ``recbole-iacn train``, also available as ``run_recbole_iacn.py``: one run with RecBole's flags."""

import os
import re
import sys
from typing import Any

from recbole_iacn.checks import settings
from recbole_iacn.cli.parser import Parser
from recbole_iacn.errors import ConfigError
from recbole_iacn.settings.sources import naming_file, with_dataset_yaml
from recbole_iacn.system import interrupts


def main(arguments: list[str] | None = None) -> dict[str, Any] | None:
    """Train a model according to a command line with RecBole's flags, which are checked first.

    The flags are ``--model --dataset --config_files --nproc --ip --port --world_size --group_offset --resume --from
    --new_rows --bundle --overwrite``, and ``--key=value`` for every setting. Settings that lie beside the data,
    ``<data_path>/<dataset>/<dataset>.yaml``, are read below those of ``--config_files``, which are below the flags; one
    line says so, ``--no_dataset_yaml`` leaves them out. On a wrong setting, print one line and exit with code 2.

    Args:
        arguments (list of str, optional): the command line without the program's name. Defaults to the process' own.

    Returns:
        dict: the result of :func:`recbole_iacn.run`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = Parser(description="Train a RecBole model, interest-aware or not.", allow_abbrev=False)
    parser.add_argument("--model", "-m", default="DIN_IaCN", help="model name (default: %(default)s)")
    parser.add_argument("--dataset", "-d", default="ml-100k", help="dataset name (default: %(default)s)")
    parser.add_argument("--config_files", default="", help="YAML files, separated by spaces")
    parser.add_argument(
        "--no_dataset_yaml",
        action="store_true",
        help="do not read DATA_PATH/DATASET/DATASET.yaml",
    )
    parser.add_argument("--nproc", type=int, default=1, help="number of processes on this machine")
    parser.add_argument("--ip", default="localhost", help="address of the first machine")
    parser.add_argument("--port", default="5678", help="port of the first machine")
    parser.add_argument("--world_size", type=int, default=-1, help="number of processes on all machines")
    parser.add_argument("--group_offset", type=int, default=0, help="rank of this machine's first process")
    parser.add_argument("--resume", metavar="CHECKPOINT", help="go on with an interrupted training over the same data")
    parser.add_argument(
        "--from", dest="start_from", metavar="PATH", help="start from another day's model, a bundle or a checkpoint"
    )
    parser.add_argument(
        "--new_rows",
        help="with --from, what unknown users and items start from: mean (of those with the same features) or fresh",
    )
    parser.add_argument("--bundle", metavar="DIR", help="write the model of the best epoch to this folder, as a bundle")
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    known, rest = parser.parse_known_args(arguments)
    given = vars(known)
    sys.argv[1:] = []  # these have been read; build would warn about settings that remain
    files, settings_given = given.pop("config_files").split(), {}
    with interrupts.ending_with_a_line():
        try:
            with interrupts.undisguised():
                from recbole_iacn.quick_start import run

                settings_given = _settings(rest)
                if not given.pop("no_dataset_yaml"):
                    files = _found(given["dataset"], files, settings_given.get("data_path"))
                return run(config_file_list=files, config_dict=settings_given, **given)
        except ConfigError as error:
            print(f"error: {naming_file(error, files, settings_given)}", file=sys.stderr)
            sys.exit(2)


def _found(dataset: str, files: list[str], data_path: str | None) -> list[str]:
    """The config files with the dataset's own before them, which one line reports."""
    every = with_dataset_yaml(dataset, files, data_path)
    if len(every) > len(files) and os.environ.get("RANK", "0") == "0":  # once, where torchrun starts several processes
        print(f"settings of {every[0]} are read, below all others (--no_dataset_yaml leaves them out)", flush=True)
    return every


def _settings(arguments: list[str]) -> dict[str, str]:
    """Parse ``--key=value`` into a dict of strings, which RecBole converts to values."""
    given: dict[str, str] = {}
    for argument in arguments:
        if not re.fullmatch(r"--\w+=[^=]*", argument):
            raise ConfigError(f"{argument}: settings are given as --key=value")
        key, _, value = argument[2:].partition("=")
        if given.setdefault(key, value) != value:
            raise ConfigError(f"{key}: given twice on the command line, as {given[key]} and as {value}")
    settings.check_keys(given, "command line")
    return given
