"""Draw docs/pictures/how-it-works-light.svg and -dark.svg: one drawing in two sets of colours.

``python tools/how_it_works.py`` writes both; tests/test_picture.py fails where they are not what this file draws.
Text is 25 units high (indices 20) on a width of 840, so that it can be read where a phone shows it 400 px wide.
"""

from pathlib import Path
from string import Template

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"

COLOURS = {
    "light": {
        "ground": "#ffffff",
        "text": "#1f2328",
        "soft": "#57606a",
        "line": "#57606a",
        "tile": "#eaeef2",
        "box": "#f6f8fa",
        "original": "#cfe3ff",
        "original_edge": "#1f6feb",
        "auxiliary": "#ffe0b8",
        "auxiliary_edge": "#b35900",
    },
    "dark": {
        "ground": "#0d1117",
        "text": "#f0f6fc",
        "soft": "#b1bac4",
        "line": "#9198a1",
        "tile": "#30363d",
        "box": "#161b22",
        "original": "#12305c",
        "original_edge": "#58a6ff",
        "auxiliary": "#4d2d00",
        "auxiliary_edge": "#f0a04b",
    },
}

DRAWING = Template("""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 866" width="840" height="866" role="img" \
aria-labelledby="title description" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, \
sans-serif" font-size="25" fill="$text" text-anchor="middle">
<title id="title">How interest-aware item embeddings work</title>
<desc id="description">Every item of a user's history, and the candidate, has an embedding of two parts, E \
original and E auxiliary. The backbone (DIN, DIEN, Wide and Deep or another) scores the candidate with both \
parts. In training only, an auxiliary network reads E auxiliary: capsules extract K interests from the history, \
a label-aware attention weighs them, and the result has to recognise the clicked item among sampled ones. The \
loss is L main plus lambda times L IaCN. The gradient of E auxiliary is one minus delta times that of L IaCN \
plus delta times that of L main.</desc>
<defs>
<marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 10 5 0 10z" fill="$line"/></marker>
<marker id="head-auxiliary" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 10 5 0 10z" fill="$auxiliary_edge"/></marker>
</defs>
<rect width="840" height="866" rx="12" fill="$ground"/>

<text x="215" y="48" font-weight="600">History of clicked items</text>
<text x="625" y="48" font-weight="600">Candidate item</text>
<g fill="$tile" stroke="$line" stroke-width="2">
$tiles
<rect x="600" y="66" width="50" height="50" rx="8"/>
</g>
<text x="625" y="100">?</text>

<g fill="none" stroke="$line" stroke-width="3" marker-end="url(#head)">
<path d="M215 124V166"/>
<path d="M625 124V166"/>
</g>
<rect x="14" y="172" width="812" height="136" rx="14" fill="$box" stroke="$line" stroke-width="1.5"/>
<text x="420" y="208" fill="$soft">The embedding of every item has two parts:</text>

<g stroke-width="2.5">
<rect x="30" y="228" width="370" height="64" rx="10" fill="$original" stroke="$original_edge"/>
<rect x="440" y="228" width="370" height="64" rx="10" fill="$auxiliary" stroke="$auxiliary_edge"/>
</g>
<text x="215" y="269" font-size="29" font-weight="600">$E_original</text>
<text x="420" y="271" font-size="32">⊕</text>
<text x="625" y="269" font-size="29" font-weight="600">$E_auxiliary</text>

<g fill="none" stroke="$line" stroke-width="3" marker-end="url(#head)">
<path d="M160 292V382"/>
<path d="M480 292V330Q480 338 472 338H298Q290 338 290 346V382"/>
</g>
<g fill="none" stroke="$auxiliary_edge" stroke-width="3" stroke-dasharray="9 6" marker-end="url(#head-auxiliary)">
<path d="M560 292V382"/>
<path d="M640 388V298"/>
</g>
<text x="656" y="349" text-anchor="start" fill="$auxiliary_edge">trains it</text>

<rect x="30" y="388" width="370" height="262" rx="12" fill="$box" stroke="$line" stroke-width="2.5"/>
<text x="215" y="432" font-size="29" font-weight="600">Backbone</text>
<text x="215" y="468" fill="$soft">training and serving</text>
<text x="215" y="515">DIN, DIEN, Wide &amp; Deep,</text>
<text x="215" y="553">or another; scores the</text>
<text x="215" y="591">candidate with both parts</text>

<rect x="440" y="388" width="370" height="262" rx="12" fill="$box" stroke="$auxiliary_edge" stroke-width="2.5" \
stroke-dasharray="9 6"/>
<text x="625" y="432" font-size="29" font-weight="600">Auxiliary network</text>
<text x="625" y="468" fill="$auxiliary_edge">training only</text>
<text x="625" y="515">capsules: K interests</text>
<text x="625" y="553">label-aware attention</text>
<text x="625" y="591">recognise the clicked</text>
<text x="625" y="625">item among sampled ones</text>

<path d="M215 650V706" fill="none" stroke="$line" stroke-width="3" marker-end="url(#head)"/>
<path d="M625 650V706" fill="none" stroke="$auxiliary_edge" stroke-width="3" stroke-dasharray="9 6" \
marker-end="url(#head-auxiliary)"/>
<rect x="30" y="712" width="780" height="124" rx="12" fill="none" stroke="$line" stroke-width="1.5"/>
<text x="420" y="760" font-size="28">$loss</text>
<text x="420" y="811" font-size="26">$gradient</text>
</svg>
""")


def with_index(letter: str, index: str) -> str:
    """``letter`` with a lowered ``index``. The empty space behind it takes the text that follows back to its line."""
    return f'{letter}<tspan dy="7" font-size="20">{index}</tspan><tspan dy="-7">&#8203;</tspan>'


def drawing(colours: dict[str, str]) -> str:
    tiles = (f'<rect x="{x}" y="66" width="50" height="50" rx="8"/>' for x in range(62, 360, 64))
    return DRAWING.substitute(
        colours,
        tiles="\n".join(tiles),
        E_original=with_index("E", "original"),
        E_auxiliary=with_index("E", "auxiliary"),
        loss=f"Loss: L = {with_index('L', 'main')} + λ · {with_index('L', 'IaCN')}",
        gradient=f"Gradient of {with_index('E', 'auxiliary')}: (1 − δ) · {with_index('g', 'IaCN')} + δ · "
        f"{with_index('g', 'main')}",
    )


def drawings() -> dict[Path, str]:
    """The files, and what they contain."""
    return {PICTURES / f"how-it-works-{name}.svg": drawing(colours) for name, colours in COLOURS.items()}


if __name__ == "__main__":
    for path, content in drawings().items():
        path.write_text(content, encoding="utf-8")
