"""Draw docs/pictures/capsule-network-light.svg and -dark.svg, of docs/how_it_works.md; colours as in the other picture.

``python tools/capsule_network.py`` writes both; tests/test_site.py fails where they are not what this file draws.
"""

from pathlib import Path

from how_it_works import COLOURS, PICTURES, with_index

WIDTH, HEIGHT = 840, 480
SHARES = ((0.9, 0.1), (0.85, 0.15), (0.1, 0.9), (0.8, 0.2), (0.15, 0.85))  # of five clicks in two interests


def drawing(colours: dict[str, str]) -> str:
    """The picture in one set of colours."""
    return "\n".join([_head(colours), *_clicks(colours), *_capsules(colours), *_above(colours), "</svg>\n"])


def _head(colours):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, -apple-system, \'Segoe UI\', Roboto, Helvetica, Arial, sans-serif" font-size="25" '
        f'fill="{colours["text"]}" text-anchor="middle" role="img">\n'
        "<title>The auxiliary network</title>\n"
        '<defs><marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 10 5 0 10z" fill="{colours["line"]}"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="{colours["ground"]}"/>'
    )


def _clicks(colours):
    """The behaviours, left, and how much of each goes to either interest."""
    yield f'<text x="130" y="44" fill="{colours["soft"]}">behaviours</text>'
    for place, shares in enumerate(SHARES):
        y = 96 + 80 * place
        yield _box(colours, 60, y - 28, 140, 56)
        yield f'<text x="130" y="{y + 8}">{with_index("e", str(place + 1))}</text>'
        for share, end in zip(shares, (170, 342)):
            yield (
                f'<path d="M206 {y}L388 {end}" stroke="{colours["auxiliary_edge"]}" stroke-width="{1 + 6 * share:.1f}" '
                f'stroke-opacity="{0.25 + 0.7 * share:.2f}"/>'
            )


def _capsules(colours):
    yield f'<text x="296" y="44" fill="{colours["soft"]}">routing</text>'
    yield f'<text x="450" y="44" fill="{colours["soft"]}">interests</text>'
    for place, y in enumerate((170, 342)):
        yield (
            f'<circle cx="450" cy="{y}" r="54" fill="{colours["auxiliary"]}" stroke="{colours["auxiliary_edge"]}" '
            'stroke-width="2.5"/>'
        )
        yield f'<text x="450" y="{y + 8}">{with_index("u", str(place + 1))}</text>'
        yield _arrow(colours, f"M508 {y}L594 {256 + (-22, 22)[place]}")


def _above(colours):
    yield f'<text x="660" y="44" fill="{colours["soft"]}">attention</text>'
    yield _box(colours, 600, 216, 120, 80)
    yield f'<text x="660" y="264">{with_index("i", "u")}</text>'
    yield _arrow(colours, "M660 130V210")
    yield f'<text x="660" y="84">clicked item</text><text x="660" y="116">{with_index("e", "t")}</text>'
    yield _arrow(colours, "M660 296V366")
    yield _box(colours, 520, 372, 280, 84)
    yield '<text x="660" y="406">softmax: the clicked</text><text x="660" y="440">item among others</text>'


def _box(colours, x, y, width, height):
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="{colours["box"]}" '
        f'stroke="{colours["line"]}" stroke-width="2"/>'
    )


def _arrow(colours, path):
    return f'<path d="{path}" fill="none" stroke="{colours["line"]}" stroke-width="3" marker-end="url(#head)"/>'


def drawings() -> dict[Path, str]:
    """The files, and what they contain."""
    return {PICTURES / f"capsule-network-{name}.svg": drawing(colours) for name, colours in COLOURS.items()}


if __name__ == "__main__":
    for path, content in drawings().items():
        path.write_text(content, encoding="utf-8")
