"""What results/README.md says of REMI on Sports, and of table 2 on MovieLens, beyond the reports' tables is recomputed
from the published runs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from recbole_iacn.report import paper

RESULTS = Path(__file__).parents[1] / "results"
BEST_PUBLISHED = {"hit@10": 0.0569, "ndcg@10": 0.0323}  # blondered/transformer_benchmark: SASRec's and eSASRec's
pytestmark = pytest.mark.skipif(
    not (RESULTS / "full_ranking" / "runs.jsonl").is_file(), reason="the runs are in the repository, and in no archive"
)


def stored(folder, name="runs.jsonl"):
    return [json.loads(line) for line in (RESULTS / folder / name).read_text(encoding="utf-8").splitlines()]


def runs(folder, **wanted):
    """Those of REMI on Sports, by seed."""
    every = stored(folder)
    wanted = {"model": "REMI", "dataset": "Sports_and_Outdoors", **wanted}
    found = [run for run in every if all(run[key] == value for key, value in wanted.items())]
    return sorted(found, key=lambda run: run["seed"])


def page():
    text = (RESULTS / "README.md").read_text(encoding="utf-8")
    return " ".join(text.split())


def short(value, digits=4):
    return f"{value:.{digits}f}".removeprefix("0")


@pytest.fixture
def four():
    return runs("full_ranking")


@pytest.fixture
def eight():
    return runs("remi_interests", sweep={"num_interests": 8})


def test_eight_interests_beside_what_is_published_and_beside_four(four, eight):
    assert [run["seed"] for run in four] == [run["seed"] for run in eight] == [2020, 2021, 2022]
    gains, alone, paired = [], [], []
    for metric, published in BEST_PUBLISHED.items():
        values, before = ([run["test"][metric] for run in some] for some in (eight, four))
        gains.append(short(np.mean(values) - published))
        alone.append(short(stats.ttest_1samp(values, published).pvalue, 2))
        paired.append(short(stats.ttest_rel(values, before).pvalue, 2))
    assert f"by {gains[0]} of R@10 and {gains[1]} of N@10; its seeds" in page()
    assert f"(one-sample t-tests: p = {alone[0]} and {alone[1]};" in page()
    assert f"is not shown either (p = {paired[0]} and {paired[1]}, paired, two-sided)" in page()


def test_eight_are_chosen_by_validation(four, eight):
    (two,), (sixteen,) = (runs("remi_interests", sweep={"num_interests": number}) for number in (2, 16))
    best = [short(run["best"]) for run in (two, four[0], eight[0], sixteen)]
    assert max(best) == best[2]
    named = f"two interests {best[0]}, four {best[1]}, eight {best[2]}, sixteen {best[3]}"
    means = [short(np.mean([run["best"] for run in some])) for some in (four, eight)]
    assert named in page() and f"three seeds: four {means[0]}, eight {means[1]})" in page()


def test_the_penalty_makes_interests_alike_and_pays(four):
    (without,) = runs("hard_negatives")
    assert without["settings"]["interest_diversity"] == "none" and without["seed"] == four[0]["seed"]
    said = []
    for run in (four[0], without):
        measured = {name: run["interests"][name]["model"] for name in ("effective", "cosine")}
        said.append(f"{measured['effective']:.2f} and {short(measured['cosine'], 2)}")
    assert f"{said[0]} with it, {said[1]} [without]" in page()
    figures = [" and ".join(short(run["test"][name]) for name in BEST_PUBLISHED) for run in (without, four[0])]
    assert f"{figures[0]} without it, {figures[1]} with it" in page()


def test_sasrec_from_the_newest_click_is_of_the_runs():
    ours, before = (
        sorted((run for run in stored(folder) if run["model"] == "SASRec"), key=lambda run: run["seed"])
        for folder in ("sasrec_positions", "multi_interest")
    )
    rates = {run["settings"]["learning_rate"] for run in (*ours, *before)}
    assert [run["seed"] for run in ours] == [run["seed"] for run in before] == [2020, 2021, 2022] and len(rates) == 1
    gains, chances, away, means = [], [], [], []
    for metric, printed in zip(("hit@10", "ndcg@10"), paper.TABLE2["Beauty", "SASRec"], strict=True):
        values, others = ([run["test"][metric] for run in some] for some in (ours, before))
        means.append(short(np.mean(values)))
        away.append(short(abs(np.mean(values) - printed)))
        gains.append(short(np.mean(values) - np.mean(others) + 1e-9))
        chances.append(short(stats.ttest_rel(values, others, alternative="greater").pvalue, 3))
    assert f"| the same | {' / '.join(means)} |" in page()
    assert f"it is {away[0]} below the paper in HR@10 and {away[1]} above it in NDCG@10" in page()
    assert f"is {gains[0]} and {gains[1]} in the mean of three seeds (p = {chances[0]} and {chances[1]}," in page()
    best = [[run["best"] for run in some] for some in (ours, before)]
    assert all(mine > other for mine, other in zip(*best))
    assert f"{short(np.mean(best[0]))} in the mean, {short(np.mean(best[1]))} from the oldest" in page()


def test_sasrec_among_all_items_is_of_the_runs():
    """Beauty, then Sports; the published figures are SASRec's own, then the best of each."""
    published = {
        "Beauty": ((0.0921, 0.0531), (0.0928, 0.0531)),
        "Sports_and_Outdoors": ((0.0569, 0.0314), (0.0569, 0.0323)),
    }
    gains, before, after, validation, away = [], [], [], [], []
    for dataset, (own, best) in published.items():
        theirs, ours = (
            next(
                run
                for run in stored(folder)
                if (run["model"], run["dataset"], run["seed"]) == ("SASRec", dataset, 2020)
            )
            for folder in ("full_ranking", "full_ranking_positions")
        )
        assert ours["settings"] == {**theirs["settings"], "positions_from": "newest"}
        values, others = ([run["test"][name] for name in BEST_PUBLISHED] for run in (ours, theirs))
        gains.append(" and ".join(short(mine - other + 1e-9) for mine, other in zip(values, others)))
        away.append(" and ".join(f"+{short(mine - other + 1e-9)}" for mine, other in zip(values, own)))
        assert all(mine > other for mine, other in zip(values, best))
        before.append(figures_of(theirs, " and "))
        after.append(figures_of(ours, " and "))
        validation.append(f"{short(theirs['best'])} and {short(ours['best'])}")
    assert (
        f"is worth {gains[0]} on Beauty and {gains[1]} on Sports (seed 2020): {', and '.join(before)}, from the"
        in page()
    )
    assert f"{', and '.join(after)}, from the newest (`positions_from: newest`; " in page()
    assert f"validation N@10 {', '.join(validation)})" in page() and f"(with the others {', '.join(away)})" in page()


