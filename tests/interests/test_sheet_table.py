"""Sheets as text, Markdown, CSV and JSON: the same figures everywhere."""

import csv
import io
import json

import numpy as np

from recbole_iacn.interests.sheet import Sheet, line_of
from recbole_iacn.interests.sheet_table import number, several_sheets, written
from recbole_iacn.interests.stability import Stability

NAN = float("nan")


def sheet(shift=0.0, seed=1, kind="a", model="MIND", users=4):
    own = np.array([0.1, 0.2, 0.3, 0.4])[:users] + shift
    lines = (
        line_of(
            ("ami", "Mutual information", "higher"), {"model": own, "chance": np.zeros(users), "k_means": own + 0.1}
        ),
        line_of(("empty", "Empty", "lower"), {"model": np.full(users, 0.5)}),
    )
    return Sheet(model, "tiny", seed, kind, users, 10, 4, lines, ("A note.",))


def cells_in(text):
    return {
        (cells := [one.strip() for one in line.strip("|").split("|")])[0]: cells
        for line in text.splitlines()
        if "|" in line
    }


def test_one_bundle_as_markdown():
    """Mean .25 of .1, .2, .3, .4: SE .0645; Student's t with 3 degrees of freedom 3.182."""
    text = written([sheet()], [], [], ".md")
    cells = cells_in(text)
    assert cells["measure"] == ["measure", "MIND, seed 1", "chance", "less chance", "k-means", "less k-means", "users"]
    assert cells["Mutual information ↑"][1:] == [
        ".250 ± .065",
        ".000",
        ".250 [.045, .455]",
        ".350",
        "−.100 [−.100, −.100]",
        "4",
    ]
    assert cells["Empty ↓"][1:] == [".500 ± .000", "", "", "", "", "4"]
    assert text.startswith("tiny: 4 test rows, lists of 10\n\n|") and text.endswith("\n\n- A note.\n")


def test_several_bundles_have_a_column_each():
    """Beside a control + where the model has more, − where less, = where the interval holds 0."""
    sheets = [sheet(), sheet(-0.25, model="ComiRec", kind="b")]
    heads, cells = several_sheets(sheets, [])
    assert heads == ["measure", "MIND, seed 1", "ComiRec, seed 1"]
    assert cells == [
        ["Mutual information ↑", ".250 ± .065", ".000 ± .065"],
        ["… chance", ".000 +", ".000 ="],
        ["… k-means", ".350 −", ".100 −"],
        ["Empty ↓", ".500 ± .000", ".500 ± .000"],
    ]


def test_seeds_are_one_column():
    """Mean over seeds ± SD: .25 and .35: .3 ± .0707; = as soon as one seed does not show a difference."""
    line = line_of(("stability", "Agreement", "higher"), {"model": np.array([0.5, 0.5]), "chance": np.zeros(2)})
    stable = Stability("a", "MIND", "tiny", (1, 2), line)
    heads, cells = several_sheets([sheet(), sheet(0.1, seed=2), sheet(kind="b", model="DIN")], [stable])
    assert heads == ["measure", "MIND, 2 seeds", "DIN, seed 1"]
    assert cells[:2] == [["Mutual information ↑", ".300 ± .071", ".250 ± .065"], ["… chance", ".000 +", ".000 +"]]
    assert cells[-2:] == [["Agreement ↑", ".500 ± .000", "–"], ["… chance", ".000 +", "–"]]
    _, cells = several_sheets([sheet(), sheet(-0.25, seed=2)], [])
    assert cells[1] == ["… chance", ".000 ="]


def test_json_and_csv_have_the_same_figures():
    sheets = [sheet(), sheet(kind="b", users=1)]
    content = json.loads(written(sheets, [], ["Said."], ".json"))
    assert content["notes"] == ["Said."] and content["stability"] == []
    first = content["sheets"][0]["measures"][0]
    assert first["name"] == "ami" and first["users"] == 4 and first["model"]["mean"] == 0.25
    assert content["sheets"][1]["measures"][0]["model"] == {"mean": 0.1, "error": None}
    rows = list(csv.DictReader(io.StringIO(written(sheets, [], [], ".csv"))))
    assert [row["of"] for row in rows] == ["model", "chance", "k_means", "model"] * 2
    assert float(rows[0]["mean"]) == 0.25 and float(rows[1]["low"]) == first["controls"]["chance"]["low"]
    assert rows[1]["seed"] == "1" and rows[4]["kind"] == "b" and rows[5]["low"] == ""


def test_numbers():
    assert [number(value) for value in (0.1234, -0.5, 1.25, 0, NAN, -12.0004)] == [
        *(".123", "−.500", "1.250", ".000", "–", "−12.000")
    ]
