"""Small tables, and what prepare makes of them."""

import json

import pytest


@pytest.fixture
def convert(tmp_path):
    """Converts tables (texts become files); gives the manifest and the lines of the atomic files by their ends."""
    from recbole_iacn.data import from_tables

    def run(events, items=None, users=None, end="csv", **options):
        given = {}
        for what, table in (("events", events), ("items", items), ("users", users)):
            given[what] = table
            if isinstance(table, str | bytes):
                given[what] = tmp_path / f"{what}.{end}"
                given[what].write_bytes(table.encode() if isinstance(table, str) else table)
        settings = {"memory": 512, "threads": 1, "overwrite": True, "out": tmp_path / "out", "name": "shop", **options}
        manifest = from_tables(**given, **settings)
        folder = tmp_path / "out" / "shop"
        assert manifest == json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert [path.name for path in folder.parent.iterdir()] == ["shop"]
        files = {path.suffix[1:]: path.read_text(encoding="utf-8").split("\n")[:-1] for path in folder.iterdir()}
        assert set(files) == {"inter", "yaml", "json"} | ({"item"} if items is not None else set()) | (
            {"user"} if users is not None else set()
        )
        return manifest, files

    return run


@pytest.fixture
def rejected(convert, tmp_path):
    """Converts what must be rejected in one line, leaving nothing behind; gives the message without the folder."""
    from recbole_iacn.errors import ConfigError

    def run(*tables, **options):
        with pytest.raises(ConfigError) as caught:
            convert(*tables, **options)
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "out").glob("*")) and not list((tmp_path / "out").glob(".*"))
        return str(caught.value).replace(f"{tmp_path}/", "")

    return run
