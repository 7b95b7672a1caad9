"""The page in Chromium: after every change the list is the model's, by mouse and keyboard, for eyes and for readers."""

import importlib.metadata
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from made_explanations import HISTORIES, ITEMS, NASTY, K, Toy, made_data, named, page_items

from recbole_iacn.serving.page.html_page import page
from recbole_iacn.serving.page.page_data import PageModel, page_data

pytestmark = pytest.mark.slow
WIDE, PHONE = 1280, 390


def long_words():
    """Titles, columns and values without a blank at which a line could end; one turns the direction of writing."""
    data, word = made_data(), "Donaudampfschifffahrtsgesellschaft" * 4
    data["items"]["names"] = ["\u202e" + word + name for name in data["items"]["names"]]
    for column in data["items"]["columns"]:
        column["name"], column["values"] = word, [word + value for value in column["values"]]
    for (explanation,) in data["users"]:
        explanation["user"] = word + explanation["user"]
        for interest in explanation["interests"]:
            interest["label"] = word
            for value in interest["values"]:
                value["column"] = value["value"] = word
    return data


class Apart(Toy):
    """Was asked about other items to add."""

    def explain(self, history, user="7", times=None):
        return super().explain(history, user, times, addable=(50, 51))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of one model and of two, by name."""
    folder = tmp_path_factory.mktemp("pages")
    two = [Toy(), Toy(1, True, 0, "Plain")]
    for name, toys in {"one": [Toy()], "two": two, "apart": [Toy(), Apart(1)]}.items():
        (folder / f"{name}.html").write_text(page("Interests", made_data(toys)), encoding="utf-8")
    (folder / "long.html").write_text(page("Interests", long_words()), encoding="utf-8")
    return folder


@pytest.fixture
def open_page(browser, pages):
    """Opens a page in a window of some width, and says what the console complained about in the end."""

    def go(name="one", width=WIDE, scheme="light"):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get((pages / f"{name}.html").as_uri())
        return Window(browser)

    yield go
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


class Window:
    """What people do with the page, and what they see."""

    def __init__(self, browser, model=0):
        self.browser, self.within = browser, f'[data-model="{model}"] '

    def run(self, script, *given):
        return self.browser.execute_script(script, *given)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def press(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def click_at(self, place):
        self.press(f"{self.within}.strip .click:nth-of-type({place + 1})")

    def weigh(self, number, percent):
        script = """const slider = document.querySelector(arguments[0]);
                    slider.value = arguments[1]; slider.dispatchEvent(new Event('input'))"""
        self.run(script, f'{self.within}[data-interest="{number}"] input', percent)

    def add(self, name):
        script = """const form = document.querySelector('.add'); form.querySelector('input').value = arguments[0];
                    form.requestSubmit()"""
        self.run(script, name)

    @property
    def items(self):
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.dataset.item)"
        return [int(item[1:]) for item in self.run(script, f"{self.within}.items li")]

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    @property
    def state(self):
        return self.text(f"{self.within}.state")

    def choose_user(self, place):
        script = """const select = document.getElementById('user'); select.selectedIndex = arguments[0];
                    select.dispatchEvent(new Event('change'))"""
        self.run(script, place)


@pytest.mark.parametrize("user", ["7", "8"])
def test_the_list_after_each_single_change_is_the_models(open_page, user):
    toy, history, window = Toy(), HISTORIES[user], open_page()
    window.choose_user(list(HISTORIES).index(user))
    seen = set(history)
    assert window.items == toy.best(history, seen) and window.state == "As the model gives it."
    for place in range(len(history)):
        window.click_at(place)
        assert window.items == toy.best([one for at, one in enumerate(history) if at != place], seen)
        assert "Exact" in window.state
        window.click_at(place)
    for number in range(3):
        button = f'{window.within}[data-interest="{number}"] .weight button'
        window.press(button)
        assert window.items == toy.best([one for one in history if one % 3 != number], seen)
        assert "Exact" in window.state or number not in {one % 3 for one in history}
        window.press(button)
    for item in (40, 41, 42, 43):
        window.add(f"Film {item}")
        assert window.items == toy.best([*history, item], seen | {item}) and "Exact" in window.state
        window.press(f"{window.within}.click.added")
    assert window.items == toy.best(history, seen) and window.state == "As the model gives it."


def test_several_changes_are_the_sum_of_their_effects(open_page):
    toy, history, window = Toy(), HISTORIES["7"], open_page()
    edits = toy.explain(history).edits
    margins = np.array(edits.margins)
    effects = [
        np.array(edits.without_click[1]) - margins,
        np.array(edits.with_click[0]) - margins,
        0.6 * (np.array(edits.without_interest[1]) - margins),
    ]
    window.click_at(1)
    window.add("film 40")  # whatever the case
    window.weigh(1, 40)
    order = np.argsort(-(margins + sum(effects)), kind="stable")
    expected = [int(edits.items[at][1:]) for at in order if edits.items[at] != "i40"][:K]
    assert window.items == expected and expected != toy.best(history, set(history))
    assert window.state.endswith("Approximate: the sum of 3 measured effects.")
    assert f"Without {NASTY}" in window.state and "Interest B at 40 %" in window.state
    assert window.text("#said") == window.state  # what a screen reader says
    window.press(".list button")
    assert window.items == toy.best(history, set(history)) and window.state == "As the model gives it."
    assert window.run("return document.activeElement.textContent") == "Recommendations"


def test_a_part_of_an_interest_lies_between_two_lists(open_page):
    toy, history, window = Toy(), HISTORIES["7"], open_page()
    edits = toy.explain(history).edits
    window.weigh(0, 25)
    margins = 0.25 * np.array(edits.margins) + 0.75 * np.array(edits.without_interest[0])
    expected = [int(edits.items[at][1:]) for at in np.argsort(-margins, kind="stable")[:K]]
    assert window.items == expected and "Approximate: between the two lists" in window.state
    shown = float(window.text(".items li .score").replace("−", "-"))
    assert shown == pytest.approx(np.sort(margins)[-1], rel=2e-3)


def test_reasons_are_the_largest_losses(open_page):
    """Asked of the model: without the click, the score is so much lower."""
    toy, history, window = Toy(), HISTORIES["7"], open_page()
    first = toy.best(history, set(history))[0]
    losses = [
        toy.margins(history)[first] - toy.margins([one for at, one in enumerate(history) if at != place])[first]
        for place in range(len(history))
    ]
    best = int(np.argmax(losses))
    name = NASTY if history[best] == 3 else f"Film {history[best]}"
    found = re.match(r"Falls by ([\d.]+) without (.*?), by", window.text(".items li .why"))
    assert found[2] == name and float(found[1]) == pytest.approx(losses[best], rel=5e-3)


def test_a_table_has_the_numbers_and_can_be_copied(open_page):
    toy, history, window = Toy(), HISTORIES["7"], open_page()
    script = (
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => { window.copied = text }}})"
    )
    window.run(script)
    window.press(".history .table summary")
    window.browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 50))")
    window.press(".history .table button")
    lines = window.run("return window.copied").split("\n")
    assert lines[0] == "place,time,item,name,interest,coupling A,coupling B,coupling C" and len(lines) == 10
    assert lines[2].startswith('2,2001-09-09 15:40,i3,"</script><img src=x onerror=alert(1)> & ""quoted""')
    couplings = [float(value) for value in lines[1].split(",")[5:]]
    assert couplings == pytest.approx(toy.explain(history).clicks[0].couplings, rel=1e-3)
    assert window.run("return document.querySelectorAll('.history td').length") == 8 * 8
    assert window.text(".history .table button") == "Copied"


def test_everything_can_be_done_by_keyboard(open_page):
    from selenium.webdriver.common.keys import Keys

    toy, history, window = Toy(), HISTORIES["7"], open_page()
    seen, active = set(history), lambda: window.browser.switch_to.active_element
    reached = set()
    for _ in range(40):
        window.find("body") if not reached else None
        active().send_keys(Keys.TAB)
        described = "return document.activeElement.className + ' ' + document.activeElement.tagName"
        reached.add(window.run(described))
        if window.run("return document.activeElement.matches('.click')"):
            break
    assert "skip A" in reached
    active().send_keys(Keys.ARROW_RIGHT)
    active().send_keys(Keys.ENTER)
    assert window.items == toy.best([history[0], *history[2:]], seen)
    assert window.run("return document.activeElement.getAttribute('aria-pressed')") == "true"  # the focus has stayed
    active().send_keys(Keys.SPACE)
    assert window.items == toy.best(history, seen)
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert window.run(outline) != "none"
    slider = window.find('[data-interest="0"] input')
    slider.send_keys(Keys.HOME)
    assert window.items == toy.best([one for one in history if one % 3], seen)
    slider.send_keys(Keys.TAB, Keys.ENTER)
    assert window.items == toy.best(history, seen)
    window.find(".add input").send_keys("Film 41", Keys.ENTER)
    assert window.items == toy.best([*history, 41], seen | {41})


@pytest.mark.parametrize("name", ["one", "two"])
@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (PHONE, "light"), (WIDE, "dark"), (WIDE, "light")])
def test_it_fits_and_axe_has_no_complaint(open_page, name, width, scheme):
    """With everything open, and changed."""
    window = open_page(name, width, scheme)
    window.click_at(1)
    window.add("Film 40")
    window.press('[data-interest="1"] .weight button')
    window.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    window.browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 50))")
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    assert window.run("return performance.getEntriesByType('resource').length") == 0
    light = sum(map(int, re.findall(r"\d+", window.run("return getComputedStyle(document.body).backgroundColor"))[:3]))
    assert (light > 384) == (scheme == "light")
    assert complaints(window) == []


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_long_words_stay_within_the_page(open_page, width):
    window = open_page("long", width)
    window.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    window.browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 50))")
    outside = """return [...document.querySelectorAll('body *')].filter(one => !one.closest('.wide, .skip, option'))
                 .filter(one => one.getBoundingClientRect().right > arguments[0])
                 .map(one => `${one.tagName} ${one.className}`)"""
    assert window.run(outside, width) == []
    assert window.run("return innerWidth") == width  # a phone shows what is too wide by making all smaller
    isolated = "return [...document.querySelectorAll('.name, .value')].map(one => getComputedStyle(one).unicodeBidi)"
    assert set(window.run(isolated)) == {"isolate"}


def complaints(window):
    """Those of Deque's axe by all of its rules, best practices among them."""
    files = importlib.metadata.files("axe-playwright-python")
    (path,) = [file.locate() for file in files if file.name == "axe.min.js"]
    window.run(path.read_text(encoding="utf-8") + "\nwindow.axe = axe;")
    script = "const done = arguments[0]; window.axe.run(document).then(found => done(JSON.stringify(found)))"
    found = json.loads(window.browser.execute_async_script(script))
    assert len(found["passes"]) > 25  # it has looked
    return [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found["violations"]]


