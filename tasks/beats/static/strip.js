/* The leads of a recording on ECG paper, every beat with its letter, and the ways from one to the next. */
import { fill } from "../../static/site.js";
import {
  clock, drawCalibration, drawFoot, drawGrid, drawName, make, makeRoom, NAME_MM, nameLevel, placeOf, textSize,
} from "../../static/viewer/paper.js";
import { drawTraces, median, reach } from "../../static/viewer/traces.js";
import { Zoom } from "../../static/viewer/zoom.js";

export const LETTERS = ["N", "S", "V", "F", "Q"];
const SHOWN_S = 10;
const [LEFT_MM, RIGHT_MM, LETTERS_MM, ROW_MM, FOOT_MM] = [15, 8, 10, 30, 10];
const MOST_ROOM_MM = { above: 40, below: 40 };
const BAND_S = 0.16;
const KEYS = { v: "V", s: "S", r: "run", м: "V", ы: "S", к: "run" }; // and where a Russian keyboard has them
const byId = (id) => document.getElementById(id);

/** The leads' names, each at the beginning of its row. */
function drawNames(sheet) {
  const named = ({ lead, x, ...cell }) => {
    const place = { x: x + 1.5, y: nameLevel(sheet, cell), isFree: true };
    return drawName(lead, { letters: sheet.letters, ...textSize(lead, NAME_MM) }, place);
  };
  return make("g", { class: "names" }, ...sheet.cells.map(named));
}

export class Strip {
  constructor(answer, words) {
    Object.assign(this, { answer, words, startS: 0, chosen: -1, speed: 25, gain: 10 });
    this.isLong = answer.duration_s >= 60;
    this.lengthS = Math.min(SHOWN_S, answer.duration_s);
    this.times = answer.beats.at_ms.map((ms) => ms / 1000);
    this.runs = answer.runs;
    const of = (letter) => answer.beats.classes.flatMap((each, beat) => (LETTERS[each] === letter ? [beat] : []));
    this.stops = { V: of("V"), S: of("S"), run: this.runs.map((run) => run.first) };
    this.zoom = new Zoom(byId("beats-scroll"), byId("beats-ecg"), byId("beats-zoom"));
  }

  get lastStartS() {
    return Math.max(0, this.answer.duration_s - this.lengthS);
  }

  start() {
    const on = (id, event, act) => byId(id).addEventListener(event, act);
    on("beats-zoom-in", "click", () => this.zoom.in());
    on("beats-zoom-out", "click", () => this.zoom.out());
    on("beats-zoom", "click", () => this.zoom.set(1));
    on("beats-earlier", "click", () => this.go(this.startS - this.lengthS));
    on("beats-later", "click", () => this.go(this.startS + this.lengthS));
    on("beats-slider", "input", (event) => this.go(Number(event.target.value)));
    on("beats-map", "click", (event) => {
      const box = byId("beats-map").getBoundingClientRect();
      this.go(((event.clientX - box.left) / box.width) * this.answer.duration_s - this.lengthS / 2);
    });
    for (const key of ["speed", "gain"]) {
      const buttons = [...document.querySelectorAll(`#beats-viewer [data-${key}]`)];
      for (const button of buttons) {
        button.addEventListener("click", () => {
          this[key] = Number(button.dataset[key]);
          for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
          this.draw();
        });
      }
    }
    for (const button of document.querySelectorAll("[data-jump]")) {
      const { jump, step } = button.dataset;
      button.disabled = !this.stops[jump].length;
      button.addEventListener("click", () => this.jump(jump, Number(step)));
    }
    byId("beats-time").hidden = this.lastStartS <= 0;
    byId("beats-map").toggleAttribute("hidden", this.lastStartS <= 0); // an SVG has no property of that name
    byId("beats-slider").max = this.lastStartS;
    this.drawMap();
    this.draw();
  }

  /** Of an answer that another has taken the place of. */
  end() {
    this.times = [];
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input:not([type=range]), select, textarea")) return;
    const kind = KEYS[event.key.toLowerCase()];
    const side = { "[": -1, "]": 1, х: -1, ъ: 1 }[event.key];
    if (kind) this.jump(kind, event.shiftKey ? -1 : 1);
    else if (side) this.go(this.startS + side * this.lengthS);
    else return;
    event.preventDefault();
  }

