// The list: ranked anew after every change, with the past clicks that carry each item.

function recommendationList(explanation, k, reset) {
  const state = h("p", { class: "state" });
  const button = h("button", { type: "button", hidden: true, onclick: reset }, "Reset");
  const list = h("ol", { class: "items" });
  const numbers = h("div", {});
  const element = h("section", { class: "list", "aria-label": `Recommendations of ${explanation.model}` },
    h("h2", { tabindex: "-1" }, "Recommendations"), h("div", { class: "states" }, state, button), list, numbers);
  const update = (change, words) => {
    const result = ranked(explanation, change, k);
    list.replaceChildren(...result.rows.map((row) => itemRow(explanation, row, change)));
    if (!result.rows.length) list.replaceChildren(h("li", {}, "No item is left to recommend."));
    const text = stateText(result, words);
    state.textContent = text;
    state.classList.toggle("approximate", !result.exact);
    button.hidden = !words.length;
    numbers.replaceChildren(listTable(explanation, result.rows));
    return text;
  };
  return { element, update };
}

// Whether the list is what the model would answer.
function stateText(result, words) {
  const missing = result.missing.length ? count(result.missing.length, "change", "changes") : "";
  if (!words.length) return "As the model gives it.";
  const said = `${words.join("; ")}. `;
  if (missing && result.changes === 0) return `${said}Not known: this model was not asked about it, and the list stands as it was.`;
  if (missing) return `${said}Approximate: this model was not asked about ${missing} of these, which the list lacks.`;
  if (result.changes === 0) return `${said}Nothing changes for this model.`;
  if (result.exact) return `${said}Exact: the model was asked for this change.`;
  if (result.changes === 1) return `${said}Approximate: between the two lists that the model was asked for.`;
  return `${said}Approximate: the sum of ${result.changes} measured effects.`;
}

function itemRow(explanation, row, change) {
  const { edits } = explanation;
  const belongs = interestOf(explanation, row.at);
  const score = scoreOf(edits, row.margin);
  return h("li", { "data-item": row.of.item },
    h("span", { class: "rank" }, String(row.rank)),
    picture(row.of, 44),
    h("div", { class: "body" },
      h("p", { class: "title" }, h("span", { class: "name" }, row.of.name), " ", chip(belongs), moved(row, change)),
      h("p", { class: "why" }, why(explanation, row.at, change))),
    h("span", { class: "score", title: edits.probability ? "probability of a click" : "score" }, edits.probability ? `${(100 * score).toFixed(1)} %` : figure(score, 4)));
}

const isChanged = (change) => change.out.size > 0 || change.added.length > 0 || [...change.weights.values()].some((weight) => weight < 1);

function moved(row, change) {
  if (!isChanged(change)) return null;
  if (row.before === null) return h("span", { class: "moved new" }, "new");
  const by = row.before - row.rank;
  return by ? h("span", { class: "moved" }, by > 0 ? `▲ ${by}` : `▼ ${-by}`) : null;
}

// In words: what the score loses without the clicks that carry the item. It was measured in the history as it was, which
// the words say once something is changed.
function why(explanation, at, change) {
  const keys = keysOf(explanation.clicks);
  const { edits } = explanation;
  const losses = lossesOf(explanation, at).filter(({ click, loss }) => loss > 0 && !change.out.has(keys[click.place])).slice(0, 2);
  if (!losses.length) return explanation.clicks.length ? "No single click raises its score." : "";
  const name = ({ click }) => h("span", { class: "name" }, click.of.name);
  const unit = edits.probability ? " log-odds" : "";
  const first = [`${isChanged(change) ? "In the unchanged history it falls" : "Falls"} by ${figure(losses[0].loss, 3)}${unit} without `, name(losses[0])];
  return losses[1] ? [...first, `, by ${figure(losses[1].loss, 3)} without `, name(losses[1])] : first;
}

function listTable(explanation, rows) {
  const { edits, interests } = explanation;
  const kind = edits.probability ? ["probability", "log-odds"] : ["score"];
  const heads = ["rank", "item", "name", "interest", ...kind, ...interests.map(({ number }) => `loss without ${letter(number)}`), "click that carries it most", "loss without it"];
  return tableOf("The list as a table", heads, () =>
    rows.map((row) => {
      const [most] = lossesOf(explanation, row.at);
      const scores = edits.probability ? [sigmoid(row.margin), row.margin] : [row.margin];
      const losses = interests.map(({ number }) => edits.margins[row.at] - edits.without_interest[number][row.at]);
      return [row.rank, row.of.item, row.of.name, letter(interestOf(explanation, row.at)), ...scores, ...losses, most ? most.click.of.name : "", most ? most.loss : null];
    }),
  );
}
