// Making elements, writing numbers, copying tables. All text is set as text, so nothing of the data becomes markup.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

// Paul Tol's palette "bright", which people with any colour vision can tell apart; letters say the same.
const COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377", "#66ccee", "#ee8866", "#999999"];

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const letter = (number) => (number === null || number === undefined ? "" : LETTERS[number] || String(number + 1));
const colour = (number) => COLOURS[number % COLOURS.length];

// Four significant digits; a minus sign rather than a hyphen.
function figure(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? size.toExponential(digits - 1) : String(Number(size.toPrecision(digits)));
  return value < 0 ? `−${text}` : text;
}
const percent = (value) => `${Math.round(100 * value)} %`;
const chance = (p) => (p < 0.001 ? "p < .001" : `p = ${p.toFixed(3).replace(/^0/, "")}`);
const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

function moment(time, kind) {
  if (time === null || time === undefined) return "";
  if (kind !== "seconds") return figure(time, 12);
  const date = new Date(1000 * time);
  return Number.isNaN(date.getTime()) ? figure(time, 12) : date.toISOString().slice(0, 16).replace("T", " ");
}

// A date, or as much of it as is asked for; empty where times are not moments.
function dated(time, kind, parts = ["year", "month", "day"]) {
  const date = kind === "seconds" && time !== null && time !== undefined ? new Date(1000 * time) : null;
  if (!date || Number.isNaN(date.getTime())) return "";
  const forms = { year: "numeric", month: "short", day: "numeric" };
  return date.toLocaleDateString("en-GB", { ...Object.fromEntries(parts.map((part) => [part, forms[part]])), timeZone: "UTC" });
}

const chip = (number) =>
  number === null || number === undefined
    ? null
    : h("span", { class: "letter", style: { background: colour(number), color: ink(rgb(colour(number))) } }, letter(number));

function picture(of, size) {
  if (!of || !of.picture) return null;
  return h("img", { src: of.picture, alt: "", loading: "lazy", referrerpolicy: "no-referrer", width: size, onerror: (event) => event.target.remove() });
}

// --- Colours ----------------------------------------------------------------------------------------------------------

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const paper = () => (dark() ? [22, 24, 28] : [255, 255, 255]);
const mixed = (one, other, part) => one.map((value, at) => Math.round(part * value + (1 - part) * other[at]));
const css = (parts) => `rgb(${parts.join(" ")})`;

// Black or white, whichever is the easier to read on a colour: at least 4.5 to 1.
function ink(parts) {
  const [r, g, b] = parts.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

// --- Tables -----------------------------------------------------------------------------------------------------------

const cell = (value) => (typeof value === "number" ? figure(value) : value === null || value === undefined ? "" : String(value));

function asCsv(heads, rows) {
  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [heads, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h("textarea", { class: "hidden", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    done = document.execCommand("copy");
    field.remove();
    button.focus();
  }
  const before = button.textContent;
  button.textContent = done ? "Copied" : "The browser forbids it";
  say(button.textContent);
  setTimeout(() => (button.textContent = before), 1500);
}

// A table that is made when it is opened, with a button that copies it.
function tableOf(title, heads, rows) {
  const details = h("details", { class: "table" }, h("summary", {}, title));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("table")) return;
    const made = rows();
    const body = made.map((row) => h("tr", {}, row.map((value) => h("td", typeof value === "number" ? { class: "number" } : {}, cell(value)))));
    const head = h("tr", {}, heads.map((name, at) => h("th", { scope: "col", class: made.length && typeof made[0][at] === "number" ? "number" : null }, name)));
    const button = h("button", { type: "button", class: "quiet", onclick: () => copy(asCsv(heads, made), button) }, "Copy as CSV");
    details.append(
      h("div", { class: "wide", tabindex: "0", role: "group", "aria-label": title },
        h("table", {}, h("thead", {}, head), h("tbody", {}, body))),
      button,
    );
  });
  return details;
}

function say(text) {
  document.getElementById("said").textContent = text;
}
