"""No two names are equal, and no seeded generator decides them."""

import random
import re

from recbole_iacn.system.unique_names import unique_name


def test_the_name_has_the_words_the_time_and_something_unique():
    assert re.fullmatch(r"DIN-ml-100k-\d{8}-\d{6}-[0-9a-f]{8}", unique_name("DIN", "ml-100k"))


def test_the_same_seed_gives_different_names_and_the_name_moves_no_generator():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    names = {unique_name("x") for _ in range(1000)}
    assert len(names) == 1000 and random.random() == expected