def test_two_models_stand_side_by_side(open_page):
    window, plain = open_page("two"), None
    plain = Window(window.browser, 1)
    other, history = Toy(1, True, 0, "Plain"), HISTORIES["7"]
    assert window.items == Toy().best(history, set(history)) and plain.items == other.best(history, set(history))
    assert window.text('[data-model="1"] .label') == "Plain of 0 interests"
    assert window.text('[data-model="1"] .interests .note') == "This model has no interests to show."
    window.click_at(0)  # leaves the click out of both
    assert plain.items == other.best(history[1:], set(history)) and "Exact" in plain.state
    window.press(".list button")
    window.press('[data-interest="1"] .weight button')
    assert plain.items == other.best(history, set(history)) and plain.state == "As the model gives it."
    score = plain.text(f"{plain.within}.items .score")
    assert score == f"{100 / (1 + np.exp(-other.margins(history)[plain.items[0]])):.1f} %"


def test_what_one_of_two_models_was_not_asked_about_is_not_called_exact(open_page):
    window, history = open_page("apart"), HISTORIES["7"]
    other, toy = Window(window.browser, 1), Apart(1)
    window.add("Film 40")
    assert window.items == Toy().best([*history, 40], {*history, 40}) and "Exact" in window.state
    assert "Not known: this model was not asked about it" in other.state
    assert other.items == toy.best(history, {*history, 40})
    window.click_at(0)
    assert other.items == toy.best(history[1:], {*history, 40})
    assert "Exact" not in other.state and other.state.endswith(
        "Approximate: this model was not asked about 1 change of these, which the list lacks."
    )


