"""Reasons are what the model says of the shorter history; lists after a change are what it recommends then."""

import re

import numpy as np
import pytest
import torch
from helpers import BACKBONES

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY
from recbole_iacn.serving.explain import candidates, explaining

CASES = [
    *((f"{name}_IaCN", {}) for name in BACKBONES),
    *((name, {}) for name in FAMILY),
    ("ComiRec", {"extractor": "dr"}),
    ("DIN_IaCN", {"iacn_mode": "off"}),
    ("DIN_IaCN", {"user_fields": True}),
    *((name, {}) for name in ("Popularity", "DIN", "WideDeep")),
    ("SASRec", {"history_dataset": True, "loss_type": "CE", "train_neg_sample_args": None}),
]
NAMES = ["-".join([name, *map(str, changes.values())]) for name, changes in CASES]
HISTORIES = [["i1", "i2", "nothing", "i3"], [], ["i7", "i9", "i11", "i2", "i4", "i5", "i8", "i1"], ["i6"]]
KNOWN = [["i1", "i2", "i3"], [], ["i11", "i2", "i4", "i5", "i8", "i1"], ["i6"]]  # of which the model reads six
SEEN = [set(history) - {"nothing"} for history in HISTORIES]
USERS = ["u1", "u2", "u3", "nobody"]


@pytest.fixture(scope="module")
def of_model(settings_of, tmp_path_factory):
    """Open the bundle of a model with random weights that every part feels, once per model."""
    made = {}

    def get(model, **changes):
        key = model, *changes.items()
        if key not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("run"))
                made[key] = opened(settings_of, tmp_path_factory.mktemp("of") / "bundle", model, changes)
        return made[key]

    return get


def opened(settings_of, path, model, changes):
    columns = {"user": ["user_id", "age"]} if changes.get("user_fields") else {}
    if model == "WideDeep":  # RecBole's, which reads no history and learns from labels
        changes = {"threshold": {"rating": 3}, **changes}
    load = {"inter": ["user_id", "item_id", "timestamp", "rating"], "item": ["item_id", "categories"], **columns}
    if model in ("SASRec", "DIN", "WideDeep"):
        changes = {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}, **changes}
        changes |= {"metrics": ["Recall"], "valid_metric": "Recall@10"}
    training = recbole_iacn.build(model, "tiny", config_dict=settings_of(load_col=load, **changes))
    torch.manual_seed(1)
    for parameter in training.model.parameters():
        torch.nn.init.normal_(parameter, std=0.2 if model.startswith("AutoInt") else 0.4)
    training.save(str(path))
    return recbole_iacn.load(path)


def times_of(recommender, history):
    return [[3 * place for place, _ in history]] if recommender.queries.reads_times else None


def score(recommender, history, items, user):
    """The model's scores for one history of (place, item)."""
    users = [user]
    tokens = [[item for _, item in history]]
    return recommender.score(tokens, items, times=times_of(recommender, history), users=users)[0]


def placed(number):
    """The clicks that the model reads, with their places in the whole history, which are their times."""
    numbered = list(enumerate(HISTORIES[number]))
    return [(place, item) for place, item in numbered if item != "nothing"][-6:]


def asked_of(recommender):
    times = [[3 * place for place in range(len(history))] for history in HISTORIES]
    return {"users": USERS, "times": times if recommender.queries.reads_times else None}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "changes"), CASES, ids=NAMES)
