import { fill } from "../site.js";
import { Refused } from "./api.js";
import { Calipers } from "./calipers.js";
import { CHOICES, isSmallScreen, recall, remember } from "./choices.js";
import { EvidencePanel } from "./panel.js";
import { bindFullScreen } from "./full_screen.js";
import { drawMarks, isSeen } from "./marks.js";
import { drawMoments, drawNames } from "./overlay.js";
import { arrange, clock, lettersAt, makeRoom, sheetSeconds } from "./paper.js";
import { drawCalibration, drawFoot, drawGrid } from "./paper.js";
import { Samples } from "./samples.js";
import { drawTraces, reach, shownLeads } from "./traces.js";
import { Zoom } from "./zoom.js";

const MOST_ROOM_MM = { screen: { above: 40, below: 40 }, print: { above: 5, below: 0 } };
const SLIDER_WAIT_MS = 120;
const SMALL_ZOOM = 0.6; // below it there is no room for fine lines
const MOST_THICK = 2; // how much thicker traces are there

const byId = (id) => document.getElementById(id);
const isStopped = (error) => error.name === "AbortError";

/** The tracing of one record on ECG paper, with its calipers, its evidence and the marks of its waves. */
export class Viewer {
  constructor(about, words, loadBeat) {
    Object.assign(this, { about, words, choices: recall(), startS: 0, isPrint: false });
    Object.assign(this, { loadBeat, beat: null });
    this.isLong = about.duration_s >= 60;
    this.svg = byId("ecg");
    this.title = byId("ecg-title");
    this.scroller = byId("paper-scroll");
    this.samples = new Samples(`${about.api}/samples.npy`, about.fs_hz, about.duration_s);
    this.section = byId("viewer");
    const isTight = () => isSmallScreen() || this.section.classList.contains("is-full");
    this.zoom = new Zoom(this.scroller, this.svg, byId("zoom-value"), isTight);
    this.zoom.changed = () => this.draw();
    this.evidence = new EvidencePanel(about, words, () => this.draw());
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
    on("evidence-go", "click", () => this.go(this.evidence.startS));
    on("rhythm", "change", (event) => this.choose("rhythm", event.target.value));
    on("tools-toggle", "click", () => this.openTools(byId("tools-toggle").getAttribute("aria-expanded") !== "true"));
    bindFullScreen(byId("full-screen"), this.section, (isFull) => this.zoom.fit(isFull ? "fill" : "auto"));
    window.addEventListener("resize", () => this.resize());
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
    remember(this.choices);
    if (key === "layout" && this.zoom.mode === "own") this.zoom.mode = "auto";
    this.show();
  }

  /** The next lead in the strip under three rows of four. */
  nextRhythm() {
    const place = CHOICES.rhythm.indexOf(this.choices.rhythm) + 1;
    if (this.choices.layout === "3x4") this.choose("rhythm", CHOICES.rhythm[place % CHOICES.rhythm.length]);
  }

  openTools(isOpen) {
    byId("tools-toggle").setAttribute("aria-expanded", String(isOpen));
    byId("tools").classList.toggle("is-open", isOpen);
    this.resize();
  }

