"""One name per run, for its checkpoint, its log and its curves: they are found together, and two runs never meet.

RecBole names a checkpoint by its model and the second in which it was made. Two runs that start in the same second
write to one file, and report the figures of whichever wrote last.
"""

import logging
import os
import re
import secrets
import threading
import weakref

from recbole_iacn import parallel
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.system import leftovers, log_file, run_output
from recbole_iacn.system.unique_names import unique_name

LOG, TRAINER = "log", "trainer"  # what has a run's name

_runs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # config -> (name, what has it)
_logs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # config -> the log's path
_guard = threading.Lock()
_making = threading.local()  # the name of the trainer that is being made in this thread


def name_of(config, what):
    """The name of a run, ``<model>-<dataset>-<time>-<random>``.

    Args:
        config (recbole.config.Config): its settings. The name is not among them, so it is in no checkpoint, and
            whoever trains with a loaded config has a new one.
        what (str): ``LOG`` or ``TRAINER``. A second log or a second trainer with the same config is another run.
    """
    with _guard:
        name, used = _runs.get(config, ("", None))
        if used is None or what in used:
            words = (_word(config[key]) for key in ("model", "dataset"))
            name, used = unique_name(*words), set()
        used.add(what)
        _runs[config] = name, used
        return name


def log_of(config):
    """The path of a run's log file; None if it writes none.

    Args:
        config (recbole.config.Config): its settings.
    """
    return _logs.get(config)


def _word(name):
    """A model's or a dataset's name as a part of a path that leads nowhere else."""
    return re.sub(r"[\\/\s]|^\.+$", "_", str(name))


def name_being_made():
    """The name of the trainer that is being made in this thread."""
    return _making.name


def patch_trainers(module):
    """Give every trainer's checkpoint the name of its run, in all its processes the same; and remove what dead runs
    have left in ``checkpoint_dir``.

    Args:
        module: ``recbole.trainer.trainer``.
    """

    @wrap(module.Trainer, "__init__")
    def make(original, trainer, config, model):
        with _named(config) as name:
            original(trainer, config, model)
        trainer.saved_model_file = os.path.join(trainer.checkpoint_dir, f"{name}.pth")
        leftovers.sweep(trainer.checkpoint_dir)

    @wrap(module.DecisionTreeTrainer, "__init__")
    def make_tree(original, trainer, config, model):
        with _named(config) as name:
            original(trainer, config, model)
        stem = os.path.join(trainer.checkpoint_dir, name)
        trainer.saved_model_file, trainer.temp_best_file = f"{stem}.pth", f"{stem}-temp-best.pth"
        trainer.temp_file = f"{stem}-temp.pth"
        leftovers.sweep(trainer.checkpoint_dir)


class _named:
    def __init__(self, config):
        self.config = config

    def __enter__(self):
        self.before = getattr(_making, "name", None)
        _making.name = parallel.object_of_first(name_of(self.config, TRAINER))
        return _making.name

    def __exit__(self, *error):
        _making.name = self.before


def patch_time(module):
    """Let the time by which code outside this package may name its files be followed by something unique.

    Args:
        module: ``recbole.utils.utils``.
    """

    @wrap(module, "get_local_time")
    def get_local_time(original):
        return f"{original()}-{secrets.token_hex(4)}"


class RunFilter(logging.Filter):
    """Lets a run's handler take the lines of the thread that the run is in. Those of threads without a run go to the
    newest."""

    runs = threading.local()  # this thread's
    newest = ""

    def filter(self, record: logging.LogRecord) -> bool:
        run = getattr(RunFilter.runs, "name", None)
        return run == self.name if run else self.name == RunFilter.newest


def patch_logger(module):
    """Let the first of several processes write a log, with its run's name; a second run in the same process writes its
    own, and two threads' runs do not write to each other's. Where the application logs by its own handlers, the file
    has what the application's level lets through, and RecBole's would stay empty.

    Args:
        module: ``recbole.utils.logger``.
    """

    @wrap(module, "init_logger")
    def init_logger(original, config):
        root = logging.getLogger()
        if parallel.rank() != 0:
            if run_output.current().console is not None:  # what all processes would say, the first one says
                root.addHandler(logging.NullHandler())
            return
        former = getattr(RunFilter.runs, "name", None)
        for handler in _handlers(root, former) if former else []:
            root.removeHandler(handler)
            handler.close()
        name = name_of(config, LOG)
        RunFilter.runs.name = RunFilter.newest = name
        application = len(_handlers(root)) < len(root.handlers)  # it has a console and a level of its own
        console, file = _made(module, config, name)
        for handler in (file,) if application and not run_output.current().is_brief else (console, file):
            root.addHandler(handler)
        if not application:
            root.setLevel(min(handler.level for handler in _handlers(root)))


def _handlers(root, name=None):
    """The root's handlers that belong to a run, or to any."""
    found = [(handler, one) for handler in root.handlers for one in handler.filters if isinstance(one, RunFilter)]
    return [handler for handler, one in found if name in (None, one.name)]


def _made(module, config, name):
    """A handler for the console and one for ``log/<model>/<name>.log``, with RecBole's formats."""
    output = run_output.current()
    module.init(autoreset=True)
    folder = os.path.join(output.within("log"), _word(config["model"]))
    os.makedirs(folder, exist_ok=True)
    _logs[config] = os.path.join(folder, f"{name}.log")
    console = run_output.Notices(output) if output.is_brief else logging.StreamHandler()
    file = logging.FileHandler(_logs[config])
    line = "%(asctime)-15s %(levelname)s  %(message)s"
    console.setFormatter(
        module.colorlog.ColoredFormatter(f"%(log_color)s{line}", "%d %b %H:%M", log_colors=module.log_colors_config)
    )
    file.setFormatter(logging.Formatter(line, "%a %d %b %Y %H:%M:%S"))
    file.addFilter(module.RemoveColorFilter())
    log_file.outlast(file)
    level = getattr(logging, str(config["state"] or "info").upper(), logging.INFO)
    for handler in (console, file):
        handler.setLevel(level)
        handler.addFilter(RunFilter(name))
    return console, file
