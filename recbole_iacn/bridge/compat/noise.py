"""Patches that suppress warnings and files of RecBole that a user can do nothing about."""

import functools
import logging
import os
import threading
import types
import warnings

from recbole_iacn.bridge import run_names
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.system import disk, run_output


def without_warning(function, message):
    """``function``, without the warnings whose text matches ``message``."""

    @functools.wraps(function)
    def quiet(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message)
            return function(*args, **kwargs)

    return quiet


_COPY = r"(?s).*A value is (being set|trying to be set) on a copy"


def patch_data_warnings(module):
    """Suppress the warnings of pandas and PyTorch about RecBole's own code: in-place ``fillna`` has no effect or will
    have none, ``agg(len)`` has changed or will change, and a column that becomes a tensor is read-only.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    for method, message in (
        ("_load_feat", _COPY),
        ("_fill_nan", _COPY),
        ("_remap", r"using .* in Series\.agg cannot aggregate"),
        ("_dataframe_to_interaction", "The given NumPy array is not writable"),
    ):
        setattr(module.Dataset, method, without_warning(getattr(module.Dataset, method), message))


class _NoWriter:
    """A TensorBoard writer that discards what RecBole's trainers write."""

    def add_scalar(self, *args, **kwargs):
        pass

    add_hparams = add_scalars = add_histogram = add_text = flush = close = add_scalar


class _LastingWriter:
    """A TensorBoard writer that ends at the first value that its disk refuses, with one warning; the training goes on.

    Args:
        writer (torch.utils.tensorboard.SummaryWriter): the writer.
    """

    def __init__(self, writer):
        self._writer = writer

    def __getattr__(self, name):
        write = getattr(self._writer, name)

        def lasting(*args, **kwargs):
            try:
                return write(*args, **kwargs)
            except OSError as error:
                self._writer = _NoWriter()
                logging.getLogger().warning(
                    f"log_tensorboard: cannot be written ({disk.reason(error, 'log_tensorboard')}); the curves end, "
                    "and the training goes on"
                )

        return lasting if callable(write) else write


def patch_tensorboard(module):
    """Write ``log_tensorboard/<name of the run>/`` only with ``log_tensorboard: True``.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    wanted = threading.local()

    def writer(logger):
        if not getattr(wanted, "now", False):
            return _NoWriter()
        from torch.utils.tensorboard import SummaryWriter

        folder = run_output.current().within("log_tensorboard")
        with disk.writing(folder, "start in a folder that can be written"):
            return _LastingWriter(SummaryWriter(os.path.join(folder, run_names.name_being_made())))

    module.get_tensorboard = writer
    for trainer_class in (module.Trainer, module.DecisionTreeTrainer):

        @wrap(trainer_class, "__init__")
        def construct(original, trainer, config, model):
            before, wanted.now = getattr(wanted, "now", False), config["log_tensorboard"]
            try:
                original(trainer, config, model)
            finally:
                wanted.now = before


def patch_bars(module):
    """Beside a table of epochs, remove a progress bar when it is full.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    module.tqdm = functools.partial(run_output.brief_bar, module.tqdm)


class _QuietAmp(types.ModuleType):
    """``torch.cuda.amp`` without the warnings of its classes."""

    def __init__(self, amp):
        super().__init__(amp.__name__)
        self._amp = amp

    def __getattr__(self, name):
        value = getattr(self._amp, name)
        return without_warning(value, r".*torch\.cuda\.amp") if name in ("GradScaler", "autocast") else value


def patch_scaler_warnings(module):
    """Suppress the warnings of ``torch.cuda.amp``, in every epoch, that it has moved and, on a machine without a GPU,
    that it has no effect.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    module.amp = _QuietAmp(module.amp)
