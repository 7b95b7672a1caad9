"""A log file that a full disk ends, while the work that writes it goes on."""

import contextlib
import logging
import sys

from recbole_iacn.system import disk


def outlast(handler: logging.FileHandler) -> None:
    """Let a log file end at the first line that its disk refuses, with one warning: logging would print a traceback for
    that line and for every later one.

    Args:
        handler: of the file.
    """

    def end(record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logging.Handler.handleError(handler, record)
            return
        handler.addFilter(lambda later: False)
        with contextlib.suppress(OSError):  # it tries to write once more
            handler.close()
        path = handler.baseFilename
        logging.getLogger(__name__).warning(
            f"{path}: cannot be written ({disk.reason(error, path)}); the log ends here, and the work goes on"
        )

    handler.handleError = end  # type: ignore[method-assign]
