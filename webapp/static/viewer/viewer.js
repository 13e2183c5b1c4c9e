import { fill } from "../site.js";
import { Refused } from "./api.js";
import { Calipers } from "./calipers.js";
import { drawMarks, isSeen } from "./marks.js";
import { drawMoments, drawWeights, fetchEvidence, fillTable, span } from "./overlay.js";
import { arrange, clock, LAYOUTS, makeRoom, sheetSeconds } from "./paper.js";
import { drawCalibration, drawFoot, drawGrid, drawNames } from "./paper.js";
import { Samples } from "./samples.js";
import { fillSigns } from "./signs.js";
import { drawTraces, reach, shownLeads } from "./traces.js";
import { Zoom } from "./zoom.js";

const CHOICES = { layout: Object.keys(LAYOUTS), speed: [25, 50], gain: [5, 10, 20], marks: [false, true] };
const REMEMBERED = "viewer";
const MOST_ROOM_MM = { screen: { above: 40, below: 40 }, print: { above: 5, below: 0 } };
const SLIDER_WAIT_MS = 120;

const byId = (id) => document.getElementById(id);
const isStopped = (error) => error.name === "AbortError";

/** The choices of an earlier visit, as far as they are still ones. */
function remembered() {
  const choices = { layout: "3x4", speed: 25, gain: 10, marks: false };
  try {
    const stored = JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
    for (const key of Object.keys(choices)) if (CHOICES[key].includes(stored[key])) choices[key] = stored[key];
  } catch {
    // no storage, or not ours: the usual choices
  }
  return choices;
}

/** The tracing of one record on ECG paper, with its calipers, its evidence and the marks of its waves. */
export class Viewer {
  constructor(about, words, loadBeat) {
    Object.assign(this, { about, words, choices: remembered(), startS: 0, isPrint: false });
    Object.assign(this, { loadBeat, beat: null });
    Object.assign(this, { evidence: null, isEvidenceOn: false, output: "mi", asking: null });
    this.isLong = about.duration_s >= 60;
    this.svg = byId("ecg");
    this.title = byId("ecg-title");
    this.scroller = byId("paper-scroll");
    this.samples = new Samples(`${about.api}/samples.npy`, about.fs_hz, about.duration_s);
    this.zoom = new Zoom(this.scroller, this.svg, byId("zoom-value"));
    const parts = { element: byId("caliper"), drawing: byId("caliper-drawing"), readout: byId("caliper-readout") };
    this.calipers = new Calipers({ ...parts, live: byId("caliper-live"), scroller: this.scroller }, words);
    this.scroller.addEventListener("zoomed", () => this.calipers.show());
    this.bind();
  }

  get pageS() {
    return sheetSeconds(this.about.duration_s, this.choices.speed, this.isPrint);
  }

  get lastStartS() {
    return Math.max(0, this.about.duration_s - sheetSeconds(this.about.duration_s, this.choices.speed, false));
  }

  bind() {
    const on = (id, event, act) => byId(id).addEventListener(event, act);
    for (const key of Object.keys(CHOICES)) {
      for (const button of document.querySelectorAll(`[data-${key}]`)) {
        const value = key === "layout" ? button.dataset[key] : Number(button.dataset[key]);
        button.addEventListener("click", () => this.choose(key, value));
      }
    }
    on("zoom-in", "click", () => this.zoom.in());
    on("zoom-out", "click", () => this.zoom.out());
    on("zoom-value", "click", () => this.zoom.set(1));
    on("zoom-fit", "click", () => this.zoom.fit());
    on("mode-pan", "click", () => this.measure(false));
    on("mode-caliper", "click", () => this.measure(!this.calipers.isOn));
    on("caliper-march", "click", () => this.march());
    on("evidence-toggle", "click", () => this.toggleEvidence());
    on("evidence-output", "change", (event) => this.chooseOutput(event.target.value));
    on("evidence-go", "click", () => this.go(span(this.evidence[this.output].windows).startS));
    byId("marks-toggle")?.addEventListener("click", () => this.toggleMarks());
    on("marks-go", "click", () => this.go(this.beat.at_s[0] - 1));
    on("samples-again", "click", () => this.show());
    on("earlier", "click", () => this.go(this.startS - this.pageS));
    on("later", "click", () => this.go(this.startS + this.pageS));
    on("time-slider", "input", (event) => this.slide(Number(event.target.value)));
    for (const button of document.querySelectorAll("[data-go-s]")) {
      button.addEventListener("click", () => this.go(Number(button.dataset.goS) - 1));
    }
    byId("time-bar").hidden = this.lastStartS <= 0;
    byId("time-slider").max = this.lastStartS;
  }

