"""The page as text: what it contains, and what its policy lets it do."""

import base64
import hashlib
import json
import re

from made_explanations import NASTY, made_data

from recbole_iacn.serving.page.html_page import content_security_policy, live_page, page


def element(text, pattern):
    (found,) = re.findall(pattern, text, re.DOTALL)
    return found


def test_titles_of_the_data_cannot_become_markup():
    text = page(NASTY, made_data())
    assert text.count("</script>") == 2 and "<img" not in text and "<b>rare" not in text
    written = element(text, r'<script type="application/json" id="data">(.*?)</script>')
    assert not set("<>&") & set(written)
    assert NASTY in json.loads(written)["items"]["names"]
    assert element(text, "<title>(.*?)</title>").startswith("&lt;/script&gt;&lt;img src=x")


def test_text_between_braces_is_left_as_it_is():
    data = made_data()
    data["items"]["names"][0] = "{{style}} {{x}}"
    written = element(page("{{data}}", data), r'id="data">(.*?)</script>')
    assert json.loads(written)["items"]["names"][0] == "{{style}} {{x}}"


def test_the_policy_knows_the_script_and_the_style_by_their_digests():
    text = page("A", made_data())
    policy = element(text, r'Content-Security-Policy" content="(.*?)"').replace("&#x27;", "'")
    for tag, what in (("style", "style-src"), ("script", "script-src")):
        content = element(text, f"<{tag}>(.*?)</{tag}>")
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{what} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "connect-src" not in policy and policy.endswith("img-src data:")


def test_only_what_is_needed_is_allowed():
    data = made_data()
    data["items"]["pictures"] = {0: "https://pictures.example/1.jpg"}
    assert "img-src data: https: http:" in page("A", data)
    assert "connect-src &#x27;self&#x27;" in live_page()
    assert "connect-src 'self'" in content_security_policy(live=True)


def test_a_live_page_has_no_data():
    data = json.loads(element(live_page("Shop", k=7), r'id="data">(.*?)</script>'))
    assert data["live"] and data["k"] == 7 and "users" not in data and "items" not in data


def test_nothing_is_fetched_from_elsewhere():
    """Neither the page nor its parts have an address."""
    assert not re.findall(r"(?:src|href)=.?https?:|url\(|@import|//[a-z]+\.[a-z]+/", live_page())
