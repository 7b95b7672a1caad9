"""Where the package's YAML files lie: inside an installed wheel, or at the top of a checkout."""

import functools
from pathlib import Path


def properties_folder():
    """The folder ``properties/``: within the installed package, or beside it in a source checkout."""
    inside = Path(__file__).parent / "properties"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "properties"


def own_properties():
    """Paths of all our YAML files; ``IaCN.yaml`` is for every interest-aware model."""
    return sorted(properties_folder().rglob("*.yaml"))


def recbole_folder():
    """Where RecBole is installed."""
    import recbole

    return Path(recbole.__file__).parent


@functools.cache
def click_models():
    """Names of RecBole's click-through-rate models: DIN, DIEN and the context-aware ones."""
    context_aware = recbole_folder() / "model" / "context_aware_recommender"
    return tuple(
        name for name in recbole_models() if name in ("DIN", "DIEN") or (context_aware / f"{name.lower()}.py").is_file()
    )


@functools.cache
def recbole_models():
    """Names of RecBole's own models, read from its YAML files, so that no model has to be imported."""
    return tuple(sorted(path.stem for path in (recbole_folder() / "properties" / "model").glob("*.yaml")))
