"""What several test modules share: small data of known structure, and models set beside each other."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

# A browser without a window, by the names that it has on different systems; None where there is none.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# RecBole's click-through-rate models that have a class of ours.
BACKBONES = [
    *("DIN", "DIEN", "WideDeep", "DeepFM", "DCN", "DCNV2", "xDeepFM", "AutoInt", "PNN", "NFM", "AFM", "FM", "FFM"),
    *("FNN", "FwFM", "FiGNN", "EulerNet", "DSSM", "KD_DAGFM"),
]


def write_atomic(folder, name="tiny", users=60, items=40, clusters=4, events=9, seed=0):
    """Users who click within two of a few item clusters; empty cells among categories and ages."""
    rng = np.random.default_rng(seed)
    target = folder / name
    target.mkdir(parents=True)
    cluster = np.arange(items) % clusters
    lines = ["user_id:token\titem_id:token\ttimestamp:float\trating:float"]
    for user in range(users):
        liked = rng.choice(clusters, size=2, replace=False)
        choices = np.flatnonzero(np.isin(cluster, liked))
        count = min(events, len(choices) - 1)
        for step, item in enumerate(rng.permutation(choices)[:count]):
            lines.append(f"u{user}\ti{item}\t{1_400_000_000 + 100 * step + user}\t{1 + step % 5}")
    (target / f"{name}.inter").write_text("\n".join(lines) + "\n")
    rows = ["item_id:token\tcategories:token_seq"]
    rows += [f"i{item}\t{'' if item % 11 == 0 else f'c{cluster[item]} all'}" for item in range(items)]
    (target / f"{name}.item").write_text("\n".join(rows) + "\n")
    rows = ["user_id:token\tage:token"] + [f"u{user}\t{'' if user % 7 == 0 else user % 3}" for user in range(users)]
    (target / f"{name}.user").write_text("\n".join(rows) + "\n")
    return folder


def reverse_rows(file):
    """The same rows, the last first: tokens get other numbers, and by their times they are the same data."""
    header, *lines = file.read_text().splitlines()
    file.write_text("\n".join([header, *reversed(lines)]) + "\n")


def give_same_weights(ours, stock):
    """One seed has given both the same start; now random weights of a size that every part feels."""
    import torch

    for name, weight in stock.state_dict().items():
        assert torch.equal(weight, ours.state_dict()[name]), name
    give_other_weights(stock)
    ours.load_state_dict(stock.state_dict())


def give_other_weights(model):
    """Random ones, far from those of the start."""
    import torch

    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)


def assert_computes_the_same(ours, stock, batch, tolerance):
    """Equal losses, gradients and scores."""
    import torch

    loss, stock_loss = ours.calculate_loss(batch), stock.calculate_loss(batch)
    assert torch.allclose(loss, stock_loss, atol=tolerance)
    loss.backward()
    stock_loss.backward()
    gradients = dict(stock.named_parameters())
    for name, parameter in ours.named_parameters():
        if gradients[name].grad is not None:
            assert torch.allclose(parameter.grad, gradients[name].grad, atol=tolerance), name
    stock.eval(), ours.eval()
    assert torch.allclose(ours.predict(batch), stock.predict(batch), atol=tolerance)


def file_rows(dataset):
    """The cells of every line of the file itself."""
    text = Path(dataset.dataset_path, f"{dataset.dataset_name}.inter").read_text()
    return [line.split("\t") for line in text.splitlines()[1:]]


def own_sets(dataset):
    """User -> all items."""
    own = {}
    for user, item, *_ in file_rows(dataset):
        own.setdefault(user, set()).add(item)
    return own


def token_rows(loader):
    """(user, item, label) of a whole pass, as tokens."""
    dataset = loader._dataset
    out = []
    for batch in loader:
        batch = batch[0] if isinstance(batch, tuple) else batch
        users = dataset.field2id_token["user_id"][batch["user_id"]]
        items = dataset.field2id_token["item_id"][batch["item_id"]]
        out += list(zip(users, items, batch["label"].tolist()))
    return out


# For a model of the retrieval family: a training of seconds.
SHORT_RANKING = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "mlp_hidden_size": ...,
    "topk": [5],
    "eval_negatives": 20,
    "train_batch_size": 256,
    "learning_rate": 0.01,
}


def in_fresh_process(code, *arguments, cwd=None):
    """Run code in a new interpreter; its standard output."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def auxiliary_tables(model):
    """The embedding weights that hold E_auxiliary, each with the slice of its rows."""
    layer, found = model.item_tables, []
    for name in ("item_id_auxiliary", "categories_auxiliary"):
        tables = layer.item_tables_by_field(name) if hasattr(layer, "ffm") else [layer.item_table(name)]
        for table, start, _ in tables:
            weight = table.weight
            rows = slice(start, start + (model.n_items if name.startswith("item") else len(weight)))
            if not any(weight is known for known, _ in found):  # FFM's tables of lists are one for all fields
                found.append((weight, rows))
    return found


def write_few_films(folder):
    """RecBole's folder with forty users of ml-100k, twelve clicks each, and the films that they or a page name."""
    import pandas as pd

    from recbole_iacn.names import recbole_folder

    own, target = recbole_folder(), folder / "dataset_example" / "ml-100k"
    target.mkdir(parents=True)
    (folder / "config").mkdir()
    (folder / "properties").symlink_to(own / "properties")
    users, films, clicks = (
        pd.read_csv(own / "dataset_example" / "ml-100k" / f"ml-100k.{kind}", sep="\t", dtype=str)
        for kind in ("user", "item", "inter")
    )
    clicks = clicks.sort_values("timestamp:float", kind="stable").groupby("user_id:token").tail(12)
    clicks = clicks[clicks["user_id:token"].isin(["196", "22", *users["user_id:token"][:38]])]
    films = films[films["item_id:token"].isin([*clicks["item_id:token"], "1", "2", "50", "71", "172", "588"])]
    for kind, table in (("user", users), ("item", films), ("inter", clicks)):
        table.to_csv(target / f"ml-100k.{kind}", sep="\t", index=False)
    return folder


def train_on_few_films(folder, set_attribute=setattr):
    """ml-100k is what :func:`write_few_films` has written, and every training ends after an epoch."""
    from recbole.config import configurator
    from recbole.trainer import Trainer

    fit = Trainer.fit

    def one_epoch(trainer, *given, **more):
        trainer.epochs = 1
        return fit(trainer, *given, **more)

    set_attribute(configurator, "__file__", str(folder / "config" / "configurator.py"))  # RecBole's data lie beside it
    set_attribute(Trainer, "fit", one_epoch)
