/* Intervals against time: a line, points, anomalies sized by probability, errors as crosses at the edge that they lie beyond. */
import { make } from "../../static/viewer/paper.js";
import { PARTS } from "./study.js";

const HEIGHT = 260;
const BOX = { left: 48, right: 12, top: 12, bottom: 34 };
const MARGIN_MS = 60;
const MOST_POINTS = 1500; // more are drawn as a line alone, but for anomalies
const LEAST_SHOWN = 20;

/** A time as h:mm:ss. */
export function clock(ms) {
  const seconds = Math.round(ms / 1000);
  const two = (value) => String(value).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export class Chart {
  constructor(place, onMove, onTell, words) {
    Object.assign(this, { place, onMove, onTell, words, first: 0, shown: 1, study: null });
    new ResizeObserver(() => this.draw()).observe(place);
    place.addEventListener("keydown", (event) => this.press(event));
    place.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    place.addEventListener("pointerdown", (event) => this.grab(event));
    place.addEventListener("pointermove", (event) => this.hover(event));
  }

  show(study, told, threshold, runs) {
    const isOther = study !== this.study;
    Object.assign(this, { study, told, threshold, runs, errors: new Set(study.errors) });
    if (isOther) {
      const usual = study.x.filter((_, at) => !this.errors.has(at));
      const sorted = (usual.length ? usual : [...study.x]).sort((one, other) => one - other);
      this.low = Math.max(0, percentile(sorted, 0.01) - MARGIN_MS);
      this.high = percentile(sorted, 0.99) + MARGIN_MS;
      this.first = 0;
      this.shown = Math.min(study.x.length, 300);
    }
    this.draw();
  }

  get lastFirst() {
    return Math.max(0, this.study.x.length - this.shown);
  }

  go(first, shown = this.shown) {
    const n = this.study.x.length;
    this.shown = Math.max(Math.min(LEAST_SHOWN, n), Math.min(n, Math.round(shown)));
    this.first = Math.max(0, Math.min(this.lastFirst, Math.round(first)));
    this.draw();
  }

  zoom(factor, at = 0.5) {
    const shown = Math.max(Math.min(LEAST_SHOWN, this.study.x.length), this.shown * factor);
    this.go(this.first + at * (this.shown - shown), shown);
  }

  press(event) {
    if (!this.study || event.ctrlKey || event.altKey || event.metaKey) return;
    const step = this.shown / 4;
    const act = {
      ArrowLeft: () => this.go(this.first - step), ArrowRight: () => this.go(this.first + step),
      "+": () => this.zoom(1 / 2), "=": () => this.zoom(1 / 2), "-": () => this.zoom(2),
      Home: () => this.go(0), End: () => this.go(this.lastFirst),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  wheel(event) {
    if (!this.study || !(event.ctrlKey || event.metaKey || this.place.contains(document.activeElement))) return;
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.shareOf(event));
  }

  shareOf(event) {
    const box = this.place.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left - BOX.left) / (box.width - BOX.left - BOX.right)));
  }

  grab(event) {
    if (!this.study || event.button) return;
    const [from, first] = [this.shareOf(event), this.first];
    const move = (moved) => this.go(first - (this.shareOf(moved) - from) * this.shown);
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    for (const [name, act] of [["pointermove", move], ["pointerup", end], ["pointercancel", end]]) window.addEventListener(name, act);
  }

  hover(event) {
    if (!this.study || event.buttons) return;
    const wanted = this.timeAt(this.shareOf(event));
    let [at, best] = [this.first, Infinity];
    for (let each = this.first; each < this.first + this.shown; each += 1) {
      const off = Math.abs(this.study.time[each] - wanted);
      if (off < best) [at, best] = [each, off];
    }
    this.onTell(at);
  }

  timeAt(share) {
    const [from, to] = this.span;
    return from + share * (to - from);
  }

  get span() {
    const last = Math.min(this.first + this.shown, this.study.x.length) - 1;
    const [from, to] = [this.study.time[this.first], this.study.time[last]];
    return [from, Math.max(to, from + 1000)];
  }

  draw() {
    if (!this.study) return;
    const width = Math.max(this.place.clientWidth, 240);
    const [from, to] = this.span;
    const x = (time) => BOX.left + ((time - from) / (to - from)) * (width - BOX.left - BOX.right);
    const y = (ms) => HEIGHT - BOX.bottom - ((ms - this.low) / (this.high - this.low)) * (HEIGHT - BOX.top - BOX.bottom);
    const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img", "aria-label": this.name() });
    this.drawAxes(svg, width, x, y);
    this.drawRuns(svg, x, y);
    this.drawIntervals(svg, x, y);
    this.place.replaceChildren(svg);
    this.onMove();
  }

  name() {
    const [from, to] = this.span;
    let anomalies = 0;
    for (let at = this.first; at < this.first + this.shown; at += 1) anomalies += this.told[at] >= this.threshold;
    return this.words.chart.replace("{from}", clock(from)).replace("{to}", clock(to)).replace("{anomalies}", anomalies);
  }

  drawAxes(svg, width, x, y) {
    const every = [20, 50, 100, 200, 500].find((each) => (this.high - this.low) / each <= 6) ?? 1000;
    for (let ms = Math.ceil(this.low / every) * every; ms <= this.high; ms += every) {
      svg.append(make("path", { class: "rr-rule", d: `M${BOX.left} ${y(ms)}H${width - BOX.right}` }));
      svg.append(make("text", { x: BOX.left - 6, y: y(ms) + 4, "text-anchor": "end" }, String(ms)));
    }
    const [from, to] = this.span;
    const most = Math.max(2, Math.floor(width / 80));
    const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800];
    const step = 1000 * (steps.find((each) => (to - from) / 1000 / each <= most) ?? 86400);
    for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
      svg.append(make("path", { class: "rr-rule", d: `M${x(time)} ${HEIGHT - BOX.bottom}v5` }));
      if (x(time) < width - 30) svg.append(make("text", { x: x(time), y: HEIGHT - BOX.bottom + 18, "text-anchor": "middle" }, clock(time)));
    }
    svg.append(make("text", { x: 4, y: 10 }, this.words.axis));
    svg.append(make("text", { x: width - BOX.right, y: HEIGHT - 3, "text-anchor": "end" }, this.words.time));
  }

  drawRuns(svg, x, y) {
    const last = this.first + this.shown - 1;
    for (const run of this.runs) {
      const [begin, end] = [Math.max(run.first, this.first), Math.min(run.first + run.n - 1, last)];
      if (begin > end) continue;
      const [left, right] = [x(this.study.time[begin]) - 3, x(this.study.time[end]) + 3];
      svg.append(make("rect", { class: "rr-shade", x: left, width: right - left, y: y(this.high), height: y(this.low) - y(this.high) }));
    }
  }

  drawIntervals(svg, x, y) {
    const { study, told, threshold, errors } = this;
    const [line, points, crosses, anomalies] = [[], [], [], []];
    const isMany = this.shown > MOST_POINTS;
    let isOpen = false;
    for (let at = this.first; at < this.first + this.shown; at += 1) {
      const [left, top] = [x(study.time[at]).toFixed(1), y(Math.max(this.low, Math.min(this.high, study.x[at]))).toFixed(1)];
      if (errors.has(at)) {
        if (!isMany) crosses.push(`M${left - 3} ${top - 3}l6 6m0-6l-6 6`);
        isOpen = false;
        continue;
      }
      line.push(`${isOpen ? "L" : "M"}${left} ${top}`);
      isOpen = true;
      if (told[at] >= threshold) {
        const radius = (2 + 4 * (told[at] / PARTS) ** 2).toFixed(1);
        anomalies.push(make("circle", { class: "rr-anomaly", cx: left, cy: top, r: radius, "data-at": at }));
      } else if (!isMany) {
        points.push(`M${left - 1.6} ${top}a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0`);
      }
    }
    svg.append(make("path", { class: "rr-line", d: line.join("") }), make("path", { class: "rr-point", d: points.join("") }));
    svg.append(make("path", { class: "rr-error", d: crosses.join("") }), ...anomalies);
  }
}
