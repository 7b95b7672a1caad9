"""``recbole-iacn export`` opens the bundle and hands it on; wrong folders are rejected before it is opened."""

import pytest

from recbole_iacn.cli import main
from recbole_iacn.serving import recommender
from recbole_iacn.serving.onnx import exporting


def test_it_exports_a_bundle(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(recommender, "load", lambda path: f"opened {path}")
    monkeypatch.setattr(exporting, "export", lambda *given: calls.append(given))
    main(["export", "bundle", "--out", "graph"])
    main(["export", "bundle", "--out", "graph", "--overwrite"])
    assert calls == [("opened bundle", "graph", False), ("opened bundle", "graph", True)]
    assert capsys.readouterr().out == "graph\ngraph\n"


def test_a_folder_that_is_something_else(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(SystemExit) as stopped:
        main(["export", "no bundle", "--out", str(tmp_path / "mine"), "--overwrite"])
    assert stopped.value.code == 2 and "mine: exists, and was not made by an export" in capsys.readouterr().err


def test_a_bundle_that_does_not_exist(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(tmp_path / "none"), "--out", str(tmp_path / "graph")])
    assert stopped.value.code == 2 and "must be the folder of a bundle, there is none" in capsys.readouterr().err