def test_a_loss_is_what_the_score_is_without_the_click(of_model, model, changes):
    recommender = of_model(model, **changes)
    asked = asked_of(recommender)
    explanations = recommender.explain(HISTORIES, k=4, **asked)
    table = recommender.recommend(HISTORIES, k=4, **asked)
    reads = recommender.queries.history is not None
    for number, (found, (user, best)) in enumerate(zip(explanations, table.groupby("user_id", sort=False))):
        window = placed(number) if reads else []
        tokens = [item.of.item for item in found.items]
        assert (found.user, tokens) == (user, best["item_id"].tolist())
        np.testing.assert_allclose([item.score for item in found.items], best["score"], rtol=1e-6)
        assert [item.rank for item in found.items] == [1, 2, 3, 4]
        assert [click.of.item for click in found.clicks] == [item for _, item in window]
        whole = score(recommender, window, tokens, user)
        readable = len(window) if recommender.queries.least == 0 or len(window) > 1 else 0
        assert {len(item.reasons) for item in found.items} == {readable}
        assert any("the only click cannot be left out" in one for one in found.notes) == (readable < len(window))
        for place in range(readable):
            without = score(recommender, window[:place] + window[place + 1 :], tokens, user)
            losses = [next(r.loss for r in item.reasons if r.place == place) for item in found.items]
            np.testing.assert_allclose(losses, whole - without, rtol=1e-4, atol=2e-6)
        for item in found.items:
            assert [r.loss for r in item.reasons] == sorted((r.loss for r in item.reasons), reverse=True)
        if recommender.queries.least == 0 and reads:
            empty = whole - score(recommender, [], tokens, user)
            np.testing.assert_allclose([item.without_history for item in found.items], empty, rtol=1e-4, atol=2e-6)
        else:
            assert {item.without_history for item in found.items} == {None}
        check_interests(recommender, found, window, whole, user)


def check_interests(recommender, found, window, whole, user):
    tokens = [item.of.item for item in found.items]
    groups = {click.interest for click in found.clicks}
    if groups <= {None}:
        assert not found.interests and {item.interest for item in found.items} <= {None}
        return
    history = [[item for _, item in window]]
    own = recommender.interests(history, times=times_of(recommender, window), users=[user])
    vectors, active, shares = own.vectors[0], own.active[0], own.shares[0]
    np.testing.assert_allclose([click.couplings for click in found.clicks], own.couplings[0, : len(window)], atol=1e-5)
    assert [interest.number for interest in found.interests] == sorted(np.flatnonzero(active), key=lambda k: -shares[k])
    of_items = dict(zip(recommender.item_vectors()[0].tolist(), recommender.item_vectors()[1]))
    for item in found.items:
        products = [vectors[k] @ of_items[item.of.item] if active[k] else -np.inf for k in range(len(vectors))]
        assert item.interest == int(np.argmax(products))
    for k in range(len(vectors)):
        kept = [click for click, of in zip(window, found.clicks) if of.interest != k]
        losses = whole - score(recommender, kept, tokens, user) if len(kept) < len(window) else np.zeros(len(tokens))
        np.testing.assert_allclose([item.without_interest[k] for item in found.items], losses, rtol=1e-4, atol=2e-6)
    for interest in found.interests:
        clicks = [place for place, of in enumerate(found.clicks) if of.interest == interest.number]
        assert sorted(interest.clicks) == clicks
        coupled = [found.clicks[place].couplings[interest.number] for place in interest.clicks]
        assert coupled == sorted(coupled, reverse=True)
        check_nearest(recommender, interest, vectors[interest.number])


def check_nearest(recommender, interest, vector):
    tokens, of_items = recommender.item_vectors()
    unit = of_items / np.linalg.norm(of_items, axis=1, keepdims=True)
    cosines = dict(zip(tokens.tolist(), unit @ vector / np.linalg.norm(vector)))
    best = sorted(cosines, key=lambda item: -cosines[item])[:20]
    found = [near.similarity for near in interest.nearest]
    np.testing.assert_allclose(found, [cosines[item] for item in best], atol=1e-5)
    assert {near.of.item for near in interest.nearest} == set(best)
    place = {token: number for number, token in enumerate(tokens.tolist())}
    rows = unit[[place[near.of.item] for near in interest.nearest]]
    means = (rows @ rows.T - np.eye(len(rows))).mean(axis=1)
    face = next(number for number, near in enumerate(interest.nearest) if near.of == interest.face)
    assert means[face] >= means.max() - 1e-5


def lists_after_changes(edits, k):
    """The best k of each row of the edits, as the page makes them: what is added is no longer recommended."""
    rows = [(edits.margins, None), *((row, None) for row in (*edits.without_click, *edits.without_interest))]
    rows += list(zip(edits.with_click, edits.addable))
    return [
        [item for margin, item in sorted(zip(row, edits.items), key=lambda pair: -pair[0]) if item != added][:k]
        for row, added in rows
    ]


