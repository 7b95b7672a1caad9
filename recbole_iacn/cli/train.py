"""The command ``recbole-iacn train``, also available as ``run_recbole_iacn.py``: one run with RecBole's flags."""

import os
import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from recbole_iacn.cli import train_result
from recbole_iacn.cli.parser import Parser
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.system import interrupts

_MODEL = "DIN_IaCN"


def main(arguments: list[str] | None = None) -> dict[str, Any] | None:
    """Train a model according to a command line with RecBole's flags, which are checked first.

    The flags are those of ``--help``, and ``--key=value`` for every setting. Settings that lie beside the data,
    ``<data_path>/<dataset>/<dataset>.yaml``, are read below those of ``--config_files``, which are below the flags; one
    line says so, ``--no_dataset_yaml`` leaves them out. The epochs and the result are printed to standard output,
    warnings to standard error. On a wrong setting, print one line and exit with code 2.

    Args:
        arguments (list of str, optional): the command line without the program's name. Defaults to the process' own.

    Returns:
        dict: the result of :func:`recbole_iacn.run`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    known, rest = train_parser(arguments).parse_known_args(arguments)
    from recbole_iacn.settings.sources import naming_file  # after the help, which needs nothing but the parser

    given = vars(known)
    flags = tuple(given)
    sys.argv[1:] = []  # these have been read; build would warn about settings that remain
    files, settings_given = given.pop("config_files").split(), {}
    as_json = given.pop("json")
    given["console"] = "log" if given.pop("verbose") else "json" if as_json else "table"
    with interrupts.ending_with_a_line():
        try:
            with interrupts.undisguised():
                from recbole_iacn.quick_start import run

                settings_given = _settings(rest, flags)
                if not given.pop("no_dataset_yaml"):
                    said = sys.stderr if as_json else sys.stdout
                    files = _found(given["dataset"], files, settings_given.get("data_path"), said)
                result = run(config_file_list=files, config_dict=settings_given, **given)
        except ConfigError as error:
            print(f"error: {naming_file(error, files, settings_given)}", file=sys.stderr)
            sys.exit(2)
    if result is not None:  # of several machines or processes, one says it
        print(train_result.as_json(known.model, known.dataset, result) if as_json else train_result.as_text(result))
    return result


def train_parser(arguments: Sequence[str] = ()) -> Parser:
    """The flags; the settings are in the help alone."""
    parser = _Parser(
        arguments,
        prog="recbole-iacn train",
        usage="%(prog)s [--model=NAME] [--dataset=NAME] [--key=value ...]",
        description="Train a model of this package or of RecBole, and test its best epoch.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("model and data")
    what.add_argument("--model", "-m", default=_MODEL, help="model name (default: %(default)s)")
    what.add_argument("--dataset", "-d", default="ml-100k", help="dataset name (default: %(default)s)")
    what.add_argument("--config_files", default="", help="YAML files, separated by spaces")
    what.add_argument("--no_dataset_yaml", action="store_true", help="do not read DATA_PATH/DATASET/DATASET.yaml")
    begin = parser.add_argument_group("where it begins")
    begin.add_argument("--resume", metavar="CHECKPOINT", help="go on with an interrupted training over the same data")
    begin.add_argument(
        "--from", dest="start_from", metavar="PATH", help="start from another day's model, a bundle or a checkpoint"
    )
    begin.add_argument(
        "--new_rows",
        help="with --from, what unknown users and items start from: mean (of those with the same features) or fresh",
    )
    left = parser.add_argument_group("what is printed and written")
    left.add_argument("--verbose", action="store_true", help="print RecBole's log, settings and model included")
    left.add_argument("--json", action="store_true", help="print the result as one JSON object, the rest to stderr")
    left.add_argument(
        "--out", metavar="DIR", help="folder for saved/, log/ and log_tensorboard/ (default: the working folder)"
    )
    left.add_argument("--bundle", metavar="DIR", help="write the model of the best epoch to this folder, as a bundle")
    left.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    several = parser.add_argument_group("several processes")
    several.add_argument("--nproc", type=int, default=1, help="number of processes on this machine (default: 1)")
    several.add_argument("--ip", default="localhost", help="address of the first machine (default: %(default)s)")
    several.add_argument("--port", default="5678", help="port of the first machine (default: %(default)s)")
    several.add_argument(
        "--world_size", type=int, default=-1, help="number of processes on all machines (default: nproc)"
    )
    several.add_argument(
        "--group_offset", type=int, default=0, help="rank of this machine's first process (default: 0)"
    )
    return parser


class _Parser(Parser):
    """Its help ends with the settings of the model that the command line names."""

    def __init__(self, arguments, **kwargs):
        super().__init__(**kwargs)
        self._arguments = arguments

    def format_help(self) -> str:
        """The flags, then the settings."""
        from recbole_iacn.cli.train_help import settings_help

        asked = ArgumentParser(add_help=False, allow_abbrev=False)
        asked.add_argument("--model", "-m", default=_MODEL)
        others = [one for one in self._arguments if one not in ("-h", "--help")]
        return super().format_help() + "\n" + settings_help(asked.parse_known_args(others)[0].model) + "\n"


def _found(dataset: str, files: list[str], data_path: str | None, said: TextIO) -> list[str]:
    """The config files with the dataset's own before them, which one line reports."""
    from recbole_iacn.settings.sources import with_dataset_yaml

    every = with_dataset_yaml(dataset, files, data_path)
    if len(every) > len(files) and os.environ.get("RANK", "0") == "0":  # once, where torchrun starts several processes
        print(
            f"settings of {every[0]} are read, below all others (--no_dataset_yaml leaves them out)",
            file=said,
            flush=True,
        )
    return every


def _settings(arguments: list[str], flags: Iterable[str]) -> dict[str, str]:
    """Parse ``--key=value`` into a dict of strings, which RecBole converts to values; a misspelt one may be a flag."""
    from recbole_iacn.checks import settings

    given: dict[str, str] = {}
    for argument in arguments:
        if not re.fullmatch(r"--\w+=[^=]*", argument):
            name, known = argument.lstrip("-"), settings.known_keys()
            hint = "" if name in known else did_you_mean(name, [*known, *flags]).replace(" Did", "; did", 1)
            if argument == "--version":
                hint = "; recbole-iacn --version prints the version"
            raise ConfigError(f"{argument}: settings are given as --key=value{hint}")
        key, _, value = argument[2:].partition("=")
        if given.setdefault(key, value) != value:
            raise ConfigError(f"{key}: given twice on the command line, as {given[key]} and as {value}")
    settings.check_keys(given, "command line", others=flags)
    return given
