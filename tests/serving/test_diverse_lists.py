"""Lists that trade scores for different categories, against the same by NumPy and sets, one user at a time."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.diverse_lists import candidates

# Without an empty one, for which MIND gives all items the same score, so that any list is the best.
HISTORIES = [["i1", "i2", "i7"], ["i9"], ["i30", "i31", "i32", "i33", "i34", "i35", "i36", "i37"], ["i0", "i4"]]
# Item n of the tiny data: 'c(n % 4) all', but for every eleventh, which has none.
CATEGORIES = {f"i{n}": set() if n % 11 == 0 else {f"c{n % 4}", "all"} for n in range(40)}


@pytest.fixture(scope="module")
def opened(settings_of, tmp_path_factory):
    folder, known = tmp_path_factory.mktemp("bundles"), {}

    def open_bundle(model):
        if model not in known:
            changes = {} if model != "TiMiRec" else {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}
            training = recbole_iacn.build(model, "tiny", config_dict=settings_of(**changes))
            give_other_weights(training.model)
            known[model] = recbole_iacn.load(training.save(str(folder / model)))
        return known[model]

    return open_bundle


def g(one, other):
    return 1 - len(one & other) / len(one | other) if one and other else 0.0


def chosen(recommender, history, k, weight, allowed, interests, sets=CATEGORIES):
    """ComiRec's list: the best k of each interest (4 k by the score where that is one), merged, and algorithm 2."""
    scores = dict(zip(recommender.items.tolist(), recommender.score([history], recommender.items)[0].tolist()))
    vectors, has = recommender.user_vectors([history]) if interests else (None, None)
    if interests and len(np.unique(vectors[0][has[0]], axis=0)) > 1:
        tokens, items = recommender.item_vectors()
        found = set()
        for products in (vectors[0] @ items.T)[has[0]]:
            best = [tokens[place] for place in np.argsort(-products, kind="stable") if tokens[place] in allowed]
            found |= set(best[:k])
    else:
        found = set(sorted(allowed, key=lambda token: -scores[token])[: 4 * k])
    order, found = [], sorted(found, key=lambda token: -scores[token])
    while found and len(order) < k:
        value = {i: scores[i] + weight * sum(g(sets[i], sets[j]) for j in order) for i in found}
        order.append(max(found, key=lambda token: value[token]))
        found.remove(order[-1])
    return order, [scores[token] for token in order]


@pytest.mark.parametrize(
    ("model", "interests"), [("MIND", True), ("ComiRec", True), ("YouTubeDNN", False), ("DIN_IaCN", False)]
)
def test_the_list_is_comirecs(opened, model, interests):
    recommender = opened(model)
    every = recommender.score(HISTORIES, recommender.items)
    changed = 0
    for times in (0.1, 1, 100):
        weight = float(every.std()) * times
        for among, exclude_seen in ((None, True), (None, False), ([f"i{n}" for n in range(0, 40, 2)], True)):
            asked = {"k": 5, "among": among, "exclude_seen": exclude_seen}
            found = recommender.recommend(HISTORIES, diversity=weight, **asked)
            plain = recommender.recommend(HISTORIES, **asked)
            for row, history in enumerate(HISTORIES):
                allowed = set(among or recommender.items.tolist()) - (set(history) if exclude_seen else set())
                own = found[found["user_id"] == row]
                items, scores = chosen(recommender, history, 5, weight, allowed, interests)
                assert own["item_id"].tolist() == items and own["rank"].tolist() == [1, 2, 3, 4, 5]
                np.testing.assert_allclose(own["score"], scores, rtol=1e-5)
                changed += items != plain[plain["user_id"] == row]["item_id"].tolist()
    assert changed > 8


def test_a_user_with_one_interest_has_a_list_that_differs_from_the_plain_one(opened):
    recommender = opened("MIND")
    assert recommender.user_vectors([["i1", "i2"]])[1].sum() == 1
    plain = recommender.recommend([["i1", "i2"]], k=3)
    diverse = recommender.recommend([["i1", "i2"]], k=3, diversity=1e3)

    def mean(items):
        sets = [CATEGORIES[token] for token in items]
        return np.mean([g(sets[i], sets[j]) for i in range(3) for j in range(i)])

    assert set(diverse["item_id"]) != set(plain["item_id"]) and mean(diverse["item_id"]) > mean(plain["item_id"])


def test_interests_of_one_direction_are_one():
    """Whatever their lengths; several directions have the best of each, and of their scores no more than these."""
    model = SimpleNamespace(item_embedding=torch.nn.Embedding.from_pretrained(torch.eye(8)))
    interests = torch.zeros(3, 2, 8)
    interests[0] = torch.stack([torch.arange(8.0), 3 * torch.arange(8.0) + 0])
    interests[1] = torch.stack([torch.arange(8.0), -torch.arange(8.0)])  # the last row has no clicks, and no direction
    scores = (interests @ model.item_embedding.weight.T).amax(dim=1)
    place, found = candidates(model, scores, 2, interests)
    assert [sorted(row[values > -torch.inf].tolist()) for row, values in zip(place, found)][:2] == [
        [*range(8)],
        [0, 1, 6, 7],
    ]
    assert (found[2] > -torch.inf).sum() == 8