  /** To the next beat or run of a kind after, or before, the chosen one, else what is shown; round the ends. */
  jump(kind, step) {
    const stops = this.stops[kind];
    if (!stops.length) {
      byId("beats-told").textContent = this.words.none[kind];
      return;
    }
    const from = this.chosen >= 0 ? this.chosen : this.times.findIndex((time) => time >= this.startS) - 0.5;
    let stop = step > 0 ? stops.find((beat) => beat > from) : stops.findLast((beat) => beat < from);
    const isAround = stop === undefined;
    if (isAround) stop = step > 0 ? stops[0] : stops[stops.length - 1];
    this.choose(stop, isAround);
  }

  choose(beat, isAround = false) {
    this.chosen = beat;
    const run = this.runs.find((each) => each.first === beat);
    const lead = run ? Math.min(2, this.lengthS / 4) : this.lengthS / 2;
    this.startS = this.within(this.times[beat] - lead);
    this.draw();
    const told = [this.tellBeat(beat), ...(run ? [this.tellRun(run)] : []), ...(isAround ? [this.words.around] : [])];
    byId("beats-told").textContent = told.join(". ").replaceAll("..", ".");
    const scroller = byId("beats-scroll");
    const at = placeOf(this.sheet, this.times[beat]) / this.sheet.width;
    scroller.scrollLeft = at * scroller.scrollWidth - scroller.clientWidth / 2;
  }

  tellBeat(beat) {
    const { classes, percent } = this.answer.beats;
    const before = beat > 0 ? this.number(this.times[beat] - this.times[beat - 1], 2) : "–";
    const values = { letter: LETTERS[classes[beat]], time: this.clock(this.times[beat]), number: beat + 1 };
    return fill(this.words.beat, { ...values, total: classes.length, before, percent: percent[beat] });
  }

  tellRun({ beat, first, n, rate_bpm: rate }) {
    return fill(this.words.run, { letter: beat, n, time: this.clock(this.times[first]), rate });
  }

  /** A moment to the tenth of a second. */
  clock(timeS) {
    const tenths = Math.round(timeS * 10);
    return this.isLong ? `${clock(tenths / 10, true)}${this.words.decimal}${tenths % 10}` : `${this.number(timeS, 1)} ${this.words.seconds}`;
  }

  /** A moment where something begins or ends. */
  second(timeS) {
    return this.isLong ? clock(timeS, true) : `${String(Number(timeS.toFixed(1))).replace(".", this.words.decimal)} ${this.words.seconds}`;
  }

  number(value, digits) {
    return value.toFixed(digits).replace(".", this.words.decimal);
  }

  within(startS) {
    return Math.min(this.lastStartS, Math.max(0, Math.round(startS * 10) / 10));
  }

  go(startS) {
    this.startS = this.within(startS);
    this.chosen = -1;
    this.draw();
  }