  resize() {
    cancelAnimationFrame(this.resizing);
    this.resizing = requestAnimationFrame(() => {
      if (this.zoom.mode !== "own" && !this.isPrint) this.draw();
    });
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

  /** The part that is shown, in words, and the whole of it. */
  part(lengthS) {
    const [from, to] = [this.startS, lengthS + this.startS].map((time) => clock(time, this.isLong, this.words));
    return { from, to };
  }

  get all() {
    return clock(this.about.duration_s, this.isLong, this.words);
  }

  tellTime() {
    const { from, to } = this.part(this.pageS);
    const slider = byId("time-slider");
    const told = fill(this.words.from_to_of, { from, to, all: this.all });
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

  /** The sheet for what is to be seen, with room for its waves. */
  arrange(shown, lengthS, evidence, letters) {
    const { fsHz } = this.samples;
    const wanted = { ...this.choices, isPrint: this.isPrint, hasStrip: evidence !== null, letters };
    const sheet = arrange(wanted, this.startS, lengthS);
    const last = sheet.bases.length - 1;
    const most = MOST_ROOM_MM[this.isPrint ? "print" : "screen"];
    makeRoom(sheet, reach(sheet, shown, 0, fsHz).up, reach(sheet, shown, last, fsHz).down, most);
    return sheet;
  }

  /** Draws the sheet from the samples that are held. */
  draw() {
    if (!this.samples.part) return;
    const begun = performance.now();
    const { words } = this;
    const lengthS = this.pageS;
    const shown = shownLeads(this.samples.part, this.startS, lengthS);
    const { fsHz } = this.samples;
    const evidence = this.evidence.shown;
    this.tellMarks();
    let sheet = this.arrange(shown, lengthS, evidence, 1);
    if (!this.isPrint) {
      this.zoom.adapt(sheet);
      const letters = lettersAt(this.zoom.value);
      if (letters > 1) sheet = this.arrange(shown, lengthS, evidence, letters);
      this.zoom.adapt(sheet);
    }
    const zoom = this.isPrint ? 1 : this.zoom.value;
    const isMarked = this.isMarked && this.beat !== null;
    const layers = [drawGrid(sheet)];
    if (isMarked) layers.push(drawMarks(sheet, this.beat, this.about.measured));
    layers.push(drawNames(sheet, shown, fsHz, evidence?.leads, words));
    if (evidence) layers.push(drawMoments(sheet, evidence.windows));
    layers.push(drawFoot(sheet, this.isLong, words), drawCalibration(sheet), drawTraces(sheet, shown, fsHz));
    this.svg.setAttribute("viewBox", `0 0 ${sheet.width} ${sheet.height}`);
    this.svg.classList.toggle("is-small", zoom < SMALL_ZOOM);
    this.svg.style.setProperty("--thick", Math.min(MOST_THICK, Math.max(1, 0.8 / zoom)).toFixed(2));
    this.svg.replaceChildren(this.title, ...layers);
    this.zoom.size(sheet, zoom);
    this.calipers.lay(sheet);
    this.describe(lengthS, evidence, isMarked);
    this.tellBeats(sheet, isMarked);
    this.svg.dataset.drawnMs = (performance.now() - begun).toFixed(1);
  }

  /** The legend of the marks. */
  tellMarks() {
    byId("marks").hidden = !this.isMarked;
    byId("marks-toggle")?.setAttribute("aria-pressed", String(this.isMarked));
  }

  /** Where the beats that have marks lie, if none is seen. */
  tellBeats(sheet, isMarked) {
    byId("marks-part").hidden = !isMarked || isSeen(sheet, this.beat);
    if (!isMarked) return;
    const [from, to] = [this.beat.at_s.at(0), this.beat.at_s.at(-1)].map((time) => clock(time, this.isLong, this.words));
    byId("marks-part-text").textContent = fill(this.words.marks_part, { from, to });
  }

  describe(lengthS, evidence, isMarked) {
    const { choices, words } = this;
    for (const key of Object.keys(CHOICES)) {
      for (const button of document.querySelectorAll(`[data-${key}]`)) {
        button.setAttribute("aria-pressed", String(button.dataset[key] === String(choices[key])));
      }
    }
    byId("rhythm").value = choices.rhythm;
    byId("rhythm").disabled = choices.layout !== "3x4";
    const { from, to } = this.part(lengthS);
    const layout = fill(words.layouts[choices.layout], { lead: choices.rhythm });
    let told = fill(words.seen, { from, to, speed: choices.speed, gain: choices.gain, layout });
    told += `. ${words.headline}.`;
    if (evidence) told += ` ${fill(words.seen_evidence, { output: this.evidence.name })}`;
    if (isMarked) told += ` ${words.seen_marks}`;
    this.title.textContent = told;
    const isWhole = lengthS >= this.about.duration_s - 0.05;
    const shown = isWhole ? this.all : fill(words.from_to_of, { from, to, all: this.all });
    const settings = `${fill(words.scale, choices)}, ${words.unfiltered}; ${shown}`;
    for (const id of ["paper-settings", "paper-caption"]) byId(id).textContent = settings;
  }

  /** Draws for A4 in true millimetres, and for the screen again. */
  print(isPrint) {
    if (this.isPrint === isPrint) return;
    this.isPrint = isPrint;
    this.draw();
  }
}
