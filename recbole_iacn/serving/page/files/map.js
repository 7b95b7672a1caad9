// A map of all items, coloured by a column, with the user's clicks, interests and recommendations in it.

const SHOWN_VALUES = 8;

// The values of a column that most items have; the others share one colour.
function valuesToShow(column) {
  const counts = new Array(column.values.length).fill(0);
  column.of.forEach((some) => some.forEach((value) => counts[value]++));
  return Array.from(counts.keys()).sort((one, other) => counts[other] - counts[one]).slice(0, SHOWN_VALUES).map((value) => ({ value, count: counts[value] }));
}

function mapSection(data, explanations) {
  const maps = data.models.map((model, at) => ({ ...model, at })).filter((model) => model.map);
  const view = { map: maps[0], column: data.items.columns[0] || null, picked: null, scale: 1, x: 0.5, y: 0.5 };
  const canvas = h("canvas", { role: "img", "aria-label": "Map of all items; the table below has the same" });
  const tip = h("p", { class: "tip", "aria-hidden": "true" }, "Point at the map to see what lies there.");
  const legend = h("div", { class: "legend", role: "group", "aria-label": "Values; press one to see it alone" });
  const tables = h("div", {});
  const drawing = mapDrawing(data, explanations, view, canvas, tip);
  const choose = (label, names, chosen) =>
    h("label", {}, label, h("select", { onchange: (event) => chosen(event.target.selectedIndex) }, names.map((name) => h("option", {}, name))));
  const redo = () => {
    legend.replaceChildren(...legendOf(view, redo));
    tables.replaceChildren(...mapTables(data, explanations[view.map.at], view));
    drawing.draw();
  };
  const zoom = (factor) => {
    view.scale = Math.min(16, Math.max(1, view.scale * factor));
    if (view.scale === 1) Object.assign(view, { x: 0.5, y: 0.5 });
    canvas.style.touchAction = view.scale > 1 ? "none" : "auto";
    drawing.draw();
  };
  const columns = data.items.columns;
  const controls = h("div", { class: "controls" },
    maps.length > 1 ? choose("By the vectors of ", maps.map((map) => map.label), (at) => { view.map = maps[at]; redo(); }) : null,
    columns.length ? choose("Coloured by ", [...columns.map((column) => column.name), "nothing"], (at) => { view.column = columns[at] || null; view.picked = null; redo(); }) : null,
    h("span", { class: "zoom", role: "group", "aria-label": "Zoom" },
      [["+", "Closer", 2], ["−", "Farther", 0.5]].map(([text, label, factor]) => h("button", { type: "button", "aria-label": label, onclick: () => zoom(factor) }, text)),
      h("button", { type: "button", onclick: () => zoom(0) }, "All")));
  const lead = `All ${count(view.map.map.count, "item", "items")}, similar ones close together (${view.map.map.method} of the model's item vectors). Discs with a letter are interests, each at its face; circles are clicks, diamonds recommendations.`;
  const section = h("section", { class: "map", "aria-label": "Map of all items" }, h("h2", {}, "Map"), h("p", { class: "lead" }, lead), controls, h("div", { class: "chart" }, canvas, h("div", {}, tip, legend, tables)));
  new ResizeObserver(() => drawing.draw()).observe(canvas);
  redo();
  return section;
}

function legendOf(view, redo) {
  if (!view.column) return [];
  const shown = valuesToShow(view.column);
  return shown.map(({ value, count: number }, at) =>
    h("button", { type: "button", class: "quiet", "aria-pressed": String(view.picked === value), onclick: () => { view.picked = view.picked === value ? null : value; redo(); } },
      h("i", { style: { background: colour(at) } }), `${view.column.values[value]} `, h("small", {}, number.toLocaleString("en"))));
}

// What the user has on the map: [what, item, letter].
function marksOf(explanation, k) {
  return [
    ...explanation.clicks.map((click) => ({ what: "click", of: click.of, number: click.interest })),
    ...ranked(explanation, nothing(), k).rows.map((row) => ({ what: "recommendation", of: row.of, number: interestOf(explanation, row.at) })),
    ...explanation.interests.filter((one) => one.face).map((one) => ({ what: "interest", of: one.face, number: one.number })),
  ];
}

const positionsOf = (map) => (map.xy instanceof Uint16Array ? map.xy : (map.xy = new Uint16Array(bytes(map.xy).buffer)));
const wordsOf = (column, number) => (column.of[number] || []).map((value) => column.values[value]).join(", ");

