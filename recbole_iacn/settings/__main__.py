"""``python -m recbole_iacn.settings``: rewrite ``properties/*.yaml`` and ``docs/settings.md`` of a checkout."""

from pathlib import Path

from recbole_iacn.settings.documents import document, yaml_files


def main() -> None:
    """Write every file. A file that is no longer generated is kept; a test names it."""
    root = Path(__file__).parent.parent.parent
    for name, text in yaml_files().items():
        (root / "properties" / name).write_text(text, encoding="utf-8")
    (root / "docs" / "settings.md").write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
