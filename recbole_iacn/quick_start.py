"""Run a model by name: the checks of this package, then RecBole's own run."""

import argparse
import re
import sys

from recbole_iacn import bridge, settings
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import SUFFIX, backbone
from recbole_iacn.resources import click_models, recbole_models


def run(
    model,
    dataset,
    config_file_list=None,
    config_dict=None,
    saved=True,
    nproc=1,
    world_size=-1,
    ip="localhost",
    port="5678",
    group_offset=0,
):
    """Train, validate and test a model, ours or RecBole's, after checking all settings.

    Args:
        model (str or type): model name, or a model class.
        dataset (str): data set name; ``<data_path>/<dataset>/`` holds its atomic files. ``ml-100k`` is built in.
        config_file_list (list of str, optional): YAML files, the later over the earlier.
        config_dict (dict, optional): settings, over the files'.
        saved (bool): write the best model to ``checkpoint_dir``.
        nproc, world_size, ip, port, group_offset: RecBole's, for several processes; only one is supported yet.

    Returns:
        dict: ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result``, ``test_result``.

    Raises:
        ConfigError: a setting, file or column is wrong; raised before any training.
    """
    if nproc > 1 or world_size > 1:
        raise ConfigError("nproc, world_size: training in several processes is not supported yet, leave them out")
    model_class = check_model(model)
    for path in config_file_list or []:
        settings.check_keys(settings.read_config_file(path), path, model_class)
    settings.check_keys(config_dict or {}, "config_dict", model_class)
    from recbole.quick_start import run as recbole_run

    with bridge.checking_files():
        return recbole_run(
            model, dataset, config_file_list, config_dict, saved, nproc, world_size, ip, port, group_offset
        )


def check_model(model):
    """The class of a model of ours; None for a RecBole model's name.

    Args:
        model (str or type): name or class.

    Raises:
        ConfigError: neither of us knows the name.
    """
    if not isinstance(model, str):
        return model
    if backbone(model):
        from recbole_iacn.model.backbones import model_class

        return model_class(model)
    known = [*(name + SUFFIX for name in click_models()), *recbole_models()]
    if model not in known:
        raise ConfigError(f"model: there is no {model!r}.{did_you_mean(model, known)}")
    return None


def main(arguments=None):
    """The command line: RecBole's flags, checked.

    ``--model --dataset --config_files --nproc --ip --port --world_size --group_offset`` and ``--key=value`` for
    every setting. Ends with exit code 2 and one line on a wrong setting.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="Train a RecBole model, interest-aware or not.", allow_abbrev=False)
    parser.add_argument("--model", "-m", default="DIN_IaCN", help="model name (default: %(default)s)")
    parser.add_argument("--dataset", "-d", default="ml-100k", help="data set name (default: %(default)s)")
    parser.add_argument("--config_files", default="", help="YAML files, separated by spaces")
    parser.add_argument("--nproc", type=int, default=1, help="processes on this machine")
    parser.add_argument("--ip", default="localhost", help="address of the first machine")
    parser.add_argument("--port", default="5678", help="port of the first machine")
    parser.add_argument("--world_size", type=int, default=-1, help="processes on all machines")
    parser.add_argument("--group_offset", type=int, default=0, help="rank of this machine's first process")
    known, rest = parser.parse_known_args(arguments)
    try:
        for argument in rest:
            if not re.fullmatch(r"--\w+=[^=]*", argument):
                raise ConfigError(f"{argument}: settings are given as --key=value")
        settings.check_keys([argument[2:].partition("=")[0] for argument in rest], "command line")
        return run(
            config_file_list=known.config_files.split(), **{k: v for k, v in vars(known).items() if k != "config_files"}
        )
    except ConfigError as error:
        sys.exit(_fail(error))


def _fail(error):
    print(f"error: {error}", file=sys.stderr)
    return 2
