"""The command ``recbole-iacn prepare rows``: the first users' rows in words, whatever the protocol."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from recbole_iacn.cli.prepared import need
from recbole_iacn.errors import ConfigError, did_you_mean


def rows_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn prepare rows``."""
    parser.set_defaults(run=_rows)
    parser.add_argument("--dataset", help="dataset whose rows are printed")
    parser.add_argument("--data_path", help="folder that contains it (default: of the YAML files, or dataset)")
    parser.add_argument(
        "--config_files",
        nargs="+",
        default=[],
        metavar="YAML",
        help="settings, over those of the dataset's own NAME.yaml",
    )
    parser.add_argument("--model", help="model whose rows are printed (default: one that fits the protocol)")
    parser.add_argument("--protocol", help="evaluation protocol (default: of the YAML files, or leave_one_out_ctr)")
    parser.add_argument("--users", type=int, default=2, help="number of users (default: %(default)s)")


def _rows(given: Namespace) -> None:
    need(given, "rows", "dataset")
    files = [name for names in given.config_files for name in names.split()]
    _show(given.dataset, given.data_path, files, given.model, given.protocol, given.users)


def shown_rows_arguments(parser: ArgumentParser) -> None:
    """Add ``--show-rows``, by which a conversion ends with the rows of the new dataset."""
    rows = parser.add_argument_group("rows in words", "as recbole-iacn prepare rows prints them")
    rows.add_argument("--show-rows", action="store_true", help="print the first users' rows")
    rows.add_argument("--dataset", help="dataset whose rows are printed (default: the new one)")
    rows.add_argument("--data_path", default="dataset", help="folder that contains --dataset (default: %(default)s)")
    rows.add_argument("--protocol", help="evaluation protocol (default: leave_one_out_ctr)")
    rows.add_argument("--users", type=int, default=2, help="number of users (default: %(default)s)")


def check_shown_rows(given: Namespace) -> None:
    """Reject options of the rows before a conversion, whose result would stay behind the error.

    Raises:
        ConfigError: names the option.
    """
    from recbole_iacn.data.protocol import PROTOCOLS
    from recbole_iacn.settings.sources import BUILT_IN

    if not given.show_rows:
        unread = next((name for name in ("dataset", "protocol") if getattr(given, name)), None)
        if unread:
            raise ConfigError(f"{unread}: is for the rows that --show-rows prints; add that, or leave --{unread} out")
        return
    if given.protocol and given.protocol not in PROTOCOLS:
        raise ConfigError(
            f"protocol: there is no {given.protocol!r}.{did_you_mean(given.protocol, PROTOCOLS)} "
            f"There are: {', '.join(PROTOCOLS)}"
        )
    if given.users < 1:
        raise ConfigError(f"users: must be at least 1, got {given.users}")
    if given.dataset and not (Path(given.data_path, given.dataset).is_dir() or given.dataset in BUILT_IN):
        raise ConfigError(f"dataset: no folder {Path(given.data_path, given.dataset)}; leave it out for the new one")


def show_rows_of(given: Namespace) -> None:
    """After a conversion, print the rows if that was asked for."""
    if given.show_rows:
        dataset, folder = (given.dataset, given.data_path) if given.dataset else (given.name, given.out)
        _show(dataset, folder, [], None, given.protocol, given.users)


def _show(dataset, folder, config_files, model, protocol, users):
    from recbole_iacn.building import build
    from recbole_iacn.data.rows import as_they_are, rows_in_words
    from recbole_iacn.settings.sources import naming_file, read_config_file, with_dataset_yaml

    files = with_dataset_yaml(dataset, config_files, folder)
    if len(files) > len(config_files):
        print(f"settings: {files[0]}")
    in_files = [read_config_file(path) for path in files] if not (model or protocol) else []
    named = next((one["protocol"] for one in reversed(in_files) if "protocol" in one), protocol)
    model = model or _model_for(named)
    settings = {"seed": 2020, **as_they_are(model)}
    settings |= {key: value for key, value in (("data_path", folder), ("protocol", protocol)) if value}
    sys.argv[1:] = []  # these have been read; build would warn about settings that remain
    try:
        made = build(model, dataset, files, settings)
    except ConfigError as error:
        raise naming_file(error, files, settings) from None
    for line in rows_in_words((made.train_data, made.valid_data, made.test_data), users):
        print(line)


def _model_for(protocol):
    """A model that a protocol fits; the rows are the same for all that it fits."""
    from recbole_iacn.data.protocol import PROTOCOLS

    return "YouTubeDNN" if protocol in PROTOCOLS and PROTOCOLS[protocol].ranks_items else "DIN_IaCN"
