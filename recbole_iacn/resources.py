"""Where the package's YAML files lie: inside an installed wheel, or at the top of a checkout."""

from pathlib import Path


def properties_folder():
    """The folder ``properties/``: within the installed package, or beside it in a source checkout."""
    inside = Path(__file__).parent / "properties"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "properties"


def model_properties():
    """Paths of all ``properties/model/*.yaml``."""
    return sorted((properties_folder() / "model").glob("*.yaml"))


def recbole_models():
    """Names of RecBole's own models, read from its YAML files, so that no model has to be imported."""
    import recbole

    return sorted(path.stem for path in (Path(recbole.__file__).parent / "properties" / "model").glob("*.yaml"))
