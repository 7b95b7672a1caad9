"""Named columns from the file to the report, with real trainings."""

import json
import shutil

import pytest

from recbole_iacn.cli import main


@pytest.mark.slow
def test_columns_from_the_file_to_the_report(file, settings, data_path, tmp_path, capsys):
    """The runs of an experiment with modes serve one with columns: only what is new is trained."""
    own = settings(epochs=1, data_path=..., show_progress=..., state=..., seed=...)
    given = {"models": ["FM"], "seeds": [1], "settings": own, "data_path": str(data_path)}
    main(["experiment", str(file("moded.yaml", modes=["off", "full"], **given)), "--out", str(tmp_path / "out")])
    main(["report", str(tmp_path / "out" / "moded")])
    columns = {"plain": {"iacn_mode": "off"}, "task": {}, "k1": {"iacn_interests": 1}}
    path = file("named.yaml", columns=columns, compare={"task": ["plain", "k1"]}, **given)
    command = ["experiment", str(path), "--out", str(tmp_path / "out"), "--reuse"]
    capsys.readouterr()
    main([*command, "--plan"])
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" on ")[0] for line in said] == ["done  FM plain", "done  FM task", "to do  FM k1"]
    main(command)
    folder = tmp_path / "out" / "named"
    assert json.loads((folder / "experiment.json").read_text()) == {
        "columns": {
            "plain": {"iacn_mode": "off"},
            "task": {"iacn_mode": "full"},
            "k1": {"iacn_interests": 1, "iacn_mode": "full"},
        },
        "compare": [["task", "plain"], ["task", "k1"]],
    }
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("runs"))
    main(["report", str(folder)])
    for name in ("runs.jsonl", "experiment.json"):
        shutil.copy(folder / name, tmp_path / "copy")
    (tmp_path / "copy" / "plan.json").unlink()
    main(["report", str(tmp_path / "copy")])
    text = (folder / "report.md").read_text()
    assert "| dataset | backbone | seeds | plain | task | k1 |" in text
    assert "| task − plain | tiny | FM | 1 |" in text and "| task − k1 | tiny | FM | 1 |" in text
    assert "## Test GAUC, compared" in text and "| tiny | FM | k1 |" in text
    assert (tmp_path / "copy" / "report.md").read_text() == text.replace("# named", "# copy")
    stored = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    assert sorted(one["column"] for one in stored) == ["k1", "plain", "task"]
    moded = [json.loads(line) for line in (tmp_path / "out" / "moded" / "runs.jsonl").read_text().splitlines()]
    assert {one["seconds"] for one in moded} < {one["seconds"] for one in stored}  # those that were not repeated
    assert all("column" not in one for one in moded)
