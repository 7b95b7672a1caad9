"""The report of an experiment, in Markdown, LaTeX and one page of HTML."""

import json
from collections.abc import Sequence
from pathlib import Path

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.store import read_results
from recbole_iacn.report import interest_tables, leaderboard, paper, settings_table, strata_tables, sweeps, tables
from recbole_iacn.report.compared import compared_in
from recbole_iacn.report.statistics import ENOUGH
from recbole_iacn.report.unended import unended
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import write_text

_MEANS = "Mean ± standard deviation over seeds."

_FEW = f" Fewer than {ENOUGH} seeds show nothing, whatever their p."

_TESTS = f"""{_MEANS} Differences are of the same seed, which is the same test; d is their mean over their standard
deviation. p: that {{}} is no better, one-sided, by Student's paired t over {{}} and by Wilcoxon's signed ranks, each
corrected after Holm for {{}}. {{}} seeds leave Wilcoxon 1/{{}} at best, before that."""

_PAPER = """Gains of the task over the plain backbone: the paper's on its datasets, ours on the data at hand. These are
not the same data, nor the same test: only the sizes can be compared."""

_GAUC = """As above, of the AUC within a user, weighted by the user's positives: what the same user would see in another
order. The AUC over all rows also ranks users against each other."""

_SWEPT = """Each value less the default, in the same mode or column and of the same seed; d is the mean of the
differences over their standard deviation; p: that both are the same, two-sided, by Student's paired t, corrected after
Holm."""

_APART = """Jensen-Shannon divergence, in nats, between the interests of the item that was clicked and of the one that
is recommended first among all: 0 where what is recommended is of the interest that the user turned to."""

_COST = "Medians over the runs, one thread each."

_PAIRS = """Differences are of the same seed, which is the same test; d is their mean over their standard deviation; p:
that the first is no better, one-sided, by Student's paired t, corrected after Holm for all pairs of this table."""

_TABLE2 = """Wang et al. (TiMiRec), CIKM '22, table 2. Beauty is the very data. The paper's ml-1m has all 3,706
films; without those rated fewer than five times there are 3,416. Ours: means over seeds."""

Stated = tuple[float, float]  # mean and standard deviation, as a paper prints them

_SHORT = {"iacn_delta": "δ", "MAX_ITEM_LIST_LENGTH": "length"}


def write_report(folder: str | Path, pictures: bool = False, asked: Sequence[str] = ()) -> list[Path]:
    """Write ``report.md``, ``report.tex``, ``report.html`` and ``runs.jsonl``, which contains all runs, to a folder.

    ``report.md`` and ``report.html`` also say what the runs were trained with.

    Args:
        folder (str or pathlib.Path): the folder that contains ``runs/``, or ``runs.jsonl`` of an earlier report; and
            ``experiment.json``, if the experiment's file has columns or compares.
        pictures (bool): also draw the gains and the swept curves as SVG, and show them in ``report.md``. Defaults to
            False.
        asked (sequence of str): pairs of columns to compare, as ``a:b``, in place of those of the experiment's file.

    Returns:
        list of pathlib.Path: the files.

    Raises:
        ConfigError: the folder has no results, a pair that is asked for is not two of the columns, or pictures
            cannot be drawn.
    """
    folder = Path(folder)
    results = read_results(folder)
    if not results:
        raise ConfigError(f"{folder}: no results in {folder / 'runs'}; run recbole-iacn experiment first")
    from recbole_iacn.report.page import page
    from recbole_iacn.report.pictures import write_pictures

    columns = compared_in(folder, results, asked)
    moded = all(one["mode"] and tables.METRIC in one["test"] for one in results)
    sentences, sections, figures = (_with_modes if moded else _without_modes)(results, columns)
    sentences = sentences + unended(results)
    still = {name: figure for name, figure in figures.items() if not name.startswith("training")} if pictures else {}
    drawn = write_pictures(still, folder)
    trained_with = [(settings_table.TITLE, settings_table.TEXT, settings_table.settings_cells(results, columns.names))]
    texts = {
        "report.md": _markdown(folder.name, results, sentences, sections + trained_with, still),
        "report.tex": "\n".join(tables.latex(*table) for _, _, table in sections),
        "report.html": page(folder.name, figures, sections + trained_with, sentences),
        "runs.jsonl": "".join(json.dumps(one) + "\n" for one in results),
    }
    for name, text in texts.items():
        with disk.writing(folder / name, "move what is in the way, or make space"):
            write_text(folder / name, text)
    return [*(folder / name for name in texts), *drawn]