def test_reasons_after_a_change_are_said_to_be_those_before_it(open_page):
    window = open_page()
    before = window.text(".items li .why")
    window.weigh(1, 40)
    words = [one.text for one in window.browser.find_elements("css selector", ".items li .why")]
    assert before.startswith("Falls by") and all(
        one.startswith("In the unchanged history it falls by") for one in words
    )
    window.press(".list button")
    assert window.text(".items li .why") == before


def test_the_map_is_drawn_and_answers(open_page):
    """Canvas pixels of more than paper; what lies under the pointer is named; a column's value can be seen alone."""
    window = open_page()
    colours = """const canvas = document.querySelector('canvas');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const seen = new Set(); for (let at = 0; at < pixels.length; at += 4)
            seen.add(pixels.slice(at, at + 3).join()); return [...seen]"""
    all_of_them = set(window.run(colours))
    assert {"68,119,170", "238,102,119", "34,136,51"} <= all_of_them  # the three interests
    window.press(".legend button:nth-child(2)")
    assert window.run("return document.querySelector('.legend button:nth-child(2)').ariaPressed") == "true"
    assert set(window.run(colours)) != all_of_them
    point = """const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect();
        for (let x = 0; x < box.width; x += 8) for (let y = 0; y < box.height; y += 8)
            canvas.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + x, clientY: box.top + y}));
        return document.querySelector('.tip').textContent"""
    assert re.search(r"(Film \d+|onerror).* kind \d", window.run(point))
    window.press('[aria-label="Closer"]')
    heads = "return [...document.querySelectorAll('.map summary')].map(one => one.textContent)"
    assert window.run(heads) == ["The user's part of the map as a table"]


