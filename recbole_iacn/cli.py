"""The command ``recbole-iacn``: download, prepare, train, experiment, search, report.

    recbole-iacn download amazon --year 2014 --category Electronics
    recbole-iacn prepare amazon --year 2014 --name Electronics --reviews … --meta …
    recbole-iacn prepare sequences --name Beauty --sequences Beauty.txt
    recbole-iacn prepare --show-rows --dataset Electronics --protocol din_electronics
    recbole-iacn train --model=DIN_IaCN --dataset=Electronics …
    recbole-iacn experiment experiments/table1.yaml --data_path dataset --jobs 2
    recbole-iacn search experiments/table1.yaml --trials 8
    recbole-iacn report results/table1

Modules are imported by the command that needs them.
"""

import argparse
import os
import sys
from pathlib import Path

from recbole_iacn import cli_data
from recbole_iacn.errors import ConfigError


def main(arguments=None):
    """Run one command; ends with exit code 2 and one line on wrong input.

    Args:
        arguments (list of str, optional): the command line without the program's name; by default that of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:
        from recbole_iacn.quick_start import main as train

        sys.argv[1:] = arguments[1:]  # RecBole reads its settings there
        train(arguments[1:])
        return
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
        sys.stdout.flush()
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # whoever read, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush at the end
        sys.exit(1)


def _parser():
    parser = argparse.ArgumentParser(
        prog="recbole-iacn",
        description="Interest-aware click models and multi-interest recommenders on RecBole: data, training, results.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("train", help="train a model; RecBole's flags, see: recbole-iacn train --help")
    cli_data.download_parser(commands.add_parser("download", help="fetch Amazon's raw files", allow_abbrev=False))
    cli_data.prepare_parser(
        commands.add_parser("prepare", help="raw files to atomic files; or show a data set's rows", allow_abbrev=False)
    )
    _experiment_parser(commands.add_parser("experiment", help="many runs from one file", allow_abbrev=False))
    _search_parser(commands.add_parser("search", help="hyper-parameters, on validation", allow_abbrev=False))
    report = commands.add_parser("report", help="an experiment's tables and curves", allow_abbrev=False)
    report.set_defaults(run=_report)
    report.add_argument("folder", help="of the experiment, such as results/table1")
    report.add_argument("--pictures", action="store_true", help="as SVG, too (pip install 'recbole_iacn[pictures]')")
    return parser


def _file_arguments(parser, meaning):
    parser.add_argument("file", help=meaning)
    parser.add_argument("--data_path", help="folder that holds the data sets (default: the file's data_path)")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="some of the file's data sets (default: all)")


def _reuse_argument(parser, whose="NAME/runs.jsonl and NAME/trials.jsonl have"):
    parser.add_argument("--reuse", action="store_true", help=f"don't run again what {whose}")


def _experiment_parser(parser):
    parser.set_defaults(run=_experiment)
    _file_arguments(parser, "YAML: models, data sets, modes, seeds, settings, sweep")
    parser.add_argument("--out", default="results", help="folder that gets NAME/runs/ (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each (default: %(default)s)")
    parser.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster (or: local) instead of by --jobs")
    _reuse_argument(parser, "runs.jsonl and trials.jsonl have, in NAME/ or in another folder beside it")
    parser.add_argument("--plan", action="store_true", help="say what would be run, and run nothing")
    parser.add_argument(
        "--rehearse", action="store_true", help="one epoch of each kind of run: how long will all take?"
    )


def _experiment(given):
    from recbole_iacn.experiments.plan import check_data, read_plan
    from recbole_iacn.experiments.runner import run_all
    from recbole_iacn.experiments.store import gathered, lay_out, result_path

    if given.jobs < 1:
        raise ConfigError(f"jobs: must be at least 1, got {given.jobs}")
    plan = read_plan(given.file, given.data_path, given.datasets)
    folder = Path(given.out, plan.name)
    known = gathered(folder, plan.runs) if given.reuse else ()
    if given.plan:
        done = [run.id in known or result_path(folder, run).is_file() for run in plan.runs]
        print("\n".join(f"{'done' if there else 'to do'}  {run.title}" for run, there in zip(plan.runs, done)))
        return
    check_data(plan)
    if given.rehearse:
        if given.ray:
            raise ConfigError("ray: a rehearsal runs on this machine; leave --ray or --rehearse out")
        from recbole_iacn.experiments.rehearsal import rehearse
        from recbole_iacn.experiments.tables import markdown

        table, told = rehearse(plan, given.jobs)
        print(markdown(*table) + "\n" + told)
        return
    if given.reuse:
        lay_out(folder, plan.runs)
    failed = run_all(plan, folder, given.jobs, ray=given.ray)
    if failed:
        raise ConfigError(f"{len(failed)} of {len(plan.runs)} runs failed; what each said: {folder / 'runs'}/*.error")
    print(f"{folder}: {len(plan.runs)} runs")


def _search_parser(parser):
    parser.set_defaults(run=_search)
    _file_arguments(parser, "an experiment's YAML, with the key search")
    parser.add_argument("--out", default="results", help="folder that gets NAME/best.yaml (default: %(default)s)")
    _reuse_argument(parser)
    parser.add_argument("--trials", type=int, default=10, help="of each model and mode (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="models or modes at a time, one thread each (default: %(default)s)"
    )


def _search(given):
    from recbole_iacn.experiments.plan import check_data, read_plan
    from recbole_iacn.experiments.search import check_space, search
    from recbole_iacn.experiments.store import lay_out

    for name in ("trials", "jobs"):
        if getattr(given, name) < 1:
            raise ConfigError(f"{name}: must be at least 1, got {getattr(given, name)}")
    plan = read_plan(given.file, given.data_path, given.datasets)
    check_space(plan.space)
    check_data(plan)
    folder = Path(given.out, plan.name)
    if given.reuse:
        lay_out(folder)
    search(plan, plan.space, folder, given.trials, jobs=given.jobs)
    print(folder / "best.yaml")


def _report(given):
    from recbole_iacn.experiments.report import write_report

    print("\n".join(str(path) for path in write_report(given.folder, given.pictures)))
