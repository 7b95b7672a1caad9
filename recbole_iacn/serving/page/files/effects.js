// What changes of the history do to the list. Every single change was measured by asking the model; several at once are
// the sum of their effects.

// A click's name that two models share: its item, and how many newer clicks there are of the same item.
function keysOf(clicks) {
  const seen = new Map();
  const keys = new Array(clicks.length);
  for (let place = clicks.length - 1; place >= 0; place--) {
    const item = clicks[place].of.item;
    const newer = seen.get(item) || 0;
    keys[place] = `${item}#${newer}`;
    seen.set(item, newer + 1);
  }
  return keys;
}

const nothing = () => ({ out: new Set(), added: [], weights: new Map() });
const sigmoid = (margin) => 1 / (1 + Math.exp(-margin));
const scoreOf = (edits, margin) => (edits.probability ? sigmoid(margin) : margin);

// The changes that an explanation's model has measured, each as its row of margins and how much of it is taken.
function taken(explanation, change) {
  const { edits, clicks } = explanation;
  const keys = keysOf(clicks);
  const effects = [];
  const missing = [];
  keys.forEach((key, place) => {
    if (!change.out.has(key)) return;
    if (edits.without_click[place]) effects.push({ row: edits.without_click[place], part: 1 });
    else missing.push(clicks[place].of.item); // a model that needs a click
  });
  for (const [number, weight] of change.weights) {
    if (weight < 1 && edits.without_interest[number]) effects.push({ row: edits.without_interest[number], part: 1 - weight });
  }
  for (const item of change.added) {
    const at = edits.addable.findIndex((one) => one.item === item);
    if (at < 0) missing.push(item);
    else effects.push({ row: edits.with_click[at], part: 1 });
  }
  return { effects, missing };
}

function changedMargins(explanation, change) {
  const { edits } = explanation;
  const { effects, missing } = taken(explanation, change);
  let margins = edits.margins;
  if (effects.length === 1 && effects[0].part === 1) margins = Array.from(effects[0].row);
  else if (effects.length) {
    margins = edits.margins.map((margin, at) => effects.reduce((sum, { row, part }) => sum + part * (row[at] - margin), margin));
  }
  const whole = effects.every(({ part }) => part === 1);
  return { margins, changes: effects.length, exact: !missing.length && (effects.length === 0 || (effects.length === 1 && whole)), whole, missing };
}

function order(margins) {
  return Array.from(margins.keys()).sort((one, other) => margins[other] - margins[one] || one - other);
}

// The best k candidates that are not among the added clicks.
function ranked(explanation, change, k) {
  const { edits } = explanation;
  const before = new Map(order(edits.margins).map((at, rank) => [at, rank + 1]));
  const result = changedMargins(explanation, change);
  const hidden = new Set(change.added);
  const rows = order(result.margins)
    .filter((at) => !hidden.has(edits.items[at].item))
    .slice(0, k)
    .map((at, rank) => ({ at, rank: rank + 1, before: before.get(at) <= k ? before.get(at) : null, of: edits.items[at], margin: result.margins[at] }));
  return { ...result, rows };
}

// What a candidate's margin loses without each click, the largest loss first.
function lossesOf(explanation, at) {
  const { edits, clicks } = explanation;
  return clicks
    .filter((_, place) => edits.without_click[place])
    .map((click, place) => ({ click, loss: edits.margins[at] - edits.without_click[place][at] }))
    .sort((one, other) => other.loss - one.loss);
}

// The interest that a candidate belongs to.
function interestOf(explanation, at) {
  const { belongs } = explanation.edits;
  return belongs.length ? belongs[at] : null;
}
