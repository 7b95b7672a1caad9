"""Data with columns of all types, and models of them, opened as bundles."""

import pytest
import torch
from helpers import write_atomic

import recbole_iacn

COLUMNS = {
    "inter": ["user_id", "item_id", "timestamp", "tab", "hour", "tags"],
    "item": ["item_id", "categories", "price", "sizes"],
    "user": ["user_id", "age", "income", "likes", "wants"],
}
CLICKS_ALONE = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ...}


def _numbers(i):
    return " ".join(f"{(i + place) % 7 / 7:.3f}" for place in range(i % 4))


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """Rows with a tab, an hour and tags; items and users with numbers, lists of numbers and lists of words."""
    folder = write_atomic(tmp_path_factory.mktemp("graphs"), "shop")
    for source, head, of in (
        ("inter", "tab:token\thour:float\ttags:token_seq", lambda i: f"t{i % 3}\t{i % 24 / 24}\t{'x y'[: i % 4]}"),
        ("item", "price:float\tsizes:float_seq", lambda i: f"{i % 9 / 9:.3f}\t{_numbers(i)}"),
        (
            "user",
            "income:float\tlikes:token_seq\twants:float_seq",
            lambda i: f"{i / 60}\t{'a b c'[: i % 6]}\t{_numbers(i)}",
        ),
    ):
        path = folder / "shop" / f"shop.{source}"
        first, *lines = path.read_text().splitlines()
        path.write_text("\n".join([f"{first}\t{head}", *(f"{line}\t{of(i)}" for i, line in enumerate(lines))]) + "\n")
    return str(folder)


@pytest.fixture(scope="session")
def opened(shop, settings_of, tmp_path_factory):
    """The recommender of a model with random weights that every part feels."""

    def open_(name, **changes):
        own = {"load_col": COLUMNS} if name.endswith("_IaCN") else CLICKS_ALONE
        given = settings_of(**{"data_path": shop, **own, **changes})
        training = recbole_iacn.build(name, "shop", config_dict=given)
        torch.manual_seed(1)
        if "EulerNet" not in name and "FiGNN" not in name:  # whose scores are flat far from their start
            for parameter in training.model.parameters():
                torch.nn.init.normal_(parameter, std=0.3)
        if changes.get("stages") == "two":
            training.model.start_second_stage()
        return recbole_iacn.load(training.save(str(tmp_path_factory.mktemp("bundle") / "model")))

    return open_
