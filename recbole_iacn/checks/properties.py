"""Where the package's YAML files are: inside an installed wheel, or at the top of a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def properties_folder() -> Path:
    """The folder ``properties/``: within the installed package, or beside it in a source checkout."""
    inside = _PACKAGE / "properties"
    return inside if inside.is_dir() else _PACKAGE.parent / "properties"


def own_properties() -> list[Path]:
    """Paths of all of this package's YAML files; ``IaCN.yaml`` is for every interest-aware model."""
    return sorted(properties_folder().rglob("*.yaml"))