@pytest.mark.parametrize("pool", [None, 40, 6])
@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "MIND", "TiSASRec", "YouTubeDNN"])
def test_lists_after_one_change_are_the_models(of_model, monkeypatch, model, pool):
    recommender = of_model(model)
    if pool is not None:
        monkeypatch.setattr(explaining, "_PAIRS", 0)
        monkeypatch.setattr(candidates, "_POOL", pool)
    pooled = pool is not None and model.endswith("_IaCN")
    agree = total = 0
    for number, found in enumerate(recommender.explain(HISTORIES, k=4, edits=True, addable=5, **asked_of(recommender))):
        window, edits = placed(number), found.edits
        assert len(edits.addable) == len(edits.with_click) == 5 and SEEN[number].isdisjoint(edits.addable)
        assert len(edits.without_click) == len(window) and SEEN[number].isdisjoint(edits.items)
        belongs = np.array([click.interest for click in found.clicks])
        assert list(edits.belongs)[:4] == [item.interest for item in found.items if item.interest is not None]
        assert {*edits.items, *edits.addable} == set(edits.named)
        changed = [window, *(window[:place] + window[place + 1 :] for place in range(len(window)))]
        for k in range(len(edits.without_interest)):
            changed.append([click for click, of in zip(window, belongs) if of != k])
        last = window[-1][0] if window else 0
        changed += [[*window, (last, item)] for item in edits.addable]
        for history, listed in zip(changed, lists_after_changes(edits, 4)):
            seen = SEEN[number] | {item for _, item in history}
            others = [item for item in recommender.items.tolist() if item not in seen]
            scores = dict(zip(others, score(recommender, history, others, USERS[number])))
            best = sorted(scores.values(), reverse=True)[:4]
            same = np.allclose([scores[item] for item in listed], best, rtol=1e-4, atol=2e-6)
            agree, total = agree + same, total + 1
        assert any("the list is chosen among" in note for note in found.notes) == pooled
    assert agree == total if not pooled or pool == 40 else agree > total / 2


@pytest.mark.slow
def test_what_a_model_cannot_read_is_no_change(of_model):
    """SASRec needs a click: without the only one there is nothing to ask it, for a page neither."""
    recommender = of_model("SASRec", history_dataset=True, loss_type="CE", train_neg_sample_args=None)
    one, two = recommender.explain([["i6"], ["i6", "i2"]], k=3, edits=True, addable=2)
    assert one.edits.without_click == () and len(one.edits.with_click) == 2
    assert len(two.edits.without_click) == 2


def test_margins_are_log_odds_of_probabilities(of_model):
    recommender = of_model("DIN_IaCN")
    (found,) = recommender.explain([KNOWN[0]], k=3, edits=True)
    scores = recommender.score([KNOWN[0]], list(found.edits.items))[0].astype(float)
    assert found.edits.probability
    np.testing.assert_allclose(found.edits.margins, np.log(scores / (1 - scores)), atol=1e-4)
    (found,) = of_model("MIND").explain([KNOWN[0]], k=3, edits=True)
    scores = of_model("MIND").score([KNOWN[0]], list(found.edits.items))[0]
    assert not found.edits.probability
    np.testing.assert_allclose(found.edits.margins, scores, rtol=1e-5)


def test_neighbours_in_a_batch_change_nothing(of_model, monkeypatch):
    recommender = of_model("DIN_IaCN")
    together = recommender.explain(HISTORIES, k=4, users=USERS)
    monkeypatch.setattr(explaining, "_ROWS", 1)
    for alone, found in zip(recommender.explain(HISTORIES, k=4, users=USERS), together):
        assert [item.of for item in alone.items] == [item.of for item in found.items]
        for one, other in zip(alone.items, found.items):
            assert one.interest == other.interest
            losses = {reason.place: reason.loss for reason in other.reasons}
            assert {reason.place: reason.loss for reason in one.reasons} == pytest.approx(losses, abs=1e-6)


def test_asking_twice_gives_the_same(of_model):
    recommender = of_model("ComiRec")
    assert recommender.explain(HISTORIES, k=5, edits=True) == recommender.explain(HISTORIES, k=5, edits=True)


