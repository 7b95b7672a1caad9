"""The command prepare rows, as a user types it."""

import pytest

from recbole_iacn import cli

PLACES = "user_id:token\titem_id:token\ttimestamp:float\n" + "".join(
    f"{user}\ti{(user + place) % 9}\t{place}\n" for user in range(6) for place in range(5)
)


@pytest.fixture
def rows(tmp_path, capsys):
    """Lines that the command prints for a dataset of six users with five items each, at places 0 to 4."""
    folder = tmp_path / "dataset" / "shop"
    folder.mkdir(parents=True)
    (folder / "shop.inter").write_text(PLACES)
    (folder / "shop.yaml").write_text("load_col: {inter: [user_id, item_id, timestamp]}\n")

    def run(*arguments):
        cli.main(["prepare", "rows", "--dataset=shop", "--users=1", *arguments])
        return capsys.readouterr().out.splitlines()

    return run


def test_the_own_yaml_file_is_named_and_places_are_places(rows):
    lines = rows()
    assert lines[0] == "settings: dataset/shop/shop.yaml"
    assert lines[1].startswith("shop: 6 users, 9 items; protocol leave_one_out_ctr, histories of")
    assert "UTC" not in lines[1] and lines[3] == "user 0"
    assert lines[4].startswith("  train    after i0: clicked i1 at place 1, not ")
    assert lines[7].startswith("  test     after i0, i1, i2, i3: clicked i4 at place 4, not ")


def test_ranked_among_fixed_candidates(rows):
    lines = rows("--protocol=leave_one_out_sampled")
    assert lines[4] == "  train    after i0: clicked i1, i2 at place 2, each after those before it"
    assert "i2: clicked i3 at place 3, ranked among 1,000 others: " in lines[5] and lines[5].endswith(" and 990 more")
    others = lines[5].partition("others: ")[2].removesuffix(" and 990 more").split(", ")
    assert len(others) == 10 and set(others) <= {"i5", "i6", "i7", "i8"}


def test_ranked_among_all(rows, tmp_path):
    assert rows("--protocol=leave_one_out_full")[-1] == (
        "  test     after i0, i1, i2, i3: clicked i4 at place 4, ranked among all 9 items"
    )
    (tmp_path / "mask.yaml").write_text("{protocol: leave_one_out_full, mask_history: True}\n")
    (tmp_path / "short.yaml").write_text("MAX_ITEM_LIST_LENGTH: 2\n")
    assert rows("--config_files", "mask.yaml", "short.yaml")[-1] == (
        "  test     after i2, i3: clicked i4 at place 4, ranked among all 9 items but those clicked before"
    )


def test_a_model_without_a_history_and_one_without_a_protocol(rows, tmp_path):
    line = rows("--model=WideDeep", "--protocol=leave_one_out_ctr")[-1]
    assert line.startswith("  test     clicked i4 at place 4, not i")
    (tmp_path / "ce.yaml").write_text("train_neg_sample_args: ~\n")
    line = rows("--model=SASRec", "--config_files=ce.yaml")[-1]
    assert line.startswith("  test     after i0, i1, i2, i3: clicked i4 at place 4")


@pytest.fixture
def shown(tmp_path):
    """Rows with labels, most of which are clicks, at times that float32 rounds to one; lines of the file."""
    lines = [line.split("\t") for line in PLACES.splitlines()[1:]]
    text = "user_id:token\titem_id:token\ttimestamp:float\tlabel:float\n"
    for user, item, place in lines:
        text += f"{user}\t{item}\t{1_650_000_000 + int(place) * 10 + int(user)}\t{int(place != '2')}\n"
    (tmp_path / "dataset/shop/shop.inter").write_text(text)
    (tmp_path / "dataset/shop/shop.yaml").write_text("load_col: {inter: [user_id, item_id, timestamp, label]}\n")


@pytest.mark.parametrize(
    ("protocol", "end"),
    [
        ("leave_one_out_ctr", ", not i"),
        ("leave_one_out_sampled", ", ranked among 1,000 others: i"),
        ("leave_one_out_full", ", ranked among all 9 items"),
    ],
)
def test_clicks_of_labelled_data_are_compared_with_the_protocols_items(rows, shown, protocol, end):
    line = rows(f"--protocol={protocol}")[-1]
    assert line.startswith("  test     after i0, i1, i3: clicked i4 on 2022-04-15 05:20:40" + end)


def test_times_of_a_model_without_windows_are_exact_or_said_to_be_rounded(rows, shown, tmp_path):
    lines = rows("--protocol=impressions_by_time", "--model=WideDeep")
    assert "shown i0 on 2022-04-15 05:20:00, clicked" in lines[4]
    assert "shown i1 on 2022-04-15 05:20:10, clicked" in lines[5]
    (tmp_path / "ce.yaml").write_text("train_neg_sample_args: ~\n")
    assert " on about 2022-04-15 05:" in rows("--model=SASRec", "--config_files=ce.yaml")[-1]