def _with_modes(results, columns):
    from recbole_iacn.report.page import figures_of

    rows = tables.rows_of(results, columns=columns)
    sentences = verdict(rows)
    for name in ["full"] if columns.moded else columns.names:
        said = sweeps.sweep_verdict(sweeps.against_default(rows, name))
        sentences += said if columns.moded else [f"{name}: {sentence}" for sentence in said]
    return sentences, sections_of(results, rows), figures_of(results, rows)


def _without_modes(results, columns):
    from recbole_iacn.report.page import board_figures_of

    entries = leaderboard.entries_of(results)
    pairs = leaderboard.pairs_of(entries, () if columns.moded else columns.pairs)
    apart = any("divergence" in entry.metrics for entry in entries)
    sections = [("Test", f"{_MEANS} Divergence: {_APART}" if apart else _MEANS, leaderboard.cells_of(entries))]
    if pairs:
        text = _PAIRS + _few(comparison for *_, comparison, _ in pairs)
        sections.append((f"Who is better, by {leaderboard.main_metric(entries)}", text, leaderboard.pair_cells(pairs)))
    sections += strata_tables.strata_sections(results, columns)
    sections += _interests(results)
    beside = leaderboard.beside_paper(entries)
    if beside:
        sections.append(("Beside the paper", _TABLE2, beside))
    sections.append(("Cost", _COST, tables.costs_of(results, columns)))
    return leaderboard.best_of(entries) + leaderboard.verdict(pairs), sections, board_figures_of(results, entries)


def sections_of(results: Sequence[tables.Result], rows: Sequence[tables.Row]) -> list[tuple[str, str, tables.Table]]:
    """The sections of a report on models with modes.

    Args:
        results (list of dict): the results of the runs.
        rows (list of Row): the rows of the table.

    Returns:
        list of tuple: (title, text, (heads, cells)).
    """
    columns = rows[0].columns
    sections = _main("Test AUC", rows, _MEANS)
    within = tables.rows_of(results, tables.gauc, columns)
    if within:
        sections += _main("Test GAUC", within, _GAUC, "GAUC ")
    sections += strata_tables.strata_sections(results, columns)
    apart = tables.rows_of(results, tables.divergence, columns)
    if apart:
        sections.append(("Of the interest that is next?", _APART, tables.cells_of(apart)))
    swept = sweeps.against_default(apart)
    if swept:
        sections.append(("Its divergence beside the default's", _SWEPT, sweeps.sweep_cells(swept)))
    sections += _interests(results)
    beside = _beside_paper(rows)
    if beside:
        sections.append(("Beside the paper", _PAPER, beside))
    sections.append(("Cost", _COST, tables.costs_of(results, columns)))
    return sections


def _main(title, rows, text, what=""):
    """The sections of one metric: the table, and the comparisons in it or, between named columns, below it."""
    tests = _tests(rows)
    beside = _beside_default(rows, what)
    if not tests:
        return [(title, text, tables.cells_of(rows)), *beside]
    if rows[0].columns.moded:
        return [(title, text if what else tests, tables.cells_of(rows)), *beside]
    return [(title, text, tables.cells_of(rows)), (f"{title}, compared", tests, tables.comparison_cells(rows)), *beside]


def _tests(rows):
    """What the p values of a table are over; empty where nothing is compared."""
    made = [comparison for row in rows for comparison in row.comparisons.values() if comparison]
    if not made:
        return ""
    seeds = sorted({one.pairs for one in made})
    over = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else f"{seeds[0]} seed{'s' if seeds[0] > 1 else ''}"
    count = sum(one.pairs > 1 for one in made)
    if not count:
        return f"{_MEANS} Differences are of the same seed, which is the same test; one seed has no p."
    corrected = "the one comparison of this table" if count == 1 else f"all {count} comparisons of this table"
    least = 2 ** seeds[-1]  # signs of as many differences; all positive is one of them
    first = "full" if rows[0].columns.moded else "the first column"
    return _TESTS.format(first, over, corrected, seeds[-1], least) + _few(made)


def _few(comparisons):
    """What is to be said of p values where there are few seeds."""
    return _FEW if any(1 < one.pairs < ENOUGH for one in comparisons) else ""


