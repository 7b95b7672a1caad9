// A card per interest: its face, what is over-represented near it, its clicks, and how much it counts in the list.

function interestCard(explanation, interest, weigh) {
  const { number } = interest;
  const clicks = interest.clicks.map((place) => explanation.clicks[place]);
  const slider = h("input", { type: "range", min: "0", max: "100", step: "5", value: "100", "aria-label": `Weight of interest ${letter(number)}, in percent` });
  const shown = h("output", {}, "100 %");
  const off = h("button", { type: "button", "aria-pressed": "false" }, "Not this interest");
  const set = (weight) => {
    slider.value = String(Math.round(100 * weight));
    shown.textContent = percent(weight);
    off.setAttribute("aria-pressed", String(weight === 0));
    card.classList.toggle("off", weight === 0);
  };
  slider.addEventListener("input", () => weigh(number, slider.value / 100));
  off.addEventListener("click", () => weigh(number, slider.value === "0" ? 1 : 0));
  const card = h(
    "article",
    { class: "card", "data-interest": number, style: { "--colour": colour(number) } },
    h("header", {}, chip(number), h("h3", {}, interest.label), h("span", { class: "share", title: "its share of the history" }, percent(interest.share))),
    h("div", { class: "bar" }, h("i", { style: { width: percent(interest.share) } })),
    h("div", { class: "face" }, picture(interest.face, 72), h("div", {}, interest.values.length ? h("p", {}, valuesOf(interest)) : null, faceOf(interest))),
    clicks.length ? h("p", {}, h("span", { class: "what" }, `${count(clicks.length, "click", "clicks")} `), namesOf(clicks.map((click) => click.of), 4)) : h("p", { class: "what" }, "No click belongs to it most."),
    h("p", {}, h("span", { class: "what" }, "Near it "), namesOf(interest.nearest.map((near) => near.of), 5)),
    h("div", { class: "weight" }, h("label", {}, h("span", {}, "Weight"), slider), shown, off),
    cardTables(explanation, interest, clicks),
  );
  return { element: card, number, set };
}

function namesOf(items, most) {
  const rest = items.length - most;
  return items.slice(0, most).flatMap((of, at) => [at ? ", " : "", h("span", { class: "name" }, of.name)]).concat(rest > 0 ? ` and ${rest} more` : "");
}

// Those that chance does not explain; the table has all.
function valuesOf(interest) {
  const sure = interest.values.filter((value) => value.p < 0.05);
  if (!sure.length) return interest.values.length ? h("span", { class: "what" }, "Nothing is over-represented near it beyond chance.") : null;
  return sure.slice(0, 3).flatMap((value) => [
    h("span", { class: "value", title: `${value.column}: ${value.count} of ${value.among} near it, ${percent(value.share)} of all items` },
      `${value.value} `, h("small", {}, `×${figure(value.lift, 2)}, ${chance(value.p)}`)),
    " ",
  ]);
}

function faceOf(interest) {
  return interest.face ? h("p", {}, h("span", { class: "what" }, "Face "), h("span", { class: "name" }, interest.face.name)) : null;
}

function cardTables(explanation, interest, clicks) {
  const name = `Interest ${letter(interest.number)}`;
  const tables = [
    tableOf(`${name}: nearest items`, ["item", "name", "cosine"], () => interest.nearest.map(({ of, similarity }) => [of.item, of.name, similarity])),
    tableOf(`${name}: its clicks`, ["place", "item", "name", "coupling"], () => clicks.map((click) => [click.place + 1, click.of.item, click.of.name, click.couplings[interest.number]])),
  ];
  if (interest.values.length) {
    const heads = ["column", "value", "count", "among", "share of all", "lift", "p (corrected)"];
    tables.push(tableOf(`${name}: over-represented values`, heads, () => interest.values.map((one) => [one.column, one.value, one.count, one.among, one.share, one.lift, one.p])));
  }
  return h("details", { class: "more" }, h("summary", {}, "Numbers"), tables);
}
