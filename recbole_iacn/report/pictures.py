"""Figures as SVG files, drawn by Plotly and Kaleido, which start a Chrome or Chromium.

The drawing is done in a process of its own, ``python -m recbole_iacn.report.pictures``, which reads figures as JSON and
prints SVG as JSON: a browser that starts and never answers, as on a busy machine, is then stopped and started again.
The browser's files lie in a temporary folder that does not outlive it, and the browser does not outlive the command.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from recbole_iacn.errors import ConfigError
from recbole_iacn.report.page import Figures
from recbole_iacn.system import interrupts, leftovers
from recbole_iacn.system.atomic_writes import replacing
from recbole_iacn.system.plain_names import check_name

_DRAWING = [sys.executable, "-m", "recbole_iacn.report.pictures"]
_SECONDS = 60  # for a figure; one takes about two
_TRIES = 2
_DYING = 1.0  # seconds


def write_pictures(figures: Figures, folder: Path) -> list[Path]:
    """Write figures as SVG files, for viewers that run no scripts.

    Args:
        figures (dict): name -> (title, plotly Figure).
        folder (pathlib.Path): receives ``<name>.svg``.

    Returns:
        list of pathlib.Path: the files.

    Raises:
        ConfigError: Kaleido, or the browser that it needs, is missing or does not answer.
    """
    paths = []
    for name, (_, figure) in figures.items():
        shown = go.Figure(figure).update_layout(paper_bgcolor="white", font_color="#1c1c1c")
        for place, trace in enumerate(shown.data):
            trace.uid = str(place)  # the default is random
        drawn = _drawn(
            json.dumps({"figure": json.loads(shown.to_json(remove_uids=False)), "height": figure.layout.height})
        )
        paths.append(folder / f"{check_name(name, 'pictures: a swept setting')}.svg")
        with replacing(paths[-1]) as partial:
            partial.write_bytes(_same_each_time(drawn))
    return paths


def _drawn(figure):
    for _ in range(_TRIES):
        with leftovers.temporary_folder() as folder, _child(folder) as child:
            try:
                svg, error = child.communicate(figure, timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        if child.returncode == 0:
            return svg.encode()
        reason = error.strip().splitlines()[-1] if error.strip() else f"code {child.returncode}"
        raise ConfigError(
            f"pictures: Plotly cannot draw ({reason}); pip install 'recbole_iacn[pictures]' and install Chrome "
            "or Chromium, or omit --pictures"
        )
    raise ConfigError(
        f"pictures: the browser did not answer within {_SECONDS} seconds, {_TRIES} times; try again where the "
        "machine is less busy, or omit --pictures"
    )


@contextlib.contextmanager
def _child(folder):
    """A process that draws, which ends with the block, and the browser with it."""
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [*_DRAWING, str(os.getpid())],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # where all of them have ended
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        _wait_for_group(child.pid)
        for stream in filter(None, (child.stdin, child.stdout, child.stderr)):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


class _InGroup(subprocess.Popen):
    """A child in this process's group: Kaleido gives the browser a session of its own, where nobody could end it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **{**more, "start_new_session": False})


def _wait_for_group(group):
    """Until the browser, which was killed, writes no more: its folder is removed next."""
    until = time.monotonic() + _DYING
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):  # macOS: of those that have died
            return
        time.sleep(0.01)


def _same_each_time(svg):
    """Replace the random identifier in the names of a drawing's parts, so that equal figures give equal files."""
    mark = re.search(rb'id="defs-(\w+)"', svg)
    return re.sub(rb"([a-z]-?)" + mark[1], rb"\1figure", svg) if mark else svg


def main() -> None:
    """Draw the figure that is read from standard input, and print it; on failure, one line and exit code 1.

    The first argument is the number of the process that asks for it.
    """
    if len(sys.argv) > 1:
        interrupts.end_after(int(sys.argv[1]))
        subprocess.Popen = _InGroup  # type: ignore[misc]
    given = json.load(sys.stdin)
    try:
        svg = go.Figure(given["figure"]).to_image(format="svg", width=900, height=given["height"])
    except (ValueError, ImportError, RuntimeError) as error:
        print(str(error).strip().splitlines()[0], file=sys.stderr)
        sys.exit(1)
    print(svg.decode(), end="")


if __name__ == "__main__":
    main()
