"""Modules of the user's that a command imports first, with the models and tasks that a bundle or a setting names."""

import importlib
import sys
import traceback
from pathlib import Path

from recbole_iacn.errors import ConfigError, as_line

FLAG = "--import"
# Their runs are processes of their own, which would not know what this one has imported.
_IN_PROCESSES = ("experiment", "search")


def import_named(arguments: list[str]) -> list[str]:
    """Import what the flags before the command name; modules of the working folder are found, too.

    Args:
        arguments (list of str): the command line without the program's name.

    Returns:
        list of str: the command and its own arguments.

    Raises:
        ConfigError: a module does not exist or fails, the flag stands behind the command, or the command runs in
            processes that would not have it.
    """
    names = []
    while arguments and _is_flag(arguments[0]):
        given = arguments[0].partition("=")[2] if "=" in arguments[0] else (arguments[1:2] or [""])[0]
        arguments = arguments[1 if "=" in arguments[0] else 2 :]
        names.append(given)
    if any(map(_is_flag, arguments)):
        raise ConfigError(f"import: stands before the command, as in recbole-iacn {FLAG} mine {arguments[0]} …")
    if names and arguments[:1] and arguments[0] in _IN_PROCESSES:
        raise ConfigError(
            f"import: the runs of {arguments[0]} are processes of their own, which know no module of yours; "
            "train such models by recbole-iacn train, or from Python"
        )
    for name in names:
        _import(name)
    return arguments


def _is_flag(argument):
    return argument == FLAG or argument.startswith(f"{FLAG}=")


def _import(name):
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"import: needs the name of a module, such as mine for mine.py in this folder, got {name!r}")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        importlib.import_module(name)
    except ConfigError:
        raise
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0] and error.name != name:
            raise ConfigError(f"import: {name} needs the module {error.name}, which is not installed") from None
        raise ConfigError(f"import: there is no module {name!r}, neither in {folder} nor installed") from None
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(as_line(f"import: {name} fails at {last.filename}:{last.lineno}: {error!r}")) from error
