"""The command recbole-iacn, from its first line: Ctrl-C and SIGTERM are heard before the package is imported."""

import os
import signal
from typing import NoReturn


def main() -> None:
    """Run the command line of this process, see :func:`recbole_iacn.cli.main`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    from recbole_iacn.cli import main

    main()


def _end(number: int, frame: object) -> NoReturn:
    os.write(2, b"interrupted\n")  # nothing has begun
    os._exit(128 + number)


if __name__ == "__main__":
    main()
