"""What the command ``recbole-iacn train`` prints at its end: metrics and files, for people or as JSON."""

import json
import math
from typing import Any


def as_text(result: dict[str, Any]) -> str:
    """Metrics of validation and test side by side, then the files that were written.

    Args:
        result: of :func:`recbole_iacn.run`.
    """
    valid, test = result["best_valid_result"] or {}, result["test_result"] or {}
    names = list(dict.fromkeys([*test, *valid]))
    width = max([*map(len, names), len("log_tensorboard")])
    parts = [(head, values) for head, values in (("valid", valid), ("test", test)) if values]
    lines = [" " * width + "".join(f"  {head:>9}" for head, _ in parts)] if names else []
    for name in names:
        cells = (f"{values[name]:.{result['decimals']}f}" if name in values else "" for _, values in parts)
        lines.append(f"{name:<{width}}" + "".join(f"  {cell:>9}" for cell in cells))
    for kind, path in result["files"].items():
        lines += [f"{kind:<{width}}  {one}" for one in ([path] if isinstance(path, str) else path)]
    return "\n".join(lines)


def as_json(model: str, dataset: str, result: dict[str, Any]) -> str:
    """One object in one line.

    Args:
        model, dataset: names.
        result: of :func:`recbole_iacn.run`.
    """
    shown = {
        "model": model,
        "dataset": dataset,
        "seed": result["seed"],
        "valid_metric": result["valid_metric"],
        "valid": _plain(result["best_valid_result"]),
        "test": _plain(result["test_result"]),
        "best_epoch": result["best_epoch"],
        "last_epoch": result["last_epoch"],
        "seconds": result["seconds"],
        "files": result["files"],
    }
    return json.dumps(shown, ensure_ascii=False, allow_nan=False)


def _plain(metrics):
    """JSON has no NaN: a metric that is none is null."""
    if not metrics:
        return None
    return {name: float(value) if math.isfinite(value) else None for name, value in metrics.items()}