  /** Indices of the beats between two moments, the second left out. */
  between(fromS, toS) {
    const at = (time) => {
      let [low, high] = [0, this.times.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.times[middle] < time) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    const first = at(fromS);
    return Array.from({ length: at(toS) - first }, (_, place) => first + place);
  }

  arrange() {
    const { answer, startS, lengthS, speed, gain } = this;
    const rowMm = gain > 10 ? ROW_MM + 10 : ROW_MM;
    const sheet = { speed, gain, startS, lengthS, rowMm, left: LEFT_MM, top: LETTERS_MM, cells: [], bases: [], foot: FOOT_MM, letters: 1 };
    answer.leads.forEach((lead, row) => {
      sheet.bases.push(LETTERS_MM + (row + 0.5) * rowMm);
      const span = { startS, endS: startS + lengthS, x: LEFT_MM, width: lengthS * speed };
      sheet.cells.push({ lead, row, ...span, isRhythm: true });
    });
    sheet.width = LEFT_MM + lengthS * speed + RIGHT_MM;
    sheet.height = LETTERS_MM + answer.leads.length * rowMm + FOOT_MM;
    return sheet;
  }

  /** What is shown of each lead in mV, and its median. */
  shown() {
    const { signals, leads, fs_hz: fsHz } = this.answer;
    const first = Math.round(this.startS * fsHz);
    const last = first + Math.round(this.lengthS * fsHz) + 1;
    return Object.fromEntries(
      leads.map((lead, row) => {
        const values = Float32Array.from(signals[row].subarray(first, last), (value) => value / 1000);
        return [lead, { values, median: median(values) }];
      }),
    );
  }

  draw() {
    const { answer } = this;
    const sheet = this.arrange();
    const shown = this.shown();
    const last = sheet.bases.length - 1;
    const up = reach(sheet, shown, 0, answer.fs_hz).up + LETTERS_MM;
    makeRoom(sheet, up, reach(sheet, shown, last, answer.fs_hz).down, MOST_ROOM_MM);
    this.sheet = sheet;
    const seen = this.between(this.startS, this.startS + this.lengthS);
    const svg = byId("beats-ecg");
    svg.setAttribute("viewBox", `0 0 ${sheet.width} ${sheet.height}`);
    const foot = drawFoot(sheet, this.isLong, { seconds: `{n} ${this.words.seconds}` });
    const layers = [drawGrid(sheet), this.drawBands(sheet, seen), drawNames(sheet), foot];
    layers.push(drawCalibration(sheet), drawTraces(sheet, shown, answer.fs_hz), this.drawLetters(sheet, seen));
    svg.replaceChildren(byId("beats-ecg-title"), ...layers);
    this.zoom.size(sheet);
    this.describe(seen);
    this.markMap();
  }

  drawBands(sheet, seen) {
    const bands = make("g", { class: "beats-bands" });
    for (const beat of seen) {
      const letter = LETTERS[this.answer.beats.classes[beat]];
      const [x, width] = [placeOf(sheet, this.times[beat] - BAND_S / 2), BAND_S * sheet.speed];
      const place = { x, y: 7, width, height: sheet.height - FOOT_MM - 7 };
      if (letter !== "N") bands.append(make("rect", { class: `beats-band beats-on-${letter}`, ...place }));
      if (beat === this.chosen) bands.append(make("rect", { class: "beats-chosen", ...place, y: 1, height: place.height + 6 }));
    }
    return bands;
  }

  drawLetters(sheet, seen) {
    const letters = make("g", { class: "beats-letters" });
    for (const beat of seen) {
      const letter = LETTERS[this.answer.beats.classes[beat]];
      const x = placeOf(sheet, this.times[beat]);
      const box = { class: `beats-box beats-on-${letter}`, x: x - 2, y: 1.8, width: 4, height: 4.6, rx: 0.8 };
      const text = { class: `beats-letter beats-in-${letter}`, x, y: 5.3, "font-size": 3.4, "text-anchor": "middle" };
      letters.append(make("g", { "data-beat": beat }, make("rect", box), make("text", text, letter)));
    }
    return letters;
  }

  describe(seen) {
    const [from, to] = [this.startS, this.startS + this.lengthS].map((time) => this.second(time));
    const told = fill(this.words.from_to, { from, to });
    byId("beats-shown").textContent = told;
    byId("beats-slider").value = this.startS;
    byId("beats-slider").setAttribute("aria-valuetext", told);
    byId("beats-earlier").disabled = this.startS <= 0;
    byId("beats-later").disabled = this.startS >= this.lastStartS;
    const letters = seen.map((beat) => LETTERS[this.answer.beats.classes[beat]]).join(" ") || "–";
    const { speed, gain } = this;
    const values = { leads: this.answer.leads.join(", "), speed, gain, from, to, beats: letters };
    byId("beats-ecg-title").textContent = fill(this.words.seen, values);
  }

  /** All of the recording in one line: where V and S stand, V above. */
  drawMap() {
    const scale = 1000 / this.answer.duration_s;
    const ticks = (letter, y) => {
      const places = new Set(this.stops[letter].map((beat) => Math.round(this.times[beat] * scale * 2) / 2));
      return make("path", { class: `beats-tick beats-line-${letter}`, d: [...places].map((x) => `M${x} ${y}v12`).join("") });
    };
    this.window = make("rect", { class: "beats-window", y: 0, height: 30, width: Math.max(3, this.lengthS * scale) });
    byId("beats-map").replaceChildren(
      make("rect", { class: "beats-ground", width: 1000, height: 30 }),
      ticks("V", 2), ticks("S", 16), this.window,
    );
  }

  markMap() {
    this.window.setAttribute("x", (this.startS * 1000) / this.answer.duration_s);
  }
}
