"""The commands ``recbole-iacn experiment``, ``search`` and ``report``: many runs, and reports of their results."""

from argparse import ArgumentParser
from pathlib import Path

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import interrupts


def _file_arguments(parser, meaning):
    parser.add_argument("file", help=meaning)
    parser.add_argument("--data_path", help="folder that contains the datasets (default: the file's data_path)")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="some of the file's datasets (default: all)")
    parser.add_argument(
        "--config_files", nargs="+", default=[], metavar="FILE", help="YAML files with settings, below the file's own"
    )
    parser.add_argument("--no_dataset_yaml", action="store_true", help="do not read DATA_PATH/DATASET/DATASET.yaml")


def _plan(given, searches=False):
    """The plan of an experiment's file, checked; a line names the settings that were found beside the data, and others
    those that have no effect."""
    from recbole_iacn.experiments.plan import read_plan
    from recbole_iacn.experiments.plan_checks import check_runs
    from recbole_iacn.experiments.search_space import check_space

    files = [path for several in given.config_files for path in several.split()]
    plan = read_plan(given.file, given.data_path, given.datasets, files, not given.no_dataset_yaml)
    if plan.beside:
        print(f"settings of {', '.join(plan.beside)} are read, below all others (--no_dataset_yaml leaves them out)")
    if searches:
        check_space(plan.space, plan)
    for line in check_runs(plan, given.keep, plan.space if searches else None):
        print(line)
    return plan


def _keep_argument(parser, what):
    parser.add_argument(
        "--keep", action="store_true", help=f"keep {what} as a bundle, in NAME/bundles/ (recbole-iacn recommend)"
    )


def _reuse_argument(parser, files="NAME/runs.jsonl and NAME/trials.jsonl"):
    parser.add_argument("--reuse", action="store_true", help=f"do not repeat runs recorded in {files}")


def experiment_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn experiment``."""
    parser.set_defaults(run=_experiment)
    _file_arguments(parser, "YAML file with models, datasets, modes or columns, seeds, settings, sweep")
    parser.add_argument("--out", default="results", help="folder in which NAME/runs/ is created (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at the same time, one thread each (default: %(default)s)"
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster (or: local) instead of with --jobs")
    _reuse_argument(parser, "runs.jsonl and trials.jsonl, in NAME/ or in another folder beside it")
    _keep_argument(parser, "the model of each run's best epoch")
    parser.add_argument("--plan", action="store_true", help="list the runs without carrying them out")
    parser.add_argument(
        "--rehearse", action="store_true", help="estimate the duration from one epoch of each kind of run"
    )


def _experiment(given):
    from recbole_iacn.experiments.kept import account, is_kept
    from recbole_iacn.experiments.plan_checks import check_data
    from recbole_iacn.experiments.runner import reached, run_all
    from recbole_iacn.experiments.store import has_result, published_runs, restore_runs

    if given.jobs < 1:
        raise ConfigError(f"jobs: must be at least 1, got {given.jobs}")
    if given.keep and given.ray and given.ray != "local":
        raise ConfigError("keep: the machines of a cluster may not see the folder of results; omit --keep or --ray")
    plan = _plan(given)
    folder = Path(given.out, plan.name)
    known = published_runs(folder, plan.runs) if given.reuse else ()
    if given.plan:
        done = [
            (has_result(folder, run) or run.id in known) and (not given.keep or is_kept(folder, run))
            for run in plan.runs
        ]
        print("\n".join(f"{'done' if is_done else 'to do'}  {run.title}" for run, is_done in zip(plan.runs, done)))
        return
    check_data(plan)
    if given.rehearse:
        if given.ray:
            raise ConfigError("ray: a rehearsal runs on this machine; omit --ray or --rehearse")
        from recbole_iacn.experiments.rehearsal import rehearse
        from recbole_iacn.report.tables import markdown

        with interrupts.saying("a rehearsal keeps nothing"):
            table, estimate = rehearse(plan, given.jobs)
        print(markdown(*table) + "\n" + estimate)
        return
    if given.reuse:
        restore_runs(folder, plan.runs)
    _say_repeated(folder, plan.runs, given.keep)
    with interrupts.saying(lambda: reached(folder, plan.runs, given.keep)):
        failed = run_all(plan, folder, given.jobs, ray=given.ray, keep=given.keep)
    if failed:
        raise ConfigError(
            f"{len(failed)} of {len(plan.runs)} runs failed; see their errors in {folder / 'runs'}/*.error"
        )
    print(f"{folder}: {len(plan.runs)} runs")
    if given.keep:
        print(account(folder, plan.runs))


def _say_repeated(folder, runs, keep):
    """Runs whose result lacks what is asked for must train again; the new result replaces the old one."""
    from recbole_iacn.experiments.kept import is_kept
    from recbole_iacn.experiments.store import has_result, lacks_figures

    without = sum(lacks_figures(folder, run) for run in runs)
    if without:
        print(
            f"{without} of {len(runs)} runs have a result without the measures of interests or the strata that are "
            "asked for: they are repeated"
        )
    again = sum(has_result(folder, run) and not is_kept(folder, run) for run in runs) if keep else 0
    if again:
        print(f"{again} of {len(runs)} runs have a result and no bundle: they are repeated, to keep their models")


def search_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn search``."""
    parser.set_defaults(run=_search)
    _file_arguments(parser, "an experiment's YAML file, with the key search")
    parser.add_argument(
        "--out", default="results", help="folder in which NAME/best.yaml is written (default: %(default)s)"
    )
    _reuse_argument(parser)
    _keep_argument(parser, "the model of the best trial per dataset, model and mode or column, which trains once more,")
    parser.add_argument(
        "--trials", type=int, default=10, help="trials per dataset, model and mode or column (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="searches at the same time, one thread each (default: %(default)s)"
    )


def _search(given):
    from recbole_iacn.experiments.plan_checks import check_data
    from recbole_iacn.experiments.search import keep_best, reached, search
    from recbole_iacn.experiments.store import restore_runs

    for name in ("trials", "jobs"):
        if getattr(given, name) < 1:
            raise ConfigError(f"{name}: must be at least 1, got {getattr(given, name)}")
    plan = _plan(given, searches=True)
    check_data(plan)
    folder = Path(given.out, plan.name)
    if given.reuse:
        restore_runs(folder)
    space = plan.space or {}
    with interrupts.saying(lambda: reached(plan, space, folder, given.trials)):
        rules = search(plan, space, folder, given.trials, jobs=given.jobs)
    print(folder / "best.yaml")
    if given.keep:
        with interrupts.saying(f"{folder / 'best.yaml'} is written, not all models are kept; the same command goes on"):
            print(keep_best(plan, rules, folder, given.jobs))


def report_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn report``."""
    parser.set_defaults(run=_report)
    parser.add_argument("folder", help="folder of the experiment, such as results/table1")
    parser.add_argument(
        "--pictures", action="store_true", help="also draw figures as SVG (pip install 'recbole_iacn[pictures]')"
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        default=[],
        metavar="A:B",
        help="test whether column A is better than B, for each pair (default: what the experiment's file compares)",
    )


def _report(given):
    from recbole_iacn.report.writing import write_report

    print("\n".join(str(path) for path in write_report(given.folder, given.pictures, given.compare)))
