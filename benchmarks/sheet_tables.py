"""The tables of results/sheet/README.md, from what `recbole-iacn interests … --out FILE.json` has written.

python benchmarks/sheet_tables.py                    # from results/sheet/sheets.jsonl
python benchmarks/sheet_tables.py --collect *.json   # writes that file first
"""

import argparse
import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"
SHEETS = RESULTS / "sheet" / "sheets.jsonl"
DATASETS = ("ml-1m", "Beauty", "Sports_and_Outdoors", "kuairand")
MODELS = ("DIN_IaCN", "DIEN_IaCN", "MIND", "ComiRec", "ComiRecPlus", "TiMiRecPlus")
HEADS = (
    "model | seeds | rows | test | AMI | chance | k-means, same space | k-means, E_original | cosine | effective | "
    "coupling | IC@10 | deletion wins | of k-means | insertion wins | JS | stability (k-means)"
)


def rounded(value):
    """With five places, as deep as it goes."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value


def collect(files):
    """Write the sheets of some files, a line per model, and the stabilities after them."""
    content = [json.loads(Path(file).read_text(encoding="utf-8")) for file in sorted(files)]
    lines = [sheet for one in content for sheet in one["sheets"]]
    lines += [{"stability": stability} for one in content for stability in one["stability"]]
    SHEETS.write_text("".join(json.dumps(rounded(line)) + "\n" for line in lines), encoding="utf-8")


def runs():
    """(dataset, model, seed) -> its test metrics."""
    found = {}
    for name in ("sheet_click", "sheet_retrieval"):
        for line in (RESULTS / name / "runs.jsonl").read_text(encoding="utf-8").splitlines():
            run = json.loads(line)
            found[run["dataset"], run["model"] + ("_IaCN" if run["mode"] else ""), run["seed"]] = run["test"]
    return found


def text(value):
    """A figure as the tables have it."""
    if value is None:
        return "–"
    shown = f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}".replace("0.", ".", 1)
    return shown.replace("-", "−")


def mean(sheets, name, control=None):
    """The mean over seeds of a measure, or of a control's; None where there is none."""
    values = [line for sheet in sheets for line in sheet["measures"] if line["name"] == name]
    values = [line["model"] if control is None else line["controls"].get(control) for line in values]
    values = [value["mean"] for value in values if value is not None]
    return sum(values) / len(values) if values else None


def row(sheets, stability, tests):
    """The cells of one model on one dataset."""
    click = mean(sheets, "ami", "k_means_own") is not None
    space = "k_means_own" if click else "k_means"
    metric = "auc" if click else "ndcg@10"
    test = sum(one[metric] for one in tests) / len(tests)
    cells = [sheets[0]["model"].replace("Plus", "+"), str(len(sheets)), str(sheets[0]["rows"])]
    cells += [f"{metric.upper()} {text(test)}", *map(text, (mean(sheets, "ami"), mean(sheets, "ami", "chance")))]
    cells += [text(mean(sheets, "ami", space)), text(mean(sheets, "ami", "k_means") if click else None)]
    cells += [text(mean(sheets, name)) for name in ("cosine", "effective", "coupling", "coverage", "deletion_wins")]
    cells += [text(mean(sheets, "deletion_wins", space)), *(text(mean(sheets, n)) for n in ("insertion_wins", "gap"))]
    if stability is None:
        return [*cells, "–"]
    line = stability["line"]
    return [*cells, f"{text(line['model']['mean'])} ({text(line['controls'][space]['mean'])})"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collect", nargs="+", metavar="FILE")
    given = parser.parse_args()
    if given.collect:
        collect(given.collect)
    lines = [json.loads(line) for line in SHEETS.read_text(encoding="utf-8").splitlines()]
    stable = {(one["dataset"], one["model"]): one for line in lines if (one := line.get("stability"))}
    tests = runs()
    for dataset in DATASETS:
        print(f"**{dataset}**\n\n| {HEADS} |\n|" + "---|" * (HEADS.count("|") + 1))
        for model in MODELS:
            sheets = [one for one in lines if (one.get("dataset"), one.get("model")) == (dataset, model)]
            if sheets:
                of_runs = [tests[dataset, model, sheet["seed"]] for sheet in sheets]
                print("| " + " | ".join(row(sheets, stable.get((dataset, model)), of_runs)) + " |")
        print()


if __name__ == "__main__":
    main()
