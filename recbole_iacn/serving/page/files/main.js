// The page: who is looked at, what is changed, and everything drawn anew after either.

const data = JSON.parse(document.getElementById("data").textContent);
const state = { user: 0, change: nothing(), weights: new Map() }; // weights: of each model's interests, by model

const changeOf = (model) => ({ ...state.change, weights: state.weights.get(model) || new Map() });

// What is changed, in words, for one model.
function changeWords(explanations, model) {
  const names = new Map(explanations.flatMap((one) => [...one.clicks.map((click) => click.of), ...one.edits.addable]).map((of) => [of.item, of.name]));
  const listed = (items) => (items.length > 3 ? `${items.length} clicks` : items.map((item) => names.get(item) || item).join(", "));
  const out = [...state.change.out].map((key) => key.slice(0, key.lastIndexOf("#")));
  const words = [];
  if (out.length) words.push(`Without ${listed(out)}`);
  if (state.change.added.length) words.push(`With ${listed(state.change.added)}`);
  for (const [number, weight] of state.weights.get(model) || []) {
    if (weight < 1) words.push(weight === 0 ? `Without interest ${letter(number)}` : `Interest ${letter(number)} at ${percent(weight)}`);
  }
  return words;
}

function entriesOf(explanation, addable) {
  const keys = keysOf(explanation.clicks);
  const clicks = explanation.clicks.map((click, place) => ({ key: keys[place], of: click.of, time: click.time, click, out: state.change.out.has(keys[place]), added: false }));
  const added = state.change.added.map((item) => ({ key: `+${item}`, of: addable.get(item), time: null, click: null, out: false, added: true }));
  return [...clicks, ...added];
}

// One model's part of the page. Its strip is drawn anew when a click is added, and marked otherwise.
function panelOf(explanations, model, source) {
  const explanation = explanations[model];
  const addable = new Map(explanations.flatMap((one) => one.edits.addable).map((of) => [of.item, of]));
  const strip = h("div", {});
  const table = h("div", {});
  const interestsInOrder = [...explanation.interests].sort((one, other) => one.number - other.number);
  const cards = interestsInOrder.map((interest) => interestCard(explanation, interest, (number, weight) => {
    const weights = state.weights.get(model) || new Map();
    state.weights.set(model, weights.set(number, weight));
    source.refresh();
  }));
  const list = recommendationList(explanation, data.k, () => source.reset());
  const draw = () => {
    const focused = document.activeElement?.dataset?.key;
    const entries = source.entries ? source.entries(explanation) : entriesOf(explanation, addable);
    const made = historyStrip(entries, data.times, source.toggle);
    made.update();
    const within = strip.contains(document.activeElement);
    strip.replaceChildren(made.element);
    if (!table.querySelector("details[open]")) table.replaceChildren(historyTable(entries, data.times, explanation.interests));
    const again = within ? made.cells.find((button) => button.dataset.key === focused) || made.cells.at(-1) : null;
    if (again) {
      made.cells.forEach((button) => (button.tabIndex = -1));
      again.tabIndex = 0;
      again.focus();
    }
  };
  const notes = explanation.notes.map((note) => h("p", { class: "note" }, lettered(note)));
  const history = h("section", { class: "history", "aria-label": `History, as ${explanation.model} reads it` },
    h("h2", {}, "History"), h("p", { class: "lead" }, historyLead(explanation)), strip, model === 0 ? source.addField() : null, table, notes);
  const interests = h("section", { class: "interests", "aria-label": `Interests of ${explanation.model}` },
    h("h2", {}, "Interests"), cards.length ? h("div", { class: "cards" }, cards.map((card) => card.element)) : h("p", { class: "note" }, "This model has no interests to show."));
  const title = data.models.length > 1 ? h("p", { class: "label" }, data.models[model].label) : null;
  const element = h("div", { class: "model", "data-model": model }, title, history, list.element, interests);
  const update = () => {
    const change = changeOf(model);
    draw();
    cards.forEach((card) => card.set(change.weights.has(card.number) ? change.weights.get(card.number) : 1));
    return list.update(change, changeWords(explanations, model));
  };
  return { element, update };
}

