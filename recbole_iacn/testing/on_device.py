"""What every model does on a device: train, go on, be served, and score as it does on the CPU.

    recbole-iacn doctor --gpu

Each model is trained on a small planted dataset, by :func:`examine`, on a GPU or on the stand-in for one.
"""

from __future__ import annotations

import contextlib
import math
import os
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY, SUFFIX
from recbole_iacn.testing import stand_in
from recbole_iacn.testing.planted import planted_data, settings_of, some_rows
from recbole_iacn.version import __version__

SAME = 1e-4  # two scores differ by at most so much, or by this share of the first where that is above 1
LIKE = 0.05  # two mean losses of an epoch differ by at most this share: a GPU draws other numbers for dropout
_RECBOLE = ("SASRec", "GRU4Rec")  # on this package's data, by its loss
_WITHOUT_TASK = ("LR",)  # it embeds no items
_NOT_ON_STAND_IN = dict.fromkeys(("FiGNN_IaCN", "GRU4Rec"), "its GRU cell is one operation of a GPU, which a CPU lacks")
_STEPS = 3  # of which the last is counted: the first one fills what is kept


@dataclass
class Examined:
    """What was found about a model on a device.

    Attributes:
        model (str): its name.
        scores (float): the largest difference between its scores and the CPU's, by the same weights, over the larger
            of 1 and the score.
        trained (float): the mean loss of an epoch on the device, over that of the CPU.
        resumed (float): as ``scores``, between two epochs in one run and an epoch that another one is added to.
        served (float): the same, between a bundle that is opened on the device and on the CPU.
        half (float): the mean loss of an epoch in 16 bits (``enable_amp``), over that of the same epoch in float32;
            no number on the stand-in, which rounds nothing.
        waits (dict): how often one training step waits for the device, by line.
        error (str or None): what went wrong.
        traceback (str or None): where.
    """

    model: str
    scores: float = math.nan
    trained: float = math.nan
    resumed: float = math.nan
    served: float = math.nan
    half: float = math.nan
    waits: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None
    rounds: bool = True

    @property
    def passes(self) -> bool:
        """Whether it is the same model on the device."""
        same = all(gap <= SAME for gap in (self.scores, self.resumed, self.served))
        ratios = (self.trained, self.half) if self.rounds else (self.trained,)
        return self.error is None and same and all(abs(ratio - 1) <= LIKE for ratio in ratios)

    def plain(self) -> dict[str, Any]:
        """The attributes, and ``passes``; None for a number that was not reached, or is none."""
        unknown = {
            name for name, value in asdict(self).items() if isinstance(value, float) and not math.isfinite(value)
        }
        return {**asdict(self), **dict.fromkeys(unknown), "passes": self.passes}

    @property
    def why(self) -> str:
        """Why it does not pass."""
        return self.error or "differs from the CPU"


def models() -> list[str]:
    """What is examined: every click model with the task, the family, and RecBole's models that train by its loss."""
    from recbole_iacn.bridge.registry import click_models

    return [*(name + SUFFIX for name in click_models() if name not in _WITHOUT_TASK), *FAMILY, *_RECBOLE]


@contextlib.contextmanager
def device_of(kind: str) -> Iterator[tuple[torch.device, Callable[[], dict[str, int]]]]:
    """A device, and a function that returns the waits since it was called before, by line.

    Args:
        kind: ``cuda``, another device of PyTorch, whose waits are not counted; or ``standin``.
    """
    if kind == stand_in.NAME:
        with stand_in.StandIn() as there:
            yield there.device, lambda: _emptied(there.waits)
    elif torch.device(kind).type == "cuda":
        with _counted_by_cuda() as waits:
            yield torch.device(kind), lambda: _emptied(waits)
    else:
        yield torch.device(kind), dict