  choose(key, value) {
    this.choices[key] = value;
    try {
      localStorage.setItem(REMEMBERED, JSON.stringify(this.choices));
    } catch {
      // nothing to remember with
    }
    this.show();
  }

  measure(isOn) {
    this.calipers.turn(isOn);
    this.zoom.isPanning = !isOn;
    byId("mode-pan").setAttribute("aria-pressed", String(!isOn));
    byId("mode-caliper").setAttribute("aria-pressed", String(isOn));
    byId("caliper-march").hidden = !isOn;
    byId("caliper-help").hidden = !isOn;
    this.scroller.classList.toggle("is-panning", !isOn);
  }

  march() {
    const isOn = !this.calipers.isMarching;
    byId("caliper-march").setAttribute("aria-pressed", String(isOn));
    this.calipers.march(isOn);
  }

  slide(startS) {
    clearTimeout(this.sliding);
    this.startS = startS;
    this.tellTime();
    this.sliding = setTimeout(() => this.show(), this.samples.holds(startS, this.pageS) ? 0 : SLIDER_WAIT_MS);
  }

  go(startS) {
    this.startS = Math.min(this.lastStartS, Math.max(0, Math.round(startS * 10) / 10));
    return this.show();
  }

  tellTime() {
    const [from, to] = [this.startS, this.startS + this.pageS].map((time) => clock(time, this.isLong));
    const slider = byId("time-slider");
    const told = fill(this.words.from_to, { from, to });
    slider.value = this.startS;
    slider.setAttribute("aria-valuetext", told);
    byId("time-shown").textContent = told;
    byId("earlier").disabled = this.startS <= 0;
    byId("later").disabled = this.startS >= this.lastStartS;
  }

  /** Fetches what is to be seen where it is not held, and draws it. */
  async show() {
    this.startS = Math.min(this.startS, this.lastStartS);
    this.tellTime();
    if (!this.samples.holds(this.startS, this.pageS)) {
      this.scroller.setAttribute("aria-busy", "true");
      try {
        await this.samples.fetch(this.startS, this.pageS);
      } catch (error) {
        if (!isStopped(error)) this.fail(error);
        return;
      }
      this.scroller.setAttribute("aria-busy", "false");
    }
    byId("samples-error").hidden = true;
    this.scroller.hidden = false;
    this.draw();
    if (this.isMarked && !this.beat) this.fetchMarks();
  }

  get isMarked() {
    return this.choices.marks && this.about.measured !== null;
  }

  toggleMarks() {
    if (this.about.measured) this.choose("marks", !this.choices.marks);
  }

  async fetchMarks() {
    let beat = null;
    try {
      beat = await this.loadBeat();
    } catch {
      // said below
    }
    byId("marks-error").hidden = beat !== null;
    byId("marks-error").textContent = beat === null ? this.words.beat_failed : "";
    if (beat === null) return;
    this.beat = beat;
    this.draw();
  }

  fail(error) {
    this.scroller.setAttribute("aria-busy", "false");
    this.scroller.hidden = true;
    byId("samples-error").hidden = false;
    byId("samples-error-text").textContent = (error instanceof Refused && error.detail) || this.words.samples_failed;
  }

  /** Draws the sheet from the samples that are held. */
  draw() {
    if (!this.samples.part) return;
    const begun = performance.now();
    const { words, choices } = this;
    const lengthS = this.pageS;
    const sheet = arrange({ ...choices, isPrint: this.isPrint }, this.startS, lengthS);
    const shown = shownLeads(this.samples.part, this.startS, lengthS);
    const { fsHz } = this.samples;
    const last = sheet.bases.length - 1;
    const most = MOST_ROOM_MM[this.isPrint ? "print" : "screen"];
    makeRoom(sheet, reach(sheet, shown, 0, fsHz).up, reach(sheet, shown, last, fsHz).down, most);
    const evidence = this.isEvidenceOn && this.evidence ? this.evidence[this.output] : null;
    const isMarked = this.isMarked && this.beat !== null;
    const layers = [drawGrid(sheet)];
    if (isMarked) layers.push(drawMarks(sheet, this.beat, this.about.measured));
    layers.push(drawNames(sheet));
    if (evidence) layers.push(drawMoments(sheet, evidence.windows), drawWeights(sheet, evidence.leads, words));
    layers.push(drawFoot(sheet, this.isLong), drawCalibration(sheet), drawTraces(sheet, shown, fsHz));
    this.svg.setAttribute("viewBox", `0 0 ${sheet.width} ${sheet.height}`);
    this.svg.replaceChildren(this.title, ...layers);
    this.zoom.size(sheet, this.isPrint ? 1 : this.zoom.value);
    this.calipers.lay(sheet);
    this.describe(lengthS, evidence, isMarked);
    this.tellMarks(sheet, isMarked);
    this.svg.dataset.drawnMs = (performance.now() - begun).toFixed(1);
  }