def test_titles_stay_text(open_page):
    window = open_page()
    assert window.run("return document.querySelectorAll('img, b > b').length") == 0
    window.click_at(1)
    assert NASTY in window.state
    names = window.run("return [...document.querySelectorAll('.card .name')].map(one => one.textContent)")
    assert NASTY in names


def test_everybody_can_be_chosen(open_page):
    window, shown = open_page(), []
    for place, (_, history) in enumerate(HISTORIES.items()):
        window.choose_user(place)
        assert window.items == Toy().best(history, set(history))
        shown.append(window.run("return document.querySelectorAll('.click').length"))
    assert shown == [len(history) for history in HISTORIES.values()] and ITEMS == 60


def test_two_scores_that_half_floats_cannot_tell_apart_are_in_the_models_order(browser, tmp_path):
    """As in test_page_data.py: 1.1 and 1.099997, which half floats would turn round."""
    made = Toy().explain([0, 3])
    edits = replace(
        made.edits,
        items=("i30", "i31", "i32"),
        margins=(1.0, 1.2, 0.0),
        without_click=((1.1, 1.099997, 0.0), (1.0, 1.2, 0.0)),
        without_interest=((1.0, 1.2, 0.0),) * 3,
        addable=(),
        with_click=(),
        belongs=(0, 0, 0),
        named={f"i{item}": named(item) for item in (30, 31, 32)},
    )
    data = page_data([PageModel("Toy", "Toy", [replace(made, edits=edits)])], page_items(), K)
    (tmp_path / "page.html").write_text(page("Close", data), encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    window = Window(browser)
    assert window.items == [31, 30, 32]
    window.click_at(0)
    assert window.items == [30, 31, 32] and "Exact" in window.state
