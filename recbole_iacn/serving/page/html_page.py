"""One HTML file with its style, script and data inside; it fetches nothing but pictures that the data link to."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

_SCRIPTS = ("elements", "decode", "effects", "history", "interests", "recommendations", "map", "live", "main")


def page(title: str, data: dict[str, Any]) -> str:
    """The page of users whose explanations it contains.

    Args:
        title: its heading.
        data: from :func:`recbole_iacn.serving.page.page_data.page_data`.
    """
    return _assembled(title, data, content_security_policy(pictures=bool(data["items"]["pictures"])))


def live_page(title: str = "Interests", k: int = 10) -> str:
    """The page of a service, in which a history is typed in: it asks ``GET items?query=`` for names and
    ``POST explain`` for explanations, both relative to its own address.

    Args:
        title: its heading.
        k: how many items a list has.
    """
    about = ["Every list is the model's own answer for the history above it, except where interests are weighted."]
    data = {"live": True, "k": k, "times": None, "about": about, "models": [{"map": None}]}
    return _assembled(title, data, content_security_policy(live=True, pictures=True))


def content_security_policy(live: bool = False, pictures: bool = False) -> str:
    """What the page may load and run: its own script and style, known by their digests; as a header or in the page.

    Args:
        live: whether it may ask the service that it came from.
        pictures: whether it may show pictures from elsewhere.
    """
    parts = ["default-src 'none'", f"script-src '{_digest(script())}'", f"style-src '{_digest(style())}'"]
    parts += ["base-uri 'none'", "form-action 'none'"]
    parts += ["connect-src 'self'"] if live else []
    parts += [f"img-src data:{' https: http:' if pictures else ''}"]  # data: the icon, which is empty
    return "; ".join(parts)


def script() -> str:
    """The page's script."""
    return '"use strict";\n(() => {\n' + "\n".join(_read(f"{name}.js") for name in _SCRIPTS) + "})();\n"


def style() -> str:
    """The page's style."""
    return _read("page.css")


def _assembled(title, data, policy):
    # In a script element only "</script" and "<!--" mean anything; without "<" there is neither. Two line separators
    # are line ends to old parsers of JavaScript, and harmless escaped.
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    parts = {"title": html.escape(title), "policy": html.escape(policy), "style": style(), "script": script()}
    text = _read("page.html")
    pieces = text.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [written if name == "data" else parts[name], rest]
    return "".join(filled)


def _digest(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _read(name):
    return files("recbole_iacn.serving.page").joinpath("files", name).read_text(encoding="utf-8")
