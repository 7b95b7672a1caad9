// The page of a running service: a history is typed in, and every change of it is asked of the model.

function fromService() {
  let token = null; // in memory alone
  let shown = [];
  let asked = 0;
  const typed = []; // {of, out}: the history, oldest first
  const wrong = h("p", { class: "wrong", role: "alert" });

  const ask = async (path, body) => {
    const headers = { ...(body ? { "Content-Type": "application/json" } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body ? JSON.stringify(body) : undefined, cache: "no-store" });
    if (answer.status === 401) {
      key.hidden = false;
      throw new Error(token ? "The service does not accept this token." : "The service asks for its token.");
    }
    const content = await answer.json();
    if (!answer.ok) throw new Error(content.error || `The service answered ${answer.status}.`);
    return content;
  };
  const troubles = { names: "", list: "" }; // what each last question ended with
  const ended = (what, error) => {
    troubles[what] = !error ? "" : error instanceof TypeError ? "The service does not answer." : error.message;
    wrong.textContent = troubles.list || troubles.names;
  };
  const find = async (text) => {
    try {
      const { items } = await ask(`items?query=${encodeURIComponent(text)}`);
      ended("names");
      return items.map((item) => ({ name: item.item, ...item }));
    } catch (error) {
      ended("names", error);
      return [];
    }
  };
  const add = (of) => {
    typed.push({ of, out: false });
    refresh();
  };
  const refresh = async () => {
    const number = ++asked;
    const history = typed.filter((entry) => !entry.out).map((entry) => entry.of.item);
    try {
      const { explanations } = await ask("explain", { histories: [history], k: data.k, edits: true });
      if (number !== asked) return; // a later change has been asked about since
      ended("list");
      draw(explanations);
      say(`${count(history.length, "click", "clicks")}; the list is the model's answer.`);
    } catch (error) {
      ended("list", error);
    }
  };
  const source = {
    refresh: () => {},
    entries: () => entriesTyped(typed, shown[0]),
    toggle: (entry) => {
      typed[entry.at].out = !typed[entry.at].out;
      refresh();
    },
    reset: () => {
      state.weights = new Map();
      source.refresh();
    },
    addField: () => null,
  };
  const draw = (explanations) => {
    const focused = document.activeElement?.dataset?.key;
    shown = explanations.map(withNames);
    state.weights = new Map();
    data.models = [{ name: shown[0].model, label: shown[0].model }];
    show(shown, source);
    if (focused) [...document.querySelectorAll(".click")].find((one) => one.dataset.key === focused)?.focus();
  };
  const key = h("form", { class: "add", hidden: true, onsubmit: (event) => {
    event.preventDefault();
    token = key.querySelector("input").value.trim() || null;
    ended("names"); // they are asked for anew with the next letter
    refresh();
  } }, h("label", {}, "Token of the service", h("input", { type: "password", autocomplete: "off" })), h("button", { type: "submit" }, "Use it"));
  const clear = h("button", { type: "button", onclick: () => {
    typed.length = 0;
    refresh();
  } }, "Clear the history");
  document.getElementById("who").append(key, h("div", { class: "typing" }, addField(find, add, "Add a click"), clear), wrong);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown.length && show(shown, source));
  refresh();
}

// Candidates by name rather than by token.
function withNames(explanation) {
  const { edits } = explanation;
  const named = (token) => edits.named[token];
  return { ...explanation, edits: { ...edits, items: edits.items.map(named), addable: edits.addable.map(named) } };
}

// The typed clicks with what the answer says of them; it lacks those that are left out, not known, or too old.
function entriesTyped(typed, explanation) {
  const there = typed.map((entry, at) => ({ ...entry, at }));
  const keys = keysOf(there);
  const asked = there.filter((entry) => !entry.out);
  const answered = new Map(keysOf(explanation.clicks).map((key, place) => [key, explanation.clicks[place]]));
  const askedKeys = new Map(keysOf(asked).map((key, place) => [asked[place].at, key]));
  return there.map((entry) => ({ key: keys[entry.at], at: entry.at, of: entry.of, time: null, click: answered.get(askedKeys.get(entry.at)) || null, out: entry.out, added: false }));
}