def test_tisasrec_beside_sasrec_from_the_newest_click_is_of_the_runs():
    def of(folder, model):
        return sorted((run for run in stored(folder) if run["model"] == model), key=lambda run: run["seed"])

    some = [of("tisasrec_positions", "SASRec"), of("tisasrec", "TiSASRec"), of("tisasrec", "SASRec")]
    assert all([run["seed"] for run in one] == [2020, 2021, 2022] for one in some)
    best = [short(np.mean([run["best"] for run in one])) for one in some]
    assert f"(NDCG@5 {best[0]} and {best[1]}; from the oldest {best[2]})" in page()
    hits = [run["test"]["hit@10"] for run in some[0]]
    ours, theirs = ([run["test"]["ndcg@10"] for run in one] for one in some[:2])
    assert f"has {short(np.mean(hits))} / {short(np.mean(ours))} in the test" in page()
    chance = short(stats.ttest_rel(theirs, ours, alternative="greater").pvalue, 3)
    ahead = short(np.mean(theirs) - np.mean(ours))
    assert f"is {ahead} ahead in the mean, which three seeds do not show (p = {chance})" in page()


def figures_of(run, join=" / "):
    return join.join(short(run["test"][name]) for name in ("hit@10", "ndcg@10"))


def test_the_table_of_movielens_is_of_the_runs():
    """Rows with the paper's figures and ours, by how much ours are below, and the same in the overview."""
    below = {}
    for run in stored("timirec_movielens"):
        name = run["model"].replace("Plus", "+")
        theirs = paper.TABLE2["ml-1m", run["model"]]
        printed = " / ".join(map(short, theirs))
        cost = f"{len(run['epochs'])}, {run['seconds'] / 60:.0f}"
        assert f"| {name} | {printed} | {figures_of(run)} | {cost} |" in page()
        ours, paper_s = short(run["test"]["hit@10"]), short(theirs[0])
        assert re.search(rf"{re.escape(name)} (has )?{ours}( of HR@10)? \((the paper )?{paper_s}\)", page())
        below[name] = theirs[1] - run["test"]["ndcg@10"] + 1e-9  # halves go up
    fall_short = sorted((name for name in below if below[name] > 0), key=lambda name: round(below[name], 4))
    words = f"{', '.join(fall_short[:-1])} and {fall_short[-1]} fall short of it by "
    words += f"{', '.join(short(below[name], 3) for name in fall_short[:-1])} and {short(below[fall_short[-1]], 3)} of"
    assert words in page()


def test_comirec_by_one_interest_is_of_the_runs():
    """Ours against the one without this package, as far as that went, and against TiMiRec by four."""
    (run,) = (run for run in stored("movielens_interests") if run["model"] == "ComiRec")
    scores = [epoch["valid"] for epoch in run["epochs"]]
    best = scores.index(max(scores)) + 1
    assert f"{short(run['best'])}, and {figures_of(run, ' and ')} in the test" in page()
    assert f"ComiRec by one has {short(run['best'])} of validation NDCG@5 in {best} epochs" in page()
    alone = (RESULTS / "timirec_movielens" / "comirec_alone-1.log").read_text(encoding="utf-8")
    assert "epoch 32: validation NDCG@5 0.2065" in alone
    assert ".2065 after 32 ([stopped after 35]" in page()
    assert f"where ours had {short(max(scores[:32]))} at best by then" in page()


def test_movielens_in_random_order_is_of_the_runs():
    in_order = {run["model"]: run for run in stored("timirec_movielens")}
    for run in stored("tie_order"):
        before = figures_of(in_order[run["model"]], " and ")
        assert f"{figures_of(run, ' and ')} instead of {before}" in page()


def test_movielens_with_fewer_candidates_is_of_the_runs():
    """The same trainings as among 1,000, of which another epoch may be chosen."""
    before = {run["model"]: run for run in stored("timirec_movielens")}
    for run in stored("movielens_candidates"):
        assert run["settings"] == {**before[run["model"]]["settings"], "eval_negatives": 922}
        pairs = list(zip(run["epochs"], before[run["model"]]["epochs"]))
        assert all(ours["losses"] == theirs["losses"] for ours, theirs in pairs)
        gain = short(np.median([ours["valid"] - theirs["valid"] for ours, theirs in pairs]))
        figures = f"{figures_of(run, ' and ')} instead of {figures_of(before[run['model']], ' and ')}"
        assert f"{run['model']} has {figures}" in page() and gain in page()


def test_the_other_settings_on_movielens_are_of_the_runs():
    for run in stored("timirec_movielens", "other_settings.jsonl"):
        best = f"had {short(run['best'])} of validation NDCG@5 at best"
        assert re.search(rf"{re.escape(best)},? and {figures_of(run, ' and ')} in the test", page())
