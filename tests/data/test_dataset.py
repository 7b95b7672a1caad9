"""The dataset of the interest-aware models: auxiliary columns, and data of other shapes."""

import pytest
import torch


@pytest.mark.parametrize("features", ["all", ["categories"]])
def test_auxiliary_columns_repeat_their_originals(build, features):
    _, train, *_ = build(iacn_item_features=features)
    items = train._dataset.get_item_feature()
    assert torch.equal(items["item_id_auxiliary"], items["item_id"])
    assert torch.equal(items["categories_auxiliary"], items["categories"])
    assert train._dataset.num("categories_auxiliary") == train._dataset.num("categories")
    _, alone, *_ = build(iacn_item_features=[])
    assert [name for name in alone._dataset.get_item_feature() if name.endswith("_auxiliary")] == ["item_id_auxiliary"]


def test_data_without_an_item_table_works(build):
    *_, train, _, _, model = build(load_col={"inter": ["user_id", "item_id", "timestamp"]})
    assert torch.isfinite(sum(model.calculate_loss(next(iter(train)))))


def test_benchmark_files_with_labels_and_histories_work(build, tmp_path):
    """Pre-split rows: histories, lengths and labels come from the files as they are."""
    folder = tmp_path / "split"
    folder.mkdir()
    head = "user_id:token\titem_id:token\titem_id_list:token_seq\tlabel:float\n"
    for part in ("train", "valid", "test"):
        body = "".join(f"u{u}\ti{u % 5}\ti1 i{u % 4} i2\t1\nu{u}\ti{(u + 2) % 5}\ti3\t0\n" for u in range(8))
        (folder / f"split.{part}.inter").write_text(head + body)
    _, train, _, _, model = build(
        dataset="split",
        data_path=str(tmp_path),
        load_col={"inter": ["user_id", "item_id", "item_id_list", "label"]},
        benchmark_filename=["train", "valid", "test"],
        alias_of_item_id=["item_id_list"],
        protocol=None,
        train_neg_sample_args=None,
        eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled"},
        MAX_ITEM_LIST_LENGTH=3,
    )
    batch = next(iter(train))
    assert sorted(set(batch["item_length"].tolist())) == [1, 3]
    main, auxiliary = model.calculate_loss(batch)
    assert torch.isfinite(main) and auxiliary > 0
