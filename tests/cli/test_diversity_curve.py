"""The command diversity, as a user types it."""

from pathlib import Path

import pandas as pd
import pytest
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn import cli

RUN = {"protocol": "leave_one_out_full", "mask_history": True, "mlp_hidden_size": ...}


@pytest.fixture(scope="module")
def trained(settings_of, tmp_path_factory):
    """A bundle, and a checkpoint of the same model."""
    folder = tmp_path_factory.mktemp("trained")
    training = recbole_iacn.build("ComiRec", "tiny", config_dict=settings_of(**RUN))
    give_other_weights(training.model)  # those of the start are alike, and so are the interests' candidates
    training.trainer.saved_model_file = str(folder / "model.pth")
    training.trainer._save_checkpoint(0, verbose=False)
    return {"BUNDLE": training.save(str(folder / "bundle")), "CHECKPOINT": str(folder / "model.pth")}


def test_the_table_is_printed_and_written(trained, data_path, capsys):
    arguments = [f"--data_path={data_path}", "--k", "3", "8", "--lambdas", "0", "0.5"]
    cli.main(["diversity", trained["BUNDLE"], *arguments, "--out=curve.md"])
    printed = capsys.readouterr().out
    assert printed.startswith("ComiRec, seed 7 on tiny: 60 test rows, items differ by categories\n\nλ    Recall@3 ")
    assert printed.endswith("\n\ncurve.md\n") and "| 0.5 | " in Path("curve.md").read_text()
    cli.main(["diversity", trained["CHECKPOINT"], *arguments, "--out=curve.csv"])
    table = pd.read_csv("curve.csv")
    assert table["lambda"].tolist() == [0, 0, 0.5, 0.5] and table["k"].tolist() == [3, 8, 3, 8]
    assert (
        (table["rows"] == 60).all() and table["recall"].between(0, 1).all() and table["diversity"].between(0, 1).all()
    )
    cells = [row.split(" | ") for row in Path("curve.md").read_text().splitlines() if row.startswith("| 0 ")]
    assert float(cells[0][1]) == pytest.approx(table["recall"][0], abs=5e-5)


def test_a_table_of_items_may_have_the_column(trained, data_path, capsys):
    Path("shelves.item").write_text("id:token\tshelf:token\n" + "".join(f"i{n}\t{n % 5}\n" for n in range(40)))
    options = [f"--data_path={data_path}", "--items=shelves.item", "--item-key=id", "--k", "5", "--lambdas", "0", "99"]
    cli.main(["diversity", trained["BUNDLE"], *options, "--out=curve.csv"])
    table = pd.read_csv("curve.csv")
    assert set(table["by"]) == {"shelf"} and table["diversity"][0] < table["diversity"][1] <= 1


@pytest.mark.slow
def test_the_curve_is_drawn(trained, data_path, capsys, monkeypatch):
    """As far as the browser, which other tests start."""
    from recbole_iacn.report import pictures

    monkeypatch.setattr(pictures, "_drawn", lambda figure: b"<svg/>")
    options = [f"--data_path={data_path}", "--k", "3", "--out=curve.md", "--pictures"]
    cli.main(["diversity", trained["BUNDLE"], *options])
    assert capsys.readouterr().out.endswith("\n\ncurve.md\ncurve.svg\n") and Path("curve.svg").read_text() == "<svg/>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: must be the folder of a bundle, there is none"),
        (["BUNDLE", "--out=curve.txt"], "out: curve.txt must end in .md or .csv, which says what is written"),
        (["BUNDLE", "--out=there.md"], "out: there.md exists already; name another file, or replace it with --overwri"),
        (["BUNDLE", "--out=it.md", "--pictures"], "out: it.svg exists already; name another file, or replace it with"),
        (["BUNDLE", "--pictures"], "pictures: the curve is drawn beside the table; name that by --out, or omit --pict"),
        (["BUNDLE", "--device=tpu"], "device: 'tpu' is not a device of this machine"),
        (["BUNDLE", "--k", "50"], "k: must be a whole number from 1 to 40, the number of items to choose from, got 50"),
        (["BUNDLE", "--k", "3"], "data_path: there is no folder dataset/tiny; name the one that contains tiny/"),
        (["CHECKPOINT", "--k", "3"], "data_path: there is no folder dataset/tiny; name the one that contains tiny/"),
        (["BUNDLE", "--k", "3", "--lambdas", "-1"], "lambdas: must be a finite number, 0 or more (λ, in the unit of"),
        (["BUNDLE", "--diversity-by=category"], "diversity_by: the bundle has no column 'category' of items. Did you"),
        (
            ["BUNDLE", "--item-key=id"],
            "item-key: is the column of the item in the table of items; give that by --items",
        ),
        (["BUNDLE", "--items=none.item"], "none.item: No such file"),
    ],
)
def test_wrong_input_is_one_line(trained, capsys, arguments, message):
    for name in ("there.md", "it.svg"):
        Path(name).write_text("")
    with pytest.raises(SystemExit) as ended:
        cli.main(["diversity", *(trained.get(one, one) for one in arguments)])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("error:") == 1 and message in error, error
    assert sorted(path.name for path in Path().iterdir()) == ["it.svg", "there.md"]
