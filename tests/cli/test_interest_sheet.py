"""The command interests, as a user types it."""

import json
from pathlib import Path

import pytest

import recbole_iacn
from recbole_iacn import cli


@pytest.fixture(scope="module")
def bundle(settings_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "model"
    return recbole_iacn.build("MIND", "tiny", config_dict=settings_of()).save(str(folder))


def test_the_sheet_is_printed_and_written(bundle, data_path, capsys):
    arguments = ["interests", bundle, f"--data_path={data_path}", "--rows=12", "--k=3"]
    cli.main([*arguments, "--out=sheet.json"])
    printed = capsys.readouterr().out
    assert printed.startswith("tiny: 12 test rows, lists of 3\n\nmeasure ") and printed.endswith("\n\nsheet.json\n")
    (of,) = json.loads(Path("sheet.json").read_text())["sheets"]
    assert (of["model"], of["rows"], of["k"], of["interests"]) == ("MIND", 12, 3, 4)
    assert len(of["measures"]) == 20
    cli.main([*arguments, "--out=sheet.md", "--seed=1"])
    text = Path("sheet.md").read_text()
    assert text.startswith("tiny: 12 test rows") and "| Adjusted mutual information of interest and category ↑ " in text


def test_rows_may_be_of_events(bundle, capsys):
    pytest.importorskip("duckdb")
    Path("events.csv").write_text("user,item,time\n" + "".join(f"{u},i{n + 1},{n}\n" for u in "ab" for n in range(6)))
    Path("items.item").write_text("item_id:token\tgenre:token\n" + "".join(f"i{n}\tg{n % 2}\n" for n in range(40)))
    cli.main(["interests", bundle, "--events=events.csv", "--time-unit=place", "--items=items.item", "--out=sheet.csv"])
    printed = capsys.readouterr().out
    assert "tiny: 2 test rows, lists of 10" in printed
    assert "- events.csv: 12 events (user: user, item: item, time: time" in printed
    assert "- Categories are of genre: 2 of its 2 values" in printed


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["none"], "none: must be the folder of a bundle, there is none"),
        (
            ["BUNDLE", "--events=e.csv", "--data_path=d"],
            "events: the rows are those of --events or of --data_path; give",
        ),
        (["BUNDLE", "--out=sheet.txt"], "out: sheet.txt must end in .json, .md or .csv, which says what is written"),
        (
            ["BUNDLE", "--out=there.md"],
            "out: there.md exists already; name another file, or replace it with --overwrite",
        ),
        (["BUNDLE", "--device=tpu"], "device: 'tpu' is not a device of this machine"),
        (["BUNDLE", "--items=none.item"], "none.item: No such file"),
        (
            ["BUNDLE"],
            "data_path: there is no folder dataset/tiny; name the one that contains tiny/, or give a table of events "
            "(--events FILE)",
        ),
    ],
)
def test_wrong_input_is_one_line(bundle, capsys, arguments, message):
    Path("there.md").write_text("")
    with pytest.raises(SystemExit) as ended:
        cli.main(["interests", *(bundle if one == "BUNDLE" else one for one in arguments)])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1 and message in error, error
    assert sorted(path.name for path in Path().iterdir()) == ["there.md"]