def examine_all(names: Sequence[str], say: Callable[[str], object]) -> dict[str, Any]:
    """Examine models one after another: on the GPU, or on the stand-in where PyTorch sees none.

    Args:
        names: the models, see :func:`models`.
        say: receives the lines of a table, each when its model is done.

    Returns:
        ``device``, ``versions``, ``models``, a dict per model, and ``left_out``, why by name.

    Raises:
        ConfigError: there is no GPU, and PyTorch is too old for the stand-in.
    """
    kind = "cuda" if torch.cuda.is_available() else stand_in.NAME
    if kind == stand_in.NAME:
        if not stand_in.available():
            raise ConfigError(f"--gpu: PyTorch {torch.__version__} sees no GPU, and is too old for the stand-in (2.10)")
        stand_in.register()
    device = torch.cuda.get_device_name() if kind == "cuda" else "a stand-in: PyTorch sees no NVIDIA GPU"
    say(
        f"Device: {device}. Largest differences of scores, which may be {SAME:g}; losses over the CPU's, and in 16 bits"
    )
    say(f"over float32's, which may differ by {100 * LIKE:.0f} %; and waits of a training step.\n")
    say(f"{'':18}{'scores':>9}{'resumed':>9}{'served':>9}{'loss':>9}{'16 bits':>9}{'waits':>7}")
    found, left_out = [], {}
    with _deterministic():
        for name in dict.fromkeys(names):
            if kind == stand_in.NAME and name in _NOT_ON_STAND_IN:
                left_out[name] = _NOT_ON_STAND_IN[name]
                say(f"{name:18}  left out on the stand-in: {left_out[name]}")
                continue
            one = examine(name, kind)
            found.append(one.plain())
            gaps = "".join(f"{gap:9.0e}" if gap else f"{0:9d}" for gap in (one.scores, one.resumed, one.served))
            half = f"{one.half:9.3f}" if one.rounds else f"{'-':>9}"
            waits = sum(one.waits.values())
            say(f"{name:18}{gaps}{one.trained:9.3f}{half}{waits:7d}{'' if one.passes else '  ' + one.why}")
    failed = [one["model"] for one in found if not one["passes"]]
    not_all = f"; not {', '.join(failed)}" if failed else ""
    say(f"\n{len(found) - len(failed)} of {len(found)} models passed{not_all}")
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "recbole_iacn": __version__}
    return {"device": device, "versions": versions, "models": found, "left_out": left_out}


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Sums in one order, where the GPU can: a training that is resumed then ends as one that was not interrupted."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def examine(model: str, kind: str) -> Examined:
    """Train a model on a device and on the CPU, and compare.

    Args:
        model: the model's name.
        kind: as for :func:`device_of`.

    Returns:
        What was found; an error is part of it.
    """
    found = Examined(model, rounds=kind != stand_in.NAME)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _Examination(model, kind, Path(folder)).fill(found)
        except Exception as error:  # any error in it is the result
            first = (str(error).strip().splitlines() or [""])[0]
            found.error = f"{type(error).__name__}: {first}"[:300]
            found.traceback = traceback.format_exc()[-4000:]
    return found


