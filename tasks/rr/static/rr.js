/* The page of RR intervals: files go in one request, whose answer is put into this page and is nowhere else. */
import { bytesOf, Sending } from "../../static/sending.js";
import { fill, readWords } from "../../static/site.js";
import { Chart, clock } from "./chart.js";
import { intervalsTable, PARTS, runsOf, runsTable } from "./study.js";

const KINDS = { "intervals.csv": "text/csv", "runs.csv": "text/csv", "rr.json": "application/json" };
const words = readWords();
const byId = (id) => document.getElementById(id);

const number = (value, digits = 0) =>
  value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });

class View {
  constructor(answer) {
    this.answer = answer;
    this.kind = "marked";
    this.study = answer.studies[0];
    this.chart = new Chart(byId("rr-chart"), () => this.moved(), (at) => this.tell(at), words);
    byId("rr-viewer").hidden = byId("rr-runs-card").hidden = byId("rr-files").hidden = false;
    for (const [index, study] of answer.studies.entries()) byId("rr-study").append(new Option(study.id, index));
    this.listen();
    this.reset();
  }

  listen() {
    const on = (id, event, act) => byId(id).addEventListener(event, act);
    on("rr-study", "change", (event) => {
      this.study = this.answer.studies[Number(event.target.value)];
      this.update();
    });
    on("rr-threshold", "input", () => this.update());
    on("rr-every", "change", (event) => {
      this.kind = event.target.checked ? "every" : "marked";
      this.toShipped();
    });
    on("rr-reset", "click", () => this.reset());
    on("rr-in", "click", () => this.chart.zoom(1 / 2));
    on("rr-out", "click", () => this.chart.zoom(2));
    on("rr-all", "click", () => this.chart.go(0, this.study.x.length));
    on("rr-earlier", "click", () => this.chart.go(this.chart.first - this.chart.shown / 2));
    on("rr-later", "click", () => this.chart.go(this.chart.first + this.chart.shown / 2));
    on("rr-slider", "input", (event) => this.chart.go(Number(event.target.value)));
    on("rr-previous", "click", () => this.step(-1));
    on("rr-next", "click", () => this.step(1));
    for (const button of document.querySelectorAll("[data-file]")) button.addEventListener("click", () => this.keep(button.dataset.file));
  }

  reset() {
    this.kind = "marked";
    byId("rr-every").checked = false;
    this.toShipped();
  }

  /** The slider stands at the whole percent that is next to the detector's own threshold, which counts until it is moved. */
  toShipped() {
    this.shippedPercent = Math.round(100 * this.answer.thresholds[this.kind]);
    byId("rr-threshold").value = this.shippedPercent;
    this.update();
  }

  get isMoved() {
    return Number(byId("rr-threshold").value) !== this.shippedPercent;
  }

  get isShipped() {
    return !this.isMoved && this.kind === "marked";
  }

  /** In parts of one. */
  get threshold() {
    return this.isMoved ? (PARTS / 100) * Number(byId("rr-threshold").value) : PARTS * this.answer.thresholds[this.kind];
  }

  update() {
    const told = this.study[this.kind];
    this.runs = runsOf(told, this.threshold);
    const percent = `${number(Number(byId("rr-threshold").value))} %`;
    byId("rr-threshold-told").textContent = percent;
    byId("rr-threshold").setAttribute("aria-valuetext", percent);
    const anomalies = this.runs.reduce((sum, run) => sum + run.n, 0);
    byId("rr-chart-name").textContent = fill(words.counts, {
      n: number(told.length), anomalies: number(anomalies), runs: number(this.runs.length), errors: number(this.study.errors.length),
    });
    byId("rr-notes").hidden = this.study.notes.length === 0;
    byId("rr-notes").replaceChildren(...this.study.notes.map(noteOf));
    byId("rr-reset").disabled = this.isShipped;
    const moved = fill(words.asMoved, { threshold: byId("rr-threshold").value });
    byId("rr-files-told").textContent = this.isShipped ? words.asWritten : moved;
    this.listRuns();
    this.chart.show(this.study, told, this.threshold, this.runs);
    this.tell(-1);
  }

  listRuns() {
    byId("rr-none").hidden = this.runs.length > 0;
    byId("rr-table").hidden = this.runs.length === 0;
    const rows = this.runs.map((run) => {
      const row = document.createElement("tr");
      const button = Object.assign(document.createElement("button"), { type: "button", className: "rr-link" });
      button.textContent = clock(this.study.time[run.first]);
      button.addEventListener("click", () => this.see(run));
      const cells = [button, clock(this.study.time[run.first + run.n - 1]), number(run.n), `${number(100 * run.mean)} %`];
      for (const each of cells) row.insertCell().append(each);
      return row;
    });
    byId("rr-runs").replaceChildren(...rows);
    byId("rr-previous").disabled = byId("rr-next").disabled = this.runs.length === 0;
  }

  see(run) {
    const shown = Math.min(this.chart.shown, Math.max(120, 2 * run.n));
    this.chart.go(run.first + run.n / 2 - shown / 2, shown);
    byId("rr-chart").focus();
  }

  /** To the next run whose middle lies past the middle of what is seen. */
  step(side) {
    const middle = this.chart.first + this.chart.shown / 2;
    const inOrder = side > 0 ? this.runs : [...this.runs].reverse();
    const next = inOrder.find((run) => side * (run.first + run.n / 2 - middle) > 1);
    this.see(next ?? inOrder[0]);
  }

  moved() {
    const slider = byId("rr-slider");
    slider.max = this.chart.lastFirst;
    slider.value = this.chart.first;
    slider.disabled = byId("rr-earlier").disabled = byId("rr-later").disabled = this.chart.lastFirst === 0;
    slider.setAttribute("aria-valuetext", clock(this.study.time[this.chart.first]));
  }

  tell(at) {
    if (at < 0) {
      byId("rr-told").textContent = "";
      return;
    }
    const told = { time: clock(this.study.time[at]), x: number(this.study.x[at]), p: number((100 * this.study[this.kind][at]) / PARTS, 1) };
    const isError = this.study.errors.includes(at);
    byId("rr-told").textContent = fill(words.point, told) + (isError ? `, ${words.error}` : "");
  }

  keep(name) {
    const make = { "intervals.csv": intervalsTable, "runs.csv": runsTable }[name];
    const isOurs = make && !this.isShipped;
    const content = isOurs ? make(this.answer.studies, this.kind, this.threshold) : bytesOf(this.answer.files[name]);
    const percent = byId("rr-threshold").value;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: KINDS[name] }));
    link.download = isOurs ? name.replace(".csv", `_at_${percent}_percent${this.kind === "every" ? "_every" : ""}.csv`) : name;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

/** A note, marked where it is not in the page's language. */
function noteOf({ text, lang }) {
  const item = Object.assign(document.createElement("li"), { textContent: text });
  if (lang) item.lang = lang;
  return item;
}

/** Draws what the answer in the page holds. */
function show() {
  const block = byId("rr-data");
  if (!block) return;
  const answer = JSON.parse(block.textContent);
  block.remove();
  new View(answer);
}

new Sending("rr", words, show, "sample");
show();