function mapTables(data, explanation, view) {
  const xy = positionsOf(view.map.map);
  const place = (number) => [xy[2 * number] / 65535, xy[2 * number + 1] / 65535];
  const columns = data.items.columns;
  const heads = ["what", "interest", "item", "name", ...columns.map((column) => column.name), "x", "y"];
  const marks = () => marksOf(explanation, data.k).map(({ what, of, number }) => [what, letter(number), of.item, of.name, ...columns.map((column) => wordsOf(column, of.number)), ...place(of.number)]);
  const all = h("button", { type: "button", class: "quiet", onclick: () => {
    const rows = data.items.tokens.map((item, number) => [item, itemOf(data, number).name, ...columns.map((column) => wordsOf(column, number)), ...place(number)]);
    copy(asCsv(["item", "name", ...columns.map((column) => column.name), "x", "y"], rows), all);
  } }, "Copy all items as CSV");
  return [tableOf("The user's part of the map as a table", heads, marks), all];
}

// --- Drawing ------------------------------------------------------------------------------------------------------------

function mapDrawing(data, explanations, view, canvas, tip) {
  let size = { width: 0, height: 0, dense: 1 };
  const toScreen = (number) => {
    const xy = positionsOf(view.map.map);
    const side = Math.min(size.width, size.height) - 28;
    const at = (value, middle, length) => (value / 65535 - middle) * side * view.scale + length / 2;
    return [at(xy[2 * number], view.x, size.width), at(xy[2 * number + 1], view.y, size.height)];
  };
  const draw = () => {
    const box = canvas.getBoundingClientRect();
    if (!box.width) return;
    size = { width: box.width, height: box.height, dense: devicePixelRatio || 1 };
    canvas.width = Math.round(size.width * size.dense);
    canvas.height = Math.round(size.height * size.dense);
    const pen = canvas.getContext("2d");
    pen.setTransform(size.dense, 0, 0, size.dense, 0, 0);
    drawItems(pen, data, view, toScreen);
    marksOf(explanations[view.map.at], data.k).forEach((mark) => drawMark(pen, mark, ...toScreen(mark.of.number)));
  };
  const nearest = (x, y) => {
    let best = null;
    let least = 14 ** 2;
    for (let number = 0; number < view.map.map.count; number++) {
      const [left, top] = toScreen(number);
      const away = (left - x) ** 2 + (top - y) ** 2;
      if (away < least) [best, least] = [number, away];
    }
    return best;
  };
  let grip = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (view.scale > 1) {
      grip = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    }
  });
  canvas.addEventListener("pointerup", () => (grip = null));
  canvas.addEventListener("pointermove", (event) => {
    if (grip) {
      const side = (Math.min(size.width, size.height) - 28) * view.scale;
      view.x -= (event.clientX - grip[0]) / side;
      view.y -= (event.clientY - grip[1]) / side;
      grip = [event.clientX, event.clientY];
      requestAnimationFrame(draw);
      return;
    }
    const box = canvas.getBoundingClientRect();
    const number = nearest(event.clientX - box.left, event.clientY - box.top);
    if (number !== null) tip.replaceChildren(h("b", {}, itemOf(data, number).name), ` ${data.items.columns.map((column) => wordsOf(column, number)).filter(Boolean).join(" · ")}`);
  });
  return { draw };
}

function drawItems(pen, data, view, toScreen) {
  const shown = view.column ? valuesToShow(view.column).map(({ value }) => value) : [];
  const grey = css(mixed([128, 128, 128], paper(), 0.45));
  const side = view.map.map.count > 8000 ? 2 : view.map.map.count > 500 ? 3 : 5;
  for (let number = 0; number < view.map.map.count; number++) {
    const values = view.column ? view.column.of[number] || [] : [];
    const value = view.picked === null ? values.find((one) => shown.includes(one)) : values.includes(view.picked) ? view.picked : undefined;
    const at = value === undefined ? -1 : shown.indexOf(value);
    const [left, top] = toScreen(number);
    pen.globalAlpha = at < 0 ? 0.4 : 0.65;
    pen.fillStyle = at < 0 ? grey : colour(at);
    pen.fillRect(left - side / 2, top - side / 2, side, side);
  }
  pen.globalAlpha = 1;
}

function drawMark(pen, { what, number }, left, top) {
  const known = number !== null && number !== undefined;
  pen.fillStyle = known ? colour(number) : css(mixed([128, 128, 128], paper(), 0.8));
  pen.strokeStyle = css(paper());
  pen.lineWidth = 2;
  pen.beginPath();
  if (what === "recommendation") {
    pen.moveTo(left, top - 7);
    for (const [x, y] of [[7, 0], [0, 7], [-7, 0]]) pen.lineTo(left + x, top + y);
    pen.closePath();
  } else {
    pen.arc(left, top, what === "interest" ? 12 : 5, 0, 7);
  }
  pen.fill();
  pen.stroke();
  if (what !== "interest") return;
  pen.fillStyle = ink(rgb(colour(number)));
  pen.font = "bold 14px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(letter(number), left, top + 1);
}
