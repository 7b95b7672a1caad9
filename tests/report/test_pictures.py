"""Figures as SVG files: equal ones are equal files, and a browser that is missing or hangs is one line."""

import json
import sys

import pytest
from helpers import CHROMIUM
from made_runs import result, store

from recbole_iacn.cli import main
from recbole_iacn.report import pictures


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="Kaleido needs Chromium")
def test_pictures_are_drawn_and_shown(folder, capsys):
    store(folder, {**result(sweep={"iacn_delta": 0.5}), "settings": {"iacn_delta": 0.5}})
    main(["report", str(folder), "--pictures"])
    assert str(folder / "iacn_delta.svg") in capsys.readouterr().out
    for name, text in (("gain", "full − off"), ("iacn_delta", "DIN full, Beauty")):
        assert text in (folder / f"{name}.svg").read_text()
        assert f"]({name}.svg)" in (folder / "report.md").read_text()
    drawn = {path.name: path.read_bytes() for path in folder.glob("*.svg")}
    assert len(drawn) == 2
    main(["report", str(folder), "--pictures"])
    assert {path.name: path.read_bytes() for path in folder.glob("*.svg")} == drawn


def draw_by(monkeypatch, code):
    monkeypatch.setattr(pictures, "_DRAWING", [sys.executable, "-c", code])


def rejected(folder, capsys):
    with pytest.raises(SystemExit):
        main(["report", str(folder), "--pictures"])
    assert not list(folder.glob("report.*")) and not list(folder.glob("*.svg"))
    return capsys.readouterr().err


def test_pictures_that_cannot_be_drawn_are_reported(folder, monkeypatch, capsys):
    draw_by(monkeypatch, "import sys; sys.exit('Kaleido requires Google Chrome to be installed.')")
    message = rejected(folder, capsys)
    assert "pictures: Plotly cannot draw (Kaleido requires Google Chrome to be installed.)" in message


def test_the_drawing_process_says_why_it_cannot_draw(monkeypatch, capsys):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"figure": {"data": []}, "height": 100})))

    def to_image(figure, **given):
        raise RuntimeError("Kaleido requires Google Chrome to be installed.\nmore")

    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", to_image)
    with pytest.raises(SystemExit) as end:
        pictures.main()
    assert end.value.code == 1 and capsys.readouterr().err == "Kaleido requires Google Chrome to be installed.\n"


def test_a_browser_that_does_not_answer_is_started_again_and_then_given_up(folder, monkeypatch, capsys, tmp_path):
    starts = tmp_path / "starts"
    draw_by(monkeypatch, f"open({str(starts)!r}, 'a').write('x'); import time; time.sleep(60)")
    monkeypatch.setattr(pictures, "_SECONDS", 2)
    assert "pictures: the browser did not answer within 2 seconds, 2 times" in rejected(folder, capsys)
    assert starts.read_text() == "xx"
