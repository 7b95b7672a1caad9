"""The page of a real model in Chromium: after every single change, the list is what the model recommends then."""

from pathlib import Path

import pytest

from recbole_iacn.serving.page.page_file import write_page

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["MIND", "DIN_IaCN"])
def test_the_list_after_every_single_change_is_what_the_model_recommends(browser, of_model, shop, clicks, name):
    model, (items, _) = of_model(name), clicks["u5"]
    write_page([model], shop / "events.csv", ["u5"], "page.html", k=5, items=shop / "items.csv", layout="pca")
    browser.get(Path("page.html").absolute().as_uri())
    read = items[-6:]  # what the model reads; no older click takes the place of one that is left out

    def recommended(history):
        best = model.recommend([history], 40 - len(set(history)), users=["u5"])["item_id"].tolist()
        return [item for item in best if item not in items][:5]

    def shown():
        return browser.execute_script("return [...document.querySelectorAll('.items li')].map(one => one.dataset.item)")

    def press(selector):
        browser.execute_script("document.querySelector(arguments[0]).click()", selector)

    def add(title):
        browser.execute_script(
            "const form = document.querySelector('.add'); form.querySelector('input').value = arguments[0];"
            "form.requestSubmit()",
            title,
        )

    assert shown() == recommended(read)
    for place in range(len(read)):
        press(f".strip .click:nth-of-type({place + 1})")
        assert shown() == recommended([item for at, item in enumerate(read) if at != place])
        press(f".strip .click:nth-of-type({place + 1})")
    belongs = model.interests([items], users=["u5"]).belongs[0]
    for interest in set(belongs.tolist()):
        press(f'[data-interest="{interest}"] .weight button')
        assert shown() == recommended([item for item, of in zip(read, belongs) if of != interest])
        press(f'[data-interest="{interest}"] .weight button')
    names = browser.execute_script("return [...document.querySelectorAll('.add option')].map(one => one.value)")
    assert len(names) == 20
    for title in names[:6]:
        add(title)
        token = f"i{title.split()[1]}" if title.startswith("Thing") else "i3"
        assert shown() == [item for item in recommended([*read, token]) if item != token]
        press(".click.added")
    assert shown() == recommended(read)
