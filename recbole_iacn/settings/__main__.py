"""``python -m recbole_iacn.settings``: write ``properties/*.yaml`` and ``docs/settings.md`` of a checkout anew."""

from pathlib import Path

from recbole_iacn.settings.documents import document, yaml_files


def main() -> None:
    """Write every file; those of a setting that is gone are left, and a test names them."""
    root = Path(__file__).parent.parent.parent
    for name, text in yaml_files().items():
        (root / "properties" / name).write_text(text, encoding="utf-8")
    (root / "docs" / "settings.md").write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
