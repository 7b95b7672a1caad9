"""The database of a conversion: what ends its work."""

from pathlib import Path

import pytest

pytest.importorskip("duckdb")

from recbole_iacn.data.database import Database


@pytest.mark.timeout(60)
def test_an_interruption_is_one(tmp_path):
    """DuckDB names Ctrl-C otherwise, and the command line would print a traceback."""
    import signal
    import threading

    main = threading.get_ident()
    with Database(tmp_path, 512, 1) as base, pytest.raises(KeyboardInterrupt):
        timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        base._do("select sum(a.range * b.range % 7) from range(10000000) a, range(10000000) b")


def test_a_folder_called_tilde_is_not_the_home(tmp_path, monkeypatch):
    home, folder = tmp_path / "home", Path("~", "made")
    home.mkdir()
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    with Database(folder, 512, 1) as base:
        assert (folder / "staging.duckdb").is_file()
        base._copy("select 1 as x", folder / "x")
    assert (folder / "x").read_text() == "x\n1\n" and not list(home.iterdir())


def test_no_extension_comes_by_itself(tmp_path):
    """A file or a query that needs one, such as of another machine, would fetch and run it."""
    with Database(tmp_path, 512, 1) as base:
        settings = "autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions"
        asked = ", ".join(f"current_setting('{name}')" for name in settings)
        assert base._do(f"select {asked}").fetchone() == (False, False, False)
