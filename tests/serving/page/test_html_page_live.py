"""The page of a service, in Chromium, asked for by a server of a few lines: typing, leaving out, the token."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest
from made_explanations import ITEMS, K, Toy, named

from recbole_iacn.serving.page.html_page import content_security_policy, live_page

pytestmark = pytest.mark.slow
TOKEN = "open sesame"


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        path = urlparse(self.path)
        if path.path == "/":
            self.answer(200, live_page("Try it", K), "text/html; charset=utf-8")
        elif not self.allowed():
            self.answer(401, json.dumps({"error": "token: is missing"}))
        elif path.path == "/items":
            (query,) = parse_qs(path.query).get("query", [""])
            items = [named(item) for item in range(ITEMS)]
            found = [vars(one) for one in items if query.lower() in one.name.lower()][:20]
            self.answer(200, json.dumps({"items": found}))
        else:
            self.answer(404, json.dumps({"error": "no such path"}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        if not self.allowed():
            return self.answer(401, json.dumps({"error": "token: is missing"}))
        (history,) = body["histories"]
        if len(history) > 4:
            return self.answer(422, json.dumps({"error": "histories: has more than 4 <clicks>"}))
        explained = Toy().explain([int(item[1:]) for item in history]) if history else _of_nobody()
        self.answer(200, json.dumps({"explanations": [explained.as_dict()]}))

    def allowed(self):
        return self.server.token is None or self.headers["Authorization"] == f"Bearer {self.server.token}"

    def answer(self, status, text, kind="application/json"):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", content_security_policy(live=True, pictures=True))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *some):
        pass


def _of_nobody():
    from dataclasses import replace

    some = Toy().explain([0])
    edits = replace(some.edits, without_click=())
    return replace(some, clicks=(), interests=(), edits=edits, older=0)


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.token, server.asked = None, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


class Typing:
    def __init__(self, browser, server):
        self.browser, self.server = browser, server
        browser.get(f"http://127.0.0.1:{server.server_port}/")

    def wait(self, script, value=True):
        from selenium.webdriver.support.ui import WebDriverWait

        seen = lambda _: self.browser.execute_script(f"return {script}")  # noqa: E731
        WebDriverWait(self.browser, 10, 0.02).until(lambda _: seen(None) == value, f"{script}: {seen(None)}")

    def add(self, name):
        field = self.browser.find_element("css selector", ".typing input")
        field.clear()
        field.send_keys(name)
        self.wait(f"[...document.querySelectorAll('.typing option')].some(one => one.value === {json.dumps(name)})")
        field.send_keys("\n")

    def expect(self, items):
        script = "[...document.querySelectorAll('.items li')].map(one => Number(one.dataset.item.slice(1))).join()"
        self.wait(script, ",".join(map(str, items)))

    def press(self, selector):
        self.browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def test_a_history_is_typed_and_every_change_is_asked_of_the_model(browser, service):
    toy, page = Toy(), Typing(browser, service)
    for count, item in enumerate([0, 4, 8], start=1):
        page.add(f"Film {item}")
        page.expect(toy.best([0, 4, 8][:count], {0, 4, 8}))
        assert service.asked[-1] == {"histories": [[f"i{one}" for one in [0, 4, 8][:count]]], "k": K, "edits": True}
    page.press(".click:nth-of-type(2)")
    page.expect(toy.best([0, 8], {0, 8}))
    assert service.asked[-1]["histories"] == [["i0", "i8"]]
    page.wait("document.querySelectorAll('.click').length", 3)  # it can be put back
    page.press(".click:nth-of-type(2)")
    page.expect(toy.best([0, 4, 8], {0, 4, 8}))
    page.press('[data-interest="1"] .weight button')
    page.expect(toy.best([0, 8], {0, 4, 8}))  # measured already: the history keeps its clicks
    assert len(service.asked[-1]["histories"][0]) == 3
    page.press(".typing > button")
    page.wait("document.querySelectorAll('.click').length", 0)
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_token_is_asked_for_and_kept_in_memory_alone(browser, service):
    service.token = TOKEN
    page = Typing(browser, service)
    page.wait("document.querySelector('.wrong').textContent", "The service asks for its token.")
    field = browser.find_element("css selector", "input[type=password]")
    field.send_keys("guess\n")
    page.wait("document.querySelector('.wrong').textContent", "The service does not accept this token.")
    field.clear()
    field.send_keys(f"{TOKEN}\n")
    page.wait("document.querySelector('.wrong').textContent", "")
    page.add("Film 0")
    page.expect(Toy().best([0], {0}))
    kept = "return [localStorage.length, sessionStorage.length, document.cookie, location.href.includes('sesame')]"
    assert browser.execute_script(kept) == [0, 0, "", False]
    browser.get_log("browser")  # the answers of 401 are in it


def test_what_the_service_says_is_shown(browser, service):
    page = Typing(browser, service)
    for item in range(5):
        page.add(f"Film {20 + item}")
        page.wait("document.querySelectorAll('.click').length", min(item + 1, 4))
    page.wait("document.querySelector('.wrong').textContent", "histories: has more than 4 <clicks>")
    service.shutdown()
    service.server_close()
    page.press(".typing > button")
    page.wait("document.querySelector('.wrong').textContent", "The service does not answer.")
    browser.get_log("browser")
