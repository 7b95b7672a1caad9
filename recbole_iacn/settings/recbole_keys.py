"""The settings that RecBole reads."""

import functools
import re
from pathlib import Path

KEY_READ = re.compile(r"""config(?:_dict)?\s*(?:\[|\.get\()\s*["'](\w+)["']""")
_KEY_IN_YAML = re.compile(r"^(\w+)\s*:", re.MULTILINE)

# Keys that RecBole reads through variables, or that belong to its command line.
_OTHER_KEYS = {"model", "dataset", "config_files", "config_file", "nproc", "ip", "port", "world_size", "group_offset"}


@functools.cache
def recbole_keys() -> frozenset[str]:
    """Every setting that RecBole reads. It has no list of them: they are gathered from its code and its YAML files, so
    that the answer holds for the installed version."""
    import recbole

    root = Path(recbole.__file__).parent
    keys = set(_OTHER_KEYS)
    for source in root.rglob("*.py"):
        keys.update(KEY_READ.findall(source.read_text(encoding="utf-8")))
    for defaults in (root / "properties").rglob("*.yaml"):
        if "url" not in defaults.name:  # lists of datasets, not settings
            keys.update(_KEY_IN_YAML.findall(defaults.read_text(encoding="utf-8")))
    from recbole.utils import argument_list

    for group in ("general", "training", "evaluation", "dataset"):
        keys.update(getattr(argument_list, f"{group}_arguments"))
    return frozenset(keys)
