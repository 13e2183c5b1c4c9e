import { colour, say, sized } from "./words.js";

const MM_PER_S = 25;
const KEPT_S = 12;
const NARROW_PX = 620;
const FRAME_MS = 33;
const JUMP_S = 5;
const ERASED_MM = 6;
const MILLIVOLTS = { mV: 1, "µV": 0.001, "μV": 0.001, uV: 0.001 };

/** The tracing of the patient in view: a pen that sweeps over ECG paper, a moment behind the newest sample. */
export class Tracing {
  constructor(figure) {
    this.figure = figure;
    this.grid = figure.querySelector(".grid");
    this.canvas = figure.querySelector(".trace");
    this.caption = figure.querySelector("figcaption");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.clear();
    new ResizeObserver(() => this.lay()).observe(figure);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.lay());
    requestAnimationFrame((now) => this.frame(now));
  }

  clear() {
    Object.assign(this, { pieces: [], leads: [], unit: "", stream: null, head: null, newest: null, centres: [], spans: [], gain: 10 });
    this.lay();
  }

  /** Take pieces of the tracing in; where another stream begins, the paper is empty again. */
  add(pieces) {
    for (const piece of pieces) {
      if (piece.stream !== this.stream) this.begin(piece);
      const bytes = Uint8Array.from(atob(piece.values), (letter) => letter.charCodeAt(0));
      const values = new Float32Array(bytes.buffer);
      const length = values.length / piece.leads.length;
      const endS = piece.start_s + length / piece.hz;
      this.pieces.push({ startS: piece.start_s, endS, hz: piece.hz, length, values });
      this.newest = endS;
      this.behindS = Math.min(length / piece.hz, 3) + 0.6;
    }
    const oldest = Math.min(this.head ?? this.newest, this.newest) - KEPT_S;
    this.pieces = this.pieces.filter((piece) => piece.endS > oldest);
    this.measure();
    if (this.head === null) this.head = this.newest - this.behindS;
  }

  begin(piece) {
    Object.assign(this, { pieces: [], stream: piece.stream, leads: piece.leads, unit: piece.unit, head: null, centres: [], spans: [], gain: 10 });
    this.lay();
  }

  /** Where the middle of each lead lies and how far it reaches, in its unit, over what is kept. */
  measure() {
    const spans = this.leads.map((_, lead) => {
      const seen = [];
      for (const piece of this.pieces) {
        for (let i = lead * piece.length; i < (lead + 1) * piece.length; i += 1) seen.push(piece.values[i]);
      }
      seen.sort((one, other) => one - other);
      const part = (share) => seen[Math.min(Math.floor(share * seen.length), seen.length - 1)];
      return { middle: part(0.5), low: part(0.001), high: part(0.999) };
    });
    this.centres = spans.map(({ middle, low, high }, lead) => {
      const wanted = this.isVoltage() ? middle : (low + high) / 2;
      return this.centres[lead] === undefined ? wanted : 0.8 * this.centres[lead] + 0.2 * wanted;
    });
    this.spans = spans.map(({ low, high }) => Math.max(high - low, 1e-9));
    const millivolts = Math.max(...this.spans) * (MILLIVOLTS[this.unit] ?? 0);
    const gain = millivolts > 4 ? 5 : 10;
    if (gain !== this.gain) {
      this.gain = gain;
      this.describe();
    }
  }

  isVoltage() {
    return this.unit in MILLIVOLTS;
  }

  /** Draw the paper for the width there is. */
  lay() {
    const width = this.figure.clientWidth;
    if (!width) return;
    const rows = Math.max(this.leads.length, 1);
    this.shownS = width < NARROW_PX ? 5 : 10;
    this.left = width < NARROW_PX ? 34 : 46;
    this.mm = (width - this.left) / (this.shownS * MM_PER_S);
    const rowMm = this.leads.length === 0 ? 40 : rows === 1 ? 45 : rows <= 3 ? 30 : rows <= 12 ? 13 : 10;
    Object.assign(this, { width, rowPx: rowMm * this.mm, height: Math.round((rows * rowMm + 4) * this.mm) });
    this.drawGrid();
    sized(this.canvas, width, this.height);
    this.describe();
  }

  drawGrid() {
    const context = sized(this.grid, this.width, this.height);
    context.clearRect(0, 0, this.width, this.height);
    for (const [stepMm, name] of this.mm > 2.4 ? [[1, "grid-fine"], [5, "grid-coarse"]] : [[5, "grid-coarse"]]) {
      context.strokeStyle = colour(name);
      context.lineWidth = stepMm === 1 ? 0.5 : 1;
      context.beginPath();
      for (let x = this.left; x <= this.width + 0.5; x += stepMm * this.mm) {
        context.moveTo(x, 0);
        context.lineTo(x, this.height);
      }
      for (let y = 0; y <= this.height + 0.5; y += stepMm * this.mm) {
        context.moveTo(this.left, y);
        context.lineTo(this.width, y);
      }
      context.stroke();
    }
    context.fillStyle = colour("text");
    context.font = `600 ${this.rowPx < 30 ? 11 : 13}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    this.leads.forEach((lead, row) => context.fillText(lead, 4, this.base(row), this.left - 6));
  }

  describe() {
    if (this.leads.length) this.canvas.setAttribute("aria-label", say("Tracing of the patient in view: {leads}", { leads: this.leads.join(", ") }));
    const values = { s: this.shownS, gain: this.gain };
    if (!this.leads.length) this.caption.textContent = say("Waiting for the tracing.");
    else if (this.isVoltage()) this.caption.textContent = say("{s} s across, a large square is 0.2 s; {gain} mm/mV. At most 125 points a second, the peaks kept: for a look, not for measuring.", values);
    else this.caption.textContent = say("{s} s across, a large square is 0.2 s; the height is scaled to the wave.", values);
  }

  base(row) {
    return (row + 0.5) * this.rowPx + 2 * this.mm;
  }

  frame(now) {
    requestAnimationFrame((next) => this.frame(next));
    if (now - (this.drawnAt ?? 0) < (this.still.matches ? 1000 : FRAME_MS)) return;
    const passedS = Math.min((now - (this.drawnAt ?? now)) / 1000, 1);
    this.drawnAt = now;
    if (this.head === null || !this.leads.length) {
      if (this.width) sized(this.canvas, this.width, this.height).clearRect(0, 0, this.width, this.height);
      return;
    }
    const error = this.newest - this.behindS - this.head;
    if (Math.abs(error) > JUMP_S) this.head += error;
    else this.head += passedS * (1 + Math.max(-0.5, Math.min(0.5, 0.25 * error)));
    this.head = Math.min(this.head, this.newest);
    this.draw();
  }

  draw() {
    const context = sized(this.canvas, this.width, this.height);
    context.clearRect(0, 0, this.width, this.height);
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.2;
    context.lineJoin = "round";
    const fromS = this.head - this.shownS + (this.still.matches ? 0 : ERASED_MM / MM_PER_S);
    this.leads.forEach((_, lead) => {
      context.beginPath();
      this.trace(context, lead, fromS);
      context.stroke();
    });
    if (!this.still.matches) {
      context.fillStyle = colour("accent");
      context.fillRect(this.x(this.head), 0, 1.5, this.height);
    }
  }

  /** The path of one lead from a moment to the pen; it is broken where samples are missing and at the right edge. */
  trace(context, lead, fromS) {
    const pxPerUnit = this.isVoltage() ? MILLIVOLTS[this.unit] * this.gain * this.mm : (0.75 * this.rowPx) / this.spans[lead];
    const [base, centre] = [this.base(lead), this.centres[lead]];
    let [lastX, lastS] = [Infinity, -Infinity];
    for (const piece of this.pieces) {
      if (piece.endS < fromS || piece.startS > this.head) continue;
      const first = Math.max(Math.ceil((fromS - piece.startS) * piece.hz), 0);
      const last = Math.min(Math.floor((this.head - piece.startS) * piece.hz), piece.length - 1);
      for (let i = first; i <= last; i += 1) {
        const timeS = piece.startS + i / piece.hz;
        const x = this.x(timeS);
        const y = base - (piece.values[lead * piece.length + i] - centre) * pxPerUnit;
        if (x < lastX || timeS - lastS > 2.5 / piece.hz) context.moveTo(x, y);
        else context.lineTo(x, y);
        [lastX, lastS] = [x, timeS];
      }
    }
  }

  /** Along the paper: a sweep stays where it was written; without motion the newest is at the right. */
  x(timeS) {
    const share = this.still.matches ? 1 - (this.head - timeS) / this.shownS : (timeS % this.shownS) / this.shownS;
    return this.left + share * (this.width - this.left);
  }
}