def _interests(results):
    cells = interest_tables.interest_cells(results)
    text = f"{interest_tables.TEXT} {interest_tables.legend(results)}"
    return [] if cells is None else [(interest_tables.TITLE, text, cells)]


def _beside_default(rows, what):
    """A section for each mode or column in which a setting was swept: first of all the whole model's."""
    sections = []
    for name in reversed(rows[0].columns.names):
        swept = sweeps.against_default(rows, name)
        if swept:
            title = f"{what}{'beside' if what else 'Beside'} the default" + (f", {name}" if name != "full" else "")
            sections.append((title, _SWEPT, sweeps.sweep_cells(swept, name)))
    return sections


def _beside_paper(rows):
    """Heads and cells of the table with the papers' results and ours; None if the papers have none of the kind."""
    rows = [row for row in rows if row.dataset in paper.REVIEWS]
    if not rows or not rows[0].columns.moded:
        return None
    swept = [key for key, _ in rows[0].sweep]
    theirs: list[tuple[str, str, Stated | None, Stated]]
    if not swept:
        theirs = [(f"{dataset} (paper)", model, *both) for (dataset, model), both in paper.TABLE1.items()]
    elif swept == ["iacn_delta"]:
        theirs = [("Books (paper)", f"DIEN, δ {delta}", None, task) for delta, task in paper.DELTA.items()]
    elif swept == ["MAX_ITEM_LIST_LENGTH"]:
        theirs = [("Books (paper)", f"DIEN, length {length}", *both) for length, both in paper.LENGTH.items()]
    else:
        return None
    cells = []
    for dataset, name, plain, task in theirs:
        gain = tables.number(task[0] - plain[0], sign=True) if plain else "–"
        cells.append([dataset, name, *(_stated(figure) for figure in (plain, task)), gain])
    for row in rows:
        name = ", ".join([row.model, *(f"{_SHORT.get(key, key)} {value}" for key, value in row.sweep)])
        comparison = row.comparisons["full", "off"]
        spreads = [tables.spread(row.results.get(mode)) for mode in ("off", "full")]
        cells.append([row.dataset, name, *spreads, tables.number(comparison.gain, sign=True) if comparison else "–"])
    return ["dataset", "backbone", "plain", "with the task", "gain"], cells


def _stated(figure):
    return f"{tables.number(figure[0])} ± {tables.number(figure[1])}" if figure else "–"


def verdict(rows: Sequence[tables.Row]) -> list[str]:
    """One sentence per outcome.

    Args:
        rows (list of Row): the rows of the table.

    Returns:
        list of str: the rows in which the task beats every control, by the t-test at .05, and those in which not; of
        named columns, the same for each pair that is compared.
    """
    if not rows:
        return []
    columns = rows[0].columns
    if columns.moded:
        return _outcomes(rows, columns.pairs, ("full beats every control", "Not shown to beat every control", ""))
    sentences = []
    for pair in columns.pairs:
        one, other = pair
        words = f"{one} beats {other}", f"{one} is not shown to beat {other}", f" whether {one} beats {other}"
        sentences += _outcomes(rows, [pair], words)
    return sentences


def _outcomes(rows, pairs, words):
    beats, fails, whether = words
    held, failed = ([row.name for row in rows if row.holds(pairs) is outcome] for outcome in (True, False))
    untested = [row.name for row in rows if row.holds(pairs) is None and any(row.comparisons[pair] for pair in pairs)]
    sentences = []
    if held:
        sentences.append(f"{beats}, p < .05: {'; '.join(held)}.")
    if failed:
        sentences.append(f"{fails}: {'; '.join(failed)}.")
    if untested:
        sentences.append(f"Too few runs to tell{whether}: {'; '.join(untested)}.")
    return sentences


def _markdown(name, results, sentences, sections, pictures):
    versions = ", ".join(sorted({one["version"] for one in results}))
    runs = f"{len(results)} run{'s' if len(results) > 1 else ''}"
    texts = [f"{runs}, made with version {versions}.", *sentences]
    parts = [f"# {tables.in_markdown(name)}", *map(tables.in_markdown, texts)]
    parts += [f"![{title}]({picture}.svg)" for picture, (title, _) in pictures.items()]
    for title, text, table in sections:
        parts += [f"## {title}", text, tables.markdown(*table).rstrip()]
    return "\n\n".join(parts) + "\n"
