"""What the commands ``recommend`` and ``score`` have in common: they answer a table by a table."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import interrupts


def output_arguments(parser: ArgumentParser) -> None:
    """Add the result's file, and limits."""
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write: .parquet or .csv")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    work_arguments(parser)
    parser.add_argument(
        "--batch_size", type=int, default=4096, help="users or rows answered at once (default: %(default)s)"
    )


def work_arguments(parser: ArgumentParser) -> None:
    """Add where the model is, and limits of the database."""
    parser.add_argument("--device", default="cpu", help="device of the model, such as cuda (default: %(default)s)")
    parser.add_argument(
        "--memory", type=int, default=2048, help="memory limit in MiB, beyond which disk is used (default: 2048)"
    )
    parser.add_argument("--threads", type=int, help="number of threads of the database (default: every core)")


def column_arguments(parser: ArgumentParser, table: str) -> Any:
    """Add the names of a table's columns; returns the group."""
    columns = parser.add_argument_group("columns, which are otherwise recognised by their usual names")
    for role in ("user", "item"):
        columns.add_argument(f"--{role}", metavar="COLUMN", help=f"column of the {role}, among the {table}")
    columns.add_argument(
        "--time", metavar="COLUMN", help=f"column of the time, among the {table}; none: rows are in order"
    )
    return columns


def cell_arguments(parser: ArgumentParser) -> None:
    """Add how cells of events are read."""
    cells = parser.add_argument_group("cells")
    cells.add_argument("--time-unit", help="of times that are numbers: s, ms, us, ns or place (default: found out)")
    cells.add_argument("--time-format", help="of times that are text, as '%%d/%%m/%%Y %%H:%%M' (default: ISO 8601)")
    cells.add_argument(
        "--label", metavar="COLUMN", help="column of labels: histories are of events with label 1; none: of all"
    )
    cells.add_argument(
        "--label-from", metavar="CONDITION", help="histories are of events with 'rating>=4', for example"
    )
    cells.add_argument(
        "--max-bad-rows", type=int, default=0, help="most events to drop for cells that cannot be read (default: 0)"
    )


def answer(work: Callable[..., Any], given: Namespace, options: Sequence[str], **inputs: Any) -> None:
    """Open the bundle, answer the table, and print what has become of it.

    Args:
        work: ``recommend_table`` or ``score_table``.
        given: the arguments.
        options: names of those that are passed on as they are.
        **inputs: further arguments of ``work``.
    """
    from recbole_iacn.serving.recommender import load
    from recbole_iacn.serving.tables.limits import Limits
    from recbole_iacn.serving.tables.output_files import check_output

    limits = Limits(given.memory, given.threads, given.batch_size, given.overwrite)
    limits.check()
    check_device(given.device)
    check_output(given.out, given.overwrite, [path for path in inputs.values() if isinstance(path, str)])
    chosen = {name: getattr(given, name) for name in options}
    with interrupts.leaving(given.out):
        recommender = load(given.bundle, given.device)
        account = work(recommender, out=given.out, limits=limits, **inputs, **chosen)
    print("\n".join(account.lines()))


def check_device(name: str) -> None:
    """Reject a device that this machine lacks.

    Args:
        name: as PyTorch names it.

    Raises:
        ConfigError: says why, and the mend.
    """
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(
            f"device: {name!r} is not a device of this machine ({first}); leave it out for the CPU"
        ) from None