def test_no_weight_is_the_plain_list(opened):
    recommender = opened("MIND")
    plain = recommender.recommend(HISTORIES, k=7)
    assert recommender.recommend(HISTORIES, k=7, diversity=0).equals(plain)
    assert recommender.recommend(HISTORIES, k=7, diversity=0.0, diversity_by="categories").equals(plain)
    assert recommender.recommend(HISTORIES, k=7, diversity=1e-9)["item_id"].equals(plain["item_id"])


def test_users_do_not_meet(opened):
    """In another order, alone, and in blocks of two."""
    recommender = opened("ComiRec")
    asked = {"k": 4, "diversity": 0.5}
    together = recommender.recommend(HISTORIES, **asked)
    lists = [together[together["user_id"] == row]["item_id"].tolist() for row in range(4)]
    turned = recommender.recommend(HISTORIES[::-1], **asked)
    assert [turned[turned["user_id"] == row]["item_id"].tolist() for row in (3, 2, 1, 0)] == lists
    for history, own in zip(HISTORIES, lists):
        assert recommender.recommend([history], **asked)["item_id"].tolist() == own
    recommender._item_scores.rows_at_once, before = 2, recommender._item_scores.rows_at_once
    assert recommender.recommend(HISTORIES, **asked)["item_id"].equals(together["item_id"])
    recommender._item_scores.rows_at_once = before


def test_fewer_items_than_are_asked_for(opened):
    found = opened("MIND").recommend([["i1", "i2"], []], k=3, among=["i1", "i2", "i5"], diversity=1.0)
    assert found["user_id"].tolist() == [0, 1, 1, 1] and found["item_id"].tolist()[0] == "i5"
    assert sorted(found["item_id"].tolist()[1:]) == ["i1", "i2", "i5"] and found["rank"].tolist() == [1, 1, 2, 3]


def test_a_table_of_items_may_have_the_column(opened, data_path, tmp_path, caplog):
    """As a bundle without columns of items needs it; it says once how many items have no value."""
    recommender = opened("MIND")
    with caplog.at_level(logging.WARNING):
        values = recommender.item_values(data_path / "tiny" / "tiny.item", "categories")
        wanted = recommender.recommend(HISTORIES, diversity=0.3)
        recommender.recommend(HISTORIES, diversity=0.3)
    assert recommender.recommend(HISTORIES, diversity=0.3, diversity_by=values).equals(wanted)
    said = "diversity: 4 items have no categories, so they count as different from no other item"
    assert caplog.messages.count(said) in (1, 2)  # of the table, and of the bundle unless it was asked before
    path = tmp_path / "other.item"
    path.write_text("item_id:token\tshelf:token\n" + "".join(f"i{n}\t{n // 8}\n" for n in range(40)))
    shelves = recommender.item_values(path)
    sets = {f"i{n}": {n // 8} for n in range(40)}
    for history in HISTORIES:
        wanted, _ = chosen(recommender, history, 5, 3.0, set(sets) - set(history), True, sets)
        found = recommender.recommend([history], k=5, diversity=3.0, diversity_by=shelves)
        assert found["item_id"].tolist() == wanted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"diversity": -0.1}, r"^diversity: must be a finite number, 0 or more \(λ, in .*, got -0.1$"),
        ({"diversity": float("nan")}, "^diversity: must be a finite number.* got nan$"),
        ({"diversity": float("inf")}, "^diversity: must be a finite number.* got inf$"),
        ({"diversity": True}, "^diversity: must be a finite number.* got True$"),
        ({"diversity": "much"}, "^diversity: must be a finite number.* got 'much'$"),
        ({"diversity_by": "categories"}, "^diversity_by: is what lists are to differ in, and diversity"),
        (
            {"diversity": 0, "diversity_by": "categorie"},
            "^diversity_by: the bundle has no column 'categorie' of items. Did you mean 'categories'.* Of the bundle: "
            "columns of items with tokens: categories; a table of items has others",
        ),
        ({"diversity": 1, "diversity_by": ["categories"]}, "^diversity_by: must be the name of a column of items, or"),
    ],
)
def test_wrong_options_are_rejected(opened, options, message):
    with pytest.raises(ConfigError, match=message):
        opened("MIND").recommend(HISTORIES, **options)


def test_a_bundle_without_columns_of_items_says_what_gives_them(opened, data_path):
    recommender = opened("TiMiRec")
    with pytest.raises(ConfigError, match=r"^diversity: the bundle has no column of items with tokens, such as categ"):
        recommender.recommend(HISTORIES, diversity=0.1)
    values = recommender.item_values(data_path / "tiny" / "tiny.item")
    assert len(recommender.recommend(HISTORIES, k=3, diversity=0.1, diversity_by=values)) == 12