class _Examination:
    def __init__(self, model: str, kind: str, folder: Path) -> None:
        self.model, self.kind, self.folder = model, kind, folder
        planted_data(folder)

    def fill(self, found: Examined) -> None:
        here = self.made(torch.device("cpu"), epochs=1)
        here.fit(saved=False, verbose=False)
        weights = {name: value.clone() for name, value in here.model.state_dict().items()}
        with device_of(self.kind) as (device, waits):
            there = self.made(device, epochs=1)
            there.model.load_state_dict(weights)
            found.scores = _gap(_scores(here), _scores(there))
            found.waits = _waits_of_a_step(there, waits)
            whole, resumed = self.twice(device)
            found.resumed = _gap(_scores(whole), _scores(resumed))
            bundle = whole.save(str(self.folder / "bundle"))
            found.served = self.served(bundle, device)
            loss = whole.trainer.train_loss_dict[0]
            found.trained = loss / here.trainer.train_loss_dict[0]
            half = self.half(device)
            found.half = half / loss if found.rounds else math.nan

    def made(self, device: torch.device, **changes: Any) -> Any:
        """A training whose model is on a device, not trained yet."""
        from recbole_iacn.building.assembly import assemble, configure

        config = configure(self.model, "planted", config_dict=settings_of(self.folder, **self.settings(), **changes))
        config["device"] = device
        return assemble(config)

    def settings(self) -> dict[str, Any]:
        if self.model.endswith(SUFFIX):
            return {}
        ranking: dict[str, Any] = {"topk": [5], "valid_metric": "NDCG@5"}
        if self.model in _RECBOLE:
            return {**ranking, "loss": "sampled_softmax", "train_neg_sample_args": None}
        # Two stages, each as long as is asked for, have no epoch at which they could be parted.
        joint = {"stages": "joint"} if self.model.startswith("TiMiRec") else {}
        return {**ranking, "eval_negatives": 9, **joint}

    def twice(self, device: torch.device) -> tuple[Any, Any]:
        """Two epochs in one run; and one that is resumed for the second."""
        whole = self.made(device, epochs=2, stopping_step=2)
        whole.fit(saved=False, verbose=False)
        begun = self.made(device, epochs=1)
        begun.fit(verbose=False)
        resumed = self.made(device, epochs=2, stopping_step=2)
        resumed.resume(begun.checkpoint)
        resumed.fit(saved=False, verbose=False)
        return whole, resumed

    def served(self, bundle: str, device: torch.device) -> float:
        from recbole_iacn.serving.recommender import load

        here, there = load(bundle), load(bundle, device)
        items = list(here.items[:20])
        histories = [items[:8], items[3:5], []]
        times = [list(range(len(one))) for one in histories] if here.queries.reads_times else None
        scores = [torch.from_numpy(each.score(histories, items, times)) for each in (here, there)]
        return _gap(*scores)

    def half(self, device: torch.device) -> float:
        made = self.made(device, epochs=1, enable_amp=True)
        made.fit(saved=False, verbose=False)
        return made.trainer.train_loss_dict[0]


@torch.no_grad()
def _scores(training: Any) -> Tensor:
    """The scores of all items for the first test rows."""
    model, rows = training.model.eval(), some_rows(training)
    return model.full_sort_predict(rows.to(training.config["device"])).view(len(rows), -1)[:, 1:].cpu()


def _gap(one: Tensor, other: Tensor) -> float:
    if not (one.isfinite().all() and other.isfinite().all()):
        return math.inf
    return float(((one - other).abs() / one.abs().clamp_min(1)).max())


def _waits_of_a_step(training: Any, waits: Callable[[], dict[str, int]]) -> dict[str, int]:
    from recbole_iacn.training.trainer import to_device

    model, trainer = training.model.train(), training.trainer
    batch = next(iter(training.train_data))
    for _ in range(_STEPS):
        waits()
        losses = model.calculate_loss(to_device(batch, training.config["device"]))
        trainer.optimizer.zero_grad()
        torch.stack(losses if isinstance(losses, tuple) else (losses,)).sum().backward()
        trainer.optimizer.step()
    return waits()


def _emptied(counter: Counter[str]) -> dict[str, int]:
    counted = dict(counter.most_common())
    counter.clear()
    return counted


@contextlib.contextmanager
def _counted_by_cuda() -> Iterator[Counter[str]]:
    """What PyTorch warns of while its synchronizations are debugged, by line."""
    counter: Counter[str] = Counter()
    before = torch.cuda.get_sync_debug_mode()

    def note(message: Any, category: Any, file: str, line: int, *_: Any) -> None:
        if "synchroniz" in str(message):
            counter[f"{Path(file).name}:{line}"] += 1

    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=".*synchroniz.*")
        warnings.showwarning = note  # type: ignore[assignment]
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield counter
        finally:
            torch.cuda.set_sync_debug_mode(before)
