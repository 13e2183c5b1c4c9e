const WORDS = JSON.parse(document.body.dataset.words);
export const LANGUAGE = document.documentElement.lang;
const NAMES = { mi: "infarction", norm: "no infarction", "": "undecided" };
const clockFormat = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** A text in the page's language, with its places filled in. */
export function say(text, values = {}) {
  return (WORDS[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The name of a class, of a site or of no class. */
export const className = (name) => say(NAMES[name ?? ""] ?? name);

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
export const percent = (share) => `${number(100 * share)}\u00a0%`;
export const clock = (seconds) => clockFormat.format(new Date(1000 * seconds));

/** An element with a class, and children; a text becomes text and never markup. */
export function make(tag, name = "", ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

/** Sets a text where it is another, so that nothing is read out twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** How grave a state is, as the order of the list has it. */
export const RANKS = ["alarm", "unusual", "undecided", "quiet"];
const CALM = ["no infarction", "sinus rhythm", "normal", "norm"];
export function rankOf(label) {
  if (label === null || label === undefined || label === "") return "undecided";
  if (label === "infarction") return "alarm";
  return CALM.includes(label) ? "quiet" : "unusual";
}

/** A canvas of the size at which it is shown, and its context in CSS pixels. */
export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** A colour of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