def test_items_to_choose_from(of_model):
    recommender = of_model("MIND")
    (found,) = recommender.explain([KNOWN[0]], k=2, among=["i1", "i20", "i21", "unknown"], edits=True)
    assert {item.of.item for item in found.items} == {"i20", "i21"} == set(found.edits.items)
    (found,) = recommender.explain([KNOWN[0]], k=2, among=["i1", "i20"], exclude_seen=False)
    assert {item.of.item for item in found.items} == {"i1", "i20"}


@pytest.mark.parametrize(
    ("model", "changes", "number", "note"),
    [
        ("DIN_IaCN", {}, 0, "1 item of the history is unknown to the model and left out."),
        ("DIN_IaCN", {}, 1, "The history is empty: there are no interests and no reasons"),
        ("DIN_IaCN", {}, 2, "The model reads the newest 6 of 8 clicks."),
        ("MIND", {}, 1, "The model scores all of these items alike, so that their order means nothing."),
        ("YouTubeDNN", {}, 0, "YouTubeDNN has one interest per user (K = 1), to which every click belongs."),
        ("TiSASRec", {}, 0, "TiSASRec has one interest per user (K = 1)"),
        ("MIND", {"num_interests": 1}, 0, "MIND has one interest per user (K = 1)"),
        ("DIN_IaCN", {"iacn_mode": "off"}, 0, "No interests are shown; scores and reasons are measured all the same."),
        ("DIN_IaCN", {"iacn_mode": "off"}, 0, "interests need the capsules of mode full, this model's is 'off'."),
        ("Popularity", {}, 0, "Popularity: has no interests"),
        ("DIN_IaCN", {}, 0, "Items are shown by their tokens"),
    ],
)
def test_notes(of_model, model, changes, number, note):
    recommender = of_model(model, **changes)
    found = recommender.explain(HISTORIES, k=2, **asked_of(recommender))[number]
    assert any(note in one for one in found.notes), found.notes


def test_interests_that_have_fallen_together_are_told(of_model):
    recommender = of_model("ComiRec")
    scores = recommender.model.extractor.scores
    weight, bias = scores.weight.clone(), scores.bias.clone()
    with torch.no_grad():
        for same in (False, True):
            if same:
                scores.weight[2], scores.bias[2] = scores.weight[0], scores.bias[0]
            unit = recommender.interests([KNOWN[0]]).vectors[0]
            unit /= np.linalg.norm(unit, axis=1, keepdims=True)
            groups = [{k} for k in range(4)]
            for one, other in np.argwhere(unit @ unit.T > 0.95).tolist():
                merged = next(some for some in groups if one in some) | next(some for some in groups if other in some)
                groups = [some for some in groups if not some & merged] + [merged]
            notes = [one for one in recommender.explain([KNOWN[0]], k=1)[0].notes if "nearly the same" in one]
            assert not same or any({0, 2} <= some for some in groups)
            told = [set(map(int, re.findall(r"\d+", part))) for note in notes for part in note[:-25].split("so are")]
            assert told == sorted((some for some in groups if len(some) > 1), key=min)
        scores.weight.copy_(weight), scores.bias.copy_(bias)


def test_times_come_from_the_data(of_model):
    (found,) = of_model("MIND").explain([KNOWN[0]], k=1, times=[[5, 7.5, 9]])
    assert [click.time for click in found.clicks] == [5, 7.5, 9]
    (found,) = of_model("MIND").explain([KNOWN[0]], k=1)
    assert [click.time for click in found.clicks] == [None] * 3


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"k": 0}, "k: must be a whole number from 1 to 40"),
        ({"nearest": 0}, "nearest: must be a whole number from 1, got 0"),
        ({"addable": True, "edits": True}, "addable: must be a whole number from 1, got True"),
        ({"among": []}, "among: has no item"),
        ({"histories": ["i1"]}, "histories: must be a list of lists"),
        ({"items": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_wrong_questions(of_model, asked, message):
    with pytest.raises(ConfigError, match=message) as error:
        of_model("MIND").explain(**{"histories": [["i1"]], "k": 2, **asked})
    assert "\n" not in str(error.value)
