// The history as a strip in time: a cell per click, coloured by its interest, the stronger the more it belongs to it.

function cellLook(click) {
  const number = click ? click.interest : null;
  if (number === null || number === undefined) return { background: css(mixed([128, 128, 128], paper(), 0.25)), color: dark() ? "#ffffff" : "#000000" };
  const parts = mixed(rgb(colour(number)), paper(), 0.15 + 0.85 * (click.couplings[number] ?? 1));
  return { background: css(parts), color: ink(parts) };
}

function couplingWords(click) {
  if (!click || click.interest === null || click.interest === undefined) return "";
  const others = click.couplings.map((value, number) => [number, value]).filter(([number]) => number !== click.interest);
  const rest = others.filter(([, value]) => value >= 0.005).map(([number, value]) => `${letter(number)} ${percent(value)}`);
  return `interest ${letter(click.interest)} ${percent(click.couplings[click.interest])}${rest.length ? `, ${rest.join(", ")}` : ""}`;
}

// entries: {key, of, time, click, out, added}; toggle(entry) leaves a click out, or takes an added one back.
function historyStrip(entries, times, toggle) {
  const caption = h("p", { class: "caption", "aria-hidden": "true" }, captionHint(entries));
  const cells = entries.map((entry, at) => {
    const words = [dated(entry.time, times), entry.of.name, couplingWords(entry.click)].filter(Boolean).join(" · ");
    const show = () => caption.replaceChildren(h("b", {}, entry.of.name), ` ${[moment(entry.time, times), couplingWords(entry.click), stateWords(entry)].filter(Boolean).join(" · ")}`);
    const button = h(
      "button",
      {
        type: "button", class: "click", tabindex: at === 0 ? "0" : "-1", "data-key": entry.key, "aria-label": `${words}${entry.added ? ", added" : ""}`,
        "aria-pressed": "false", onclick: () => toggle(entry), onfocus: show, onmouseenter: show,
        style: cellLook(entry.click),
      },
      entry.added ? "+" : letter(entry.click ? entry.click.interest : null) || "·",
    );
    return button;
  });
  const strip = h("div", { class: "strip", role: "toolbar", "aria-label": "Clicks, oldest first; press one to leave it out" }, withDays(entries, cells, times));
  strip.addEventListener("keydown", (event) => {
    const at = cells.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: cells.length - 1 }[event.key];
    if (at < 0 || to === undefined || !cells[to]) return;
    event.preventDefault();
    cells[at].tabIndex = -1;
    cells[to].tabIndex = 0;
    cells[to].focus();
  });
  return { element: h("div", {}, strip, caption), cells, update: () => entries.forEach((entry, at) => markCell(cells[at], entry)) };
}

function captionHint(entries) {
  return entries.length ? "Point at a click to see what it is; press it to leave it out." : "There is no click.";
}

const stateWords = (entry) => (entry.added ? "added; press to take it back" : entry.out ? "left out; press to put it back" : "press to leave it out");

function markCell(button, entry) {
  button.setAttribute("aria-pressed", String(entry.out || entry.added));
  button.classList.toggle("out", entry.out);
  button.classList.toggle("added", entry.added);
}

// A small date before the first click of each day, month or year: the finest that leaves the strip in one piece.
function withDays(entries, cells, times) {
  const parts = [["year", "month", "day"], ["year", "month"], ["year"]];
  const marked = parts.map((some) => entries.map((entry) => (entry.added ? "added" : dated(entry.time, times, some))));
  const changes = (marks) => marks.filter((mark, at) => mark !== marks[at - 1]).length;
  const marks = marked.find((some) => changes(some) <= Math.max(3, entries.length / 6)) || marked.at(-1);
  return cells.flatMap((button, at) =>
    marks[at] && marks[at] !== marks[at - 1] ? [h("span", { class: "day", "aria-hidden": "true" }, marks[at]), button] : [button]);
}

function historyTable(entries, times, interests) {
  const numbers = interests.map((one) => one.number).sort((one, other) => one - other);
  const heads = ["place", "time", "item", "name", "interest", ...numbers.map((number) => `coupling ${letter(number)}`)];
  return tableOf("The history as a table", heads, () =>
    entries.filter(({ click }) => click).map(({ click, of, time }) => [
      click.place + 1, moment(time, times), of.item, of.name, letter(click.interest), ...numbers.map((number) => click.couplings[number]),
    ]),
  );
}

// A field in which an item is looked for by its name. find(text) promises items.
function addField(find, add, label) {
  const names = h("datalist", { id: `names-${addField.made = (addField.made || 0) + 1}` });
  const field = h("input", { type: "text", list: names.id, autocomplete: "off", spellcheck: "false", placeholder: "a name" });
  const note = h("span", { class: "note", role: "status" });
  let known = new Map();
  let asked = 0;
  const look = async () => {
    const ask = ++asked;
    const items = await find(field.value);
    if (ask !== asked) return;
    known = named(items);
    names.replaceChildren(...[...known.keys()].map((name) => h("option", { value: name })));
  };
  const submit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    const item = known.get(text) || [...known].find(([name]) => name.toLowerCase() === text.toLowerCase())?.[1];
    note.textContent = item || !text ? "" : known.size ? "Choose one of the names that appear." : "There is no such item to add.";
    if (!item) return;
    field.value = "";
    add(item);
    look();
  };
  field.addEventListener("input", look);
  look();
  return h("form", { class: "add", onsubmit: submit }, h("label", {}, label, field), names, h("button", { type: "submit" }, "Add"), note);
}

// Names that two items share are told apart by their tokens.
function named(items) {
  const times = new Map();
  items.forEach(({ name }) => times.set(name, (times.get(name) || 0) + 1));
  return new Map(items.map((item) => [times.get(item.name) > 1 ? `${item.name} (${item.item})` : item.name, item]));
}