  /** The legend of the marks, and where the beats that have any lie if none is seen. */
  tellMarks(sheet, isMarked) {
    byId("marks").hidden = !this.isMarked;
    byId("marks-toggle")?.setAttribute("aria-pressed", String(this.isMarked));
    byId("marks-part").hidden = !isMarked || isSeen(sheet, this.beat);
    if (!isMarked) return;
    const [from, to] = [this.beat.at_s.at(0), this.beat.at_s.at(-1)].map((time) => clock(time, this.isLong));
    byId("marks-part-text").textContent = fill(this.words.marks_part, { from, to });
  }

  describe(lengthS, evidence, isMarked) {
    const { choices, words } = this;
    for (const key of Object.keys(CHOICES)) {
      for (const button of document.querySelectorAll(`[data-${key}]`)) {
        button.setAttribute("aria-pressed", String(button.dataset[key] === String(choices[key])));
      }
    }
    const [from, to] = [this.startS, this.startS + lengthS].map((time) => clock(time, this.isLong));
    const filled = { from, to, speed: choices.speed, gain: choices.gain, layout: words.layouts[choices.layout] };
    let told = fill(words.seen, filled);
    told += `. ${words.headline}.`;
    const [option] = byId("evidence-output").selectedOptions;
    if (evidence) told += ` ${fill(words.seen_evidence, { output: option.textContent })}`;
    if (isMarked) told += ` ${words.seen_marks}`;
    this.title.textContent = told;
    const settings = `${choices.speed} mm/s, ${choices.gain} mm/mV`;
    byId("paper-settings").textContent = `${settings}, ${fill(words.from_to, { from, to })}`;
  }

  /** Draws for A4 in true millimetres, and for the screen again. */
  print(isPrint) {
    if (this.isPrint === isPrint) return;
    this.isPrint = isPrint;
    this.draw();
  }

  async toggleEvidence() {
    this.isEvidenceOn = !this.isEvidenceOn;
    byId("evidence-toggle").setAttribute("aria-pressed", String(this.isEvidenceOn));
    byId("evidence").hidden = !this.isEvidenceOn;
    if (!this.isEvidenceOn) {
      this.asking?.abort();
      this.draw();
      return;
    }
    if (!this.evidence) {
      byId("evidence-status").textContent = this.words.evidence_running;
      byId("evidence-error").hidden = true;
      this.asking = new AbortController();
      try {
        const url = `${this.about.api}/evidence?language=${document.documentElement.lang}`;
        this.evidence = await fetchEvidence(url, this.asking.signal);
      } catch (error) {
        if (!isStopped(error)) this.failEvidence(error);
        return;
      }
      for (const option of byId("evidence-output").options) {
        option.hidden = option.disabled = !(option.value in this.evidence);
      }
    }
    byId("evidence-status").textContent = "";
    if (!Object.keys(this.evidence).length) {
      this.evidence = null;
      this.failEvidence(new Error("no output"));
      return;
    }
    this.chooseOutput(this.output in this.evidence ? this.output : Object.keys(this.evidence)[0]);
  }

  failEvidence(error) {
    byId("evidence-status").textContent = "";
    byId("evidence-error").hidden = false;
    byId("evidence-error").textContent = (error instanceof Refused && error.detail) || this.words.evidence_failed;
  }

  chooseOutput(output) {
    const { words } = this;
    this.output = output;
    byId("evidence-output").value = output;
    byId("evidence-shown").hidden = false;
    const { leads, windows, measurements } = this.evidence[output];
    fillTable(byId("evidence-rows"), leads, words);
    fillSigns(byId("evidence-signs"), byId("signs"), measurements, words);
    const { startS, endS, most, least } = span(windows);
    const filled = {
      high: most.probability.toFixed(2),
      high_from: clock(most.startS, this.isLong),
      low: least.probability.toFixed(2),
      low_from: clock(least.startS, this.isLong),
    };
    byId("evidence-moments").textContent = fill(words.moments, filled);
    const isWhole = startS <= 0.05 && endS >= this.about.duration_s - 0.3;
    byId("evidence-part").hidden = isWhole;
    const [from, to] = [startS, endS].map((time) => clock(time, this.isLong));
    byId("evidence-part-text").textContent = fill(words.evidence_part, { from, to });
    this.draw();
  }
}