def test_labels_are_shown(rows, tmp_path):
    """Every row of the file with its label, none twice."""
    label = {}
    text = "user_id:token\titem_id:token\ttimestamp:float\tlabel:float\n"
    for number, line in enumerate(PLACES.splitlines()[1:]):
        label[tuple(line.split("\t"))] = number % 2
        text += f"{line}\t{number % 2}\n"
    (tmp_path / "dataset/shop/shop.inter").write_text(text)
    (tmp_path / "labels.yaml").write_text(
        "load_col: {inter: [user_id, item_id, timestamp, label]}\n"
        "protocol: ~\ntrain_neg_sample_args: ~\n"
        "eval_args: {split: {LS: valid_and_test}, order: TO, group_by: user, mode: labeled}\n"
    )
    lines = [line for line in rows("--config_files=labels.yaml", "--users=6") if "shown" in line]
    user, shown = None, []
    for line in rows("--config_files=labels.yaml", "--users=6")[3:]:
        if line.startswith("user "):
            user = line.removeprefix("user ")
        elif line:
            item, place = line.partition("shown ")[2].split(",")[0].split(" at place ")
            value = label[user, item, place]
            assert line.endswith(f", {'clicked' if value else 'not clicked'} (label {value})")
            shown.append((user, item))
    assert len(shown) == len(set(shown)) == len(lines) > 20


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--dataset="], "dataset: prepare rows needs --dataset"),
        (["--users=0"], "users: must be at least 1, got 0"),
        (["--config_files=none.yaml"], "config file none.yaml: not found"),
        (["--protocol=din"], "protocol: there is no 'din'"),
        (["--model=DIM"], "model: "),
    ],
)
def test_wrong_input_is_one_line(rows, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        rows(*arguments)
    printed = capsys.readouterr().err
    assert stopped.value.code == 2 and printed.startswith(f"error: {message}") and printed.count("\n") == 1


def test_the_folder_of_the_data_is_that_of_the_yaml_files(rows, tmp_path):
    """As for train: the flag is over the files."""
    (tmp_path / "dataset").rename(tmp_path / "elsewhere")
    (tmp_path / "own.yaml").write_text("{data_path: elsewhere, MAX_ITEM_LIST_LENGTH: 2}\n")
    lines = rows("--config_files=own.yaml")
    assert lines[0] == "settings: elsewhere/shop/shop.yaml" and "histories of 2" in lines[1]
    (tmp_path / "own.yaml").write_text("data_path: nowhere\n")
    assert rows("--config_files=own.yaml", "--data_path=elsewhere")[0] == "settings: elsewhere/shop/shop.yaml"


def test_a_wrong_value_is_reported_with_its_file(rows, tmp_path, capsys):
    (tmp_path / "own.yaml").write_text("embedding_size: 0\n")
    with pytest.raises(SystemExit):
        rows("--config_files=own.yaml")
    assert capsys.readouterr().err.endswith("(embedding_size is set in own.yaml)\n")


def test_items_that_nobody_clicked_are_not_counted_where_they_are_not_ranked(rows, tmp_path):
    (tmp_path / "dataset/shop/shop.item").write_text("item_id:token\n" + "".join(f"i{item}\n" for item in range(20)))
    (tmp_path / "all.yaml").write_text("load_col: {inter: [user_id, item_id, timestamp], item: [item_id]}\n")
    full = "--protocol=leave_one_out_full", "--config_files"
    assert rows(*full, "all.yaml")[-1].endswith("ranked among all 20 items")
    (tmp_path / "clicked.yaml").write_text("negative_items: clicked\n")
    assert rows(*full, "all.yaml", "clicked.yaml")[-1].endswith("ranked among all 9 items that anybody clicked")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--protocol=x"], "protocol: is for the rows that --show-rows prints; add that, or leave --protocol out"),
        (["--dataset=x"], "dataset: is for the rows that --show-rows prints; add that, or leave --dataset out"),
        (["--show-rows", "--dataset=x"], "dataset: no folder dataset/x; leave it out for the new one"),
        (["--show-rows", "--protocol=full_rank"], "protocol: there is no 'full_rank'."),
        (["--show-rows", "--users=0"], "users: must be at least 1, got 0"),
    ],
)
def test_options_of_the_rows_are_rejected_before_the_conversion(tmp_path, capsys, options, message):
    (tmp_path / "some.txt").write_text("ann 7 3\n")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["prepare", "sequences", "--name=some", f"--sequences={tmp_path / 'some.txt'}", *options])
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not (tmp_path / "dataset").exists()