function historyLead(explanation) {
  const { clicks, interests } = explanation;
  const read = `${count(clicks.length, "click", "clicks")}, oldest first.`;
  return interests.length ? `${read} A letter and its colour say which interest a click belongs to, and the strength of the colour how much.` : read;
}

// A note numbers interests from 0, as the library does; here they have letters.
function lettered(note) {
  return note.replace(/\b(interests?) (\d+(?:(?:, | and )\d+)*)/gi, (_, word, numbers) => `${word} ${numbers.replace(/\d+/g, (number) => letter(Number(number)))}`);
}

// Draw explanations of one user, one per model. source: what happens on changes.
function show(explanations, source) {
  const panels = explanations.map((_, model) => panelOf(explanations, model, source));
  const models = h("div", { class: panels.length > 1 ? "models pair" : "models" }, panels.map((panel) => panel.element));
  panels[0].element.querySelector(".list").id = "recommendations";
  const map = data.models.some((model) => model.map) ? mapSection(data, explanations) : null;
  const bar = changedBar(() => source.reset());
  document.getElementById("page").replaceChildren(models, ...(map ? [map] : []), bar.element);
  source.refresh = () => {
    const said = panels.map((panel) => panel.update());
    bar.update(said.some((text) => text.includes("Approximate")), panels.some((_, model) => changeWords(explanations, model).length));
    say(panels.length > 1 ? said.map((text, model) => `${data.models[model].label}: ${text}`).join(" ") : said[0]);
  };
  panels.forEach((panel) => panel.update());
}

// On narrow screens the list is far from what changes it: a bar says that it has changed, and leads there.
function changedBar(reset) {
  const text = h("p", {});
  const element = h("div", { class: "changed", hidden: true }, text,
    h("span", {}, h("a", { href: "#recommendations" }, "See the list"), " ", h("button", { type: "button", onclick: reset }, "Reset")));
  const update = (approximate, changed) => {
    text.textContent = approximate ? "The list is another, approximately." : "The list is another.";
    element.hidden = !changed;
  };
  return { element, update };
}

// --- A page with its users in it ----------------------------------------------------------------------------------------

function fromData() {
  const explanations = () => data.users[state.user].map((packed, model) => decoded(data, packed, model));
  const source = {
    refresh: () => {},
    toggle: (entry) => {
      const { change } = state;
      if (entry.added) change.added = change.added.filter((item) => `+${item}` !== entry.key);
      else if (!change.out.delete(entry.key)) change.out.add(entry.key);
      source.refresh();
    },
    reset: () => {
      state.change = nothing();
      state.weights = new Map();
      source.refresh();
      document.querySelector(".list h2").focus(); // the button that was pressed is gone
    },
    addField: () => addField(async () => addableOf(shown).filter((of) => !state.change.added.includes(of.item)), (of) => {
      state.change.added.push(of.item);
      source.refresh();
    }, "Add a click"),
  };
  let shown = explanations();
  const draw = () => {
    state.change = nothing();
    state.weights = new Map();
    shown = explanations();
    show(shown, source);
  };
  document.getElementById("who").append(...whoField(draw));
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(shown, source));
}

const addableOf = (explanations) => [...new Map(explanations.flatMap((one) => one.edits.addable).map((of) => [of.item, of])).values()].sort((one, other) => one.name.localeCompare(other.name));

function whoField(draw) {
  const names = data.users.map((user) => user[0].user);
  if (names.length === 1) return [h("p", { class: "user" }, `User ${names[0]}`)];
  const select = h("select", { id: "user", onchange: () => {
    state.user = select.selectedIndex;
    draw();
    say(`User ${names[state.user]}`);
  } }, names.map((name) => h("option", {}, name)));
  return [h("label", {}, "User ", select)];
}

function about() {
  document.getElementById("about").replaceChildren(...data.about.map((line) => h("p", {}, line)));
}

about();
if (data.live) fromService();
else fromData();
