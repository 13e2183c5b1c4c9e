import { className, LANGUAGE, make, number, percent, RANKS, say, setText } from "./words.js";

/** The patients, the gravest first: infarctions, other findings, those without a decision, the quiet. */
export class List {
  constructor(element, choose) {
    this.element = element;
    this.rows = new Map();
    this.items = new Map();
    this.announced = null;
    this.filter = document.getElementById("filter");
    this.filter.addEventListener("input", () => this.arrange());
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) choose(button.patient);
    });
  }

  row(patient) {
    return this.rows.get(patient) ?? null;
  }

  /** Forget the rows, but keep what is drawn of them until the next ones are known. */
  clear() {
    this.rows.clear();
  }

  take(rows, gone) {
    for (const name of gone) this.rows.delete(name);
    for (const row of rows) this.rows.set(row.patient, row);
    for (const [name, item] of this.items) {
      if (this.rows.has(name)) continue;
      item.remove();
      this.items.delete(name);
    }
    for (const row of this.rows.values()) {
      if (!this.items.has(row.patient)) this.items.set(row.patient, newItem(row.patient));
      fill(this.items.get(row.patient), row);
    }
    this.arrange();
  }

  /** Show what the filter lets through, in order; whoever has the focus keeps it. */
  arrange() {
    const sought = this.filter.value.trim().toLowerCase();
    const order = [...this.rows.values()].sort(compare);
    let shown = 0;
    const focused = document.activeElement;
    let place = this.element.firstElementChild;
    for (const row of order) {
      const item = this.items.get(row.patient);
      item.hidden = sought !== "" && !`${row.patient} ${className(row.label)} ${row.sites.map(className).join(" ")}`.toLowerCase().includes(sought);
      shown += item.hidden ? 0 : 1;
      if (item === place) place = place.nextElementSibling;
      else this.element.insertBefore(item, place);
    }
    if (focused !== document.activeElement && this.element.contains(focused)) focused.focus({ preventScroll: true });
    const count = sought === "" ? number(order.length) : say("{n} of {all}", { n: number(shown), all: number(order.length) });
    setText(document.getElementById("patients-count"), order.length ? count : "");
    const empty = document.getElementById("rows-empty");
    empty.hidden = shown > 0;
    setText(empty, order.length ? say("No patient fits the filter.") : say("No patient yet."));
  }

  select(patient) {
    for (const [name, item] of this.items) {
      const button = item.firstElementChild;
      if (name === patient) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  first() {
    return this.element.querySelector("li:not([hidden]) button")?.patient ?? null;
  }

  alarms() {
    return [...this.rows.values()].filter((row) => row.rank === 0).map((row) => row.patient);
  }

  /** Patients with an infarction who had none when this was last asked; none at first. */
  freshAlarms() {
    const alarms = this.alarms();
    const fresh = this.announced === null ? [] : alarms.filter((name) => !this.announced.has(name));
    this.announced = new Set(alarms);
    return fresh;
  }
}

function compare(one, other) {
  return one.rank - other.rank || (other.since_s ?? 0) - (one.since_s ?? 0) || one.patient.localeCompare(other.patient, undefined, { numeric: true });
}

function newItem(patient) {
  const button = make("button", "", make("span", "row-name", patient), make("span", "state"), make("span", "row-probability"), make("span", "row-remark"));
  button.type = "button";
  button.patient = patient;
  return make("li", "", button);
}

function fill(item, row) {
  const [, state, probability, remark] = item.firstElementChild.children;
  showState(state, row);
  setText(probability, row.probability === null ? "" : percent(row.probability));
  probability.title = row.class === null ? "" : say("Probability: {name}", { name: className(row.class) });
  showRemark(remark, row);
  item.dataset.rank = RANKS[row.rank];
  item.dataset.silent = row.silent || row.ended;
}

/** The steady state in words, with the sites; and its colour. */
export function showState(element, row) {
  const sites = row.sites.length ? `: ${row.sites.map(className).join(", ")}` : "";
  setText(element, `${className(row.label)}${sites}${row.steady ? "" : ` (${say("not steady")})`}`);
  element.dataset.rank = RANKS[row.rank];
}

/** What stands in the way of a decision, or of the stream; the pipeline's own sentences are English. */
export function showRemark(element, row) {
  setText(element, remarkOn(row));
  element.lang = row.ended || row.silent ? LANGUAGE : "en";
}

export function remarkOn(row) {
  if (row.ended) return say("The stream has ended.");
  if (row.silent) return say("Nothing comes from this patient.");
  if (row.refused !== null) return row.refused;
  return row.quality ?? "";
}
