import { fill } from "../site.js";
import { make, number, placeOf, timeAt } from "./paper.js";

const STEP = { s: 0.005, mv: 0.02 };
const LARGE_STEP = { s: 0.04, mv: 0.1 };
const GRIP_PX = 22; // how near a pointer must come to an arm's end to take hold of it
const QUICKEST_MS = 150; // a shorter interval is no beat's
const SAID_AFTER_MS = 350;
const MARCHES = 40;

/**
 * Measures an interval and a height on the sheet.
 *
 * The arms are kept as moments and millivolts of a lead, not as places, so that the measurement stays right at any
 * zoom, speed, gain and layout. `element` covers the sheet; `readout` shows and `live` says the values.
 */
export class Calipers {
  constructor({ element, drawing, readout, live, scroller }, words) {
    Object.assign(this, { element, drawing, readout, live, scroller, words });
    Object.assign(this, { sheet: null, arms: null, held: null, isMarching: false, timer: 0 });
    element.addEventListener("pointerdown", (event) => this.take(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, (event) => this.release(event));
    element.addEventListener("keydown", (event) => this.press(event));
    scroller.addEventListener("scroll", () => this.placeReadout(), { passive: true });
  }

  get isOn() {
    return !this.element.hidden;
  }

  /** Switches the mode; the last measurement stays where it is. */
  turn(isOn) {
    this.element.hidden = !isOn;
    if (isOn) {
      this.show();
      this.element.focus({ preventScroll: true });
    } else this.readout.hidden = true;
  }

  /** Shows the measurement on a sheet that was drawn anew; on a sheet without its lead or moment it is hidden. */
  lay(sheet) {
    this.sheet = sheet;
    this.drawing.setAttribute("viewBox", `0 0 ${sheet.width} ${sheet.height}`);
    if (this.arms) this.arms.row = this.rowOf(this.arms);
    this.show();
  }

  /** The row in which the lead is shown at the first arm's moment: the same as before where it can be; else null. */
  rowOf({ first, lead, row }) {
    const { cells, startS, left, speed } = this.sheet;
    const from = (cell) => (cell.startS === startS ? startS - left / speed : cell.startS); // with the calibration mark
    const holding = cells.filter((cell) => cell.lead === lead && first.s >= from(cell) && first.s < cell.endS);
    return (holding.find((cell) => cell.row === row) ?? holding[0])?.row ?? null;
  }

  /** Place on the sheet under a pointer, in millimetres. */
  placeAt(event) {
    const box = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const px = box.width / this.sheet.width;
    return { x: x / px, y: y / px, px };
  }

  armAt(place) {
    return { s: timeAt(this.sheet, place.x), mv: (this.sheet.bases[this.arms.row] - place.y) / this.sheet.gain };
  }

  spot(arm) {
    return { x: placeOf(this.sheet, arm.s), y: this.sheet.bases[this.arms.row] - arm.mv * this.sheet.gain };
  }

  begin(place) {
    const { bases, cells } = this.sheet;
    const away = bases.map((base) => Math.abs(base - place.y));
    const row = away.indexOf(Math.min(...away));
    const inRow = cells.filter((cell) => cell.row === row);
    const lead = (inRow.find((cell) => place.x < cell.x + cell.width) ?? inRow[inRow.length - 1]).lead;
    this.arms = { row, lead };
    this.arms.first = this.armAt(place);
    this.arms.second = { ...this.arms.first };
  }

  take(event) {
    if (event.button || this.held) return;
    event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    const place = this.placeAt(event);
    const grip = this.gripAt(place);
    if (grip === "all") this.held = { id: event.pointerId, from: place, arms: structuredClone(this.arms) };
    else {
      if (grip === "first") this.swap();
      if (!grip) this.begin(place);
      this.held = { id: event.pointerId, isNew: !grip };
      if (grip) this.pull(place);
    }
    this.show();
  }

  gripAt(place) {
    if (!this.arms || this.arms.row === null) return null;
    const [first, second] = [this.spot(this.arms.first), this.spot(this.arms.second)];
    const distance = (spot) => Math.hypot(spot.x - place.x, spot.y - place.y) * place.px;
    const [toFirst, toSecond] = [distance(first), distance(second)];
    const [wide, high] = [Math.abs(first.x - second.x) * place.px, Math.abs(first.y - second.y) * place.px];
    const reach = Math.min(GRIP_PX, Math.max(8, Math.max(wide, high) / 3)); // a small box keeps a middle to hold
    if (Math.min(toFirst, toSecond) <= reach) return toSecond <= toFirst ? "second" : "first";
    const within = (value, one, other) => value >= Math.min(one, other) && value <= Math.max(one, other);
    return within(place.x, first.x, second.x) && within(place.y, first.y, second.y) ? "all" : null;
  }

  swap() {
    [this.arms.first, this.arms.second] = [this.arms.second, this.arms.first];
  }

  pull(place) {
    this.arms.second = this.armAt(place);
  }

  move(event) {
    if (this.held?.id !== event.pointerId) return;
    const place = this.placeAt(event);
    if (this.held.arms) {
      const byS = (place.x - this.held.from.x) / this.sheet.speed;
      const byMv = (this.held.from.y - place.y) / this.sheet.gain;
      for (const arm of ["first", "second"]) {
        const was = this.held.arms[arm];
        this.arms[arm] = { s: was.s + byS, mv: was.mv + byMv };
      }
    } else this.pull(place);
    this.show();
  }

  release(event) {
    if (this.held?.id !== event.pointerId) return;
    const { isNew } = this.held;
    this.held = null;
    const { first, second } = this.arms;
    const isClick = Math.hypot((first.s - second.s) * this.sheet.speed, (first.mv - second.mv) * this.sheet.gain) < 0.3;
    if (isNew && isClick) this.remove();
    else this.say();
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in moves) {
      if (!this.arms || this.arms.row === null) this.beginInSight();
      const [alongSteps, upSteps] = moves[event.key];
      const { second } = this.arms;
      this.arms.second = { s: second.s + alongSteps * step.s, mv: second.mv + upSteps * step.mv };
      this.sayLater();
    } else if (event.key === "Escape" && this.arms) this.remove();
    else if (event.key === " " && this.arms) this.swap();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.show();
    if (event.key in moves) this.keepInSight();
  }

  /** The first arm where a keyboard begins: the middle of what is seen of the sheet. */
  beginInSight() {
    const box = this.element.getBoundingClientRect();
    const seen = this.scroller.getBoundingClientRect();
    const middle = (low, high) => (low + high) / 2;
    const clientX = middle(Math.max(box.left, seen.left), Math.min(box.right, seen.right));
    const top = Math.max(box.top, seen.top, 0);
    const clientY = middle(top, Math.min(box.bottom, seen.bottom, window.innerHeight));
    const place = this.placeAt({ clientX, clientY });
    const away = this.sheet.bases.map((base) => Math.abs(base - place.y));
    this.begin({ ...place, y: this.sheet.bases[away.indexOf(Math.min(...away))] });
  }

  keepInSight() {
    const box = this.element.getBoundingClientRect();
    const { clientWidth } = this.scroller;
    const x = (this.spot(this.arms.second).x / this.sheet.width) * box.width;
    const left = this.scroller.scrollLeft;
    if (x < left + 20) this.scroller.scrollLeft = x - clientWidth / 3;
    else if (x > left + clientWidth - 20) this.scroller.scrollLeft = x - (2 * clientWidth) / 3;
  }

  /** Takes the measurement away. */
  remove() {
    this.arms = null;
    delete this.element.dataset.ms;
    delete this.element.dataset.mv;
    this.show();
    this.live.textContent = this.words.removed;
  }

  march(isOn) {
    this.isMarching = isOn;
    this.show();
  }

  get measured() {
    const { first, second } = this.arms;
    return { ms: Math.abs(second.s - first.s) * 1000, mv: Math.abs(second.mv - first.mv) };
  }

  told() {
    const { ms, mv } = this.measured;
    const parts = [fill(this.words.ms, { n: Math.round(ms) }), fill(this.words.mv, { n: number(mv, 2, 2) })];
    if (ms >= QUICKEST_MS) parts.push(this.words.per_minute.replace("{n}", Math.round(60000 / ms)));
    return parts;
  }

  say() {
    clearTimeout(this.timer);
    if (this.arms) this.live.textContent = this.told().join(", ");
  }

  sayLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.say(), SAID_AFTER_MS);
  }

  show() {
    const isSeen = this.isOn && this.arms !== null && this.arms.row !== null && this.sheet !== null;
    this.readout.hidden = !isSeen;
    this.drawing.replaceChildren();
    if (!isSeen) return;
    const { ms, mv } = this.measured;
    this.element.dataset.ms = Math.round(ms * 10) / 10;
    this.element.dataset.mv = Math.round(mv * 1000) / 1000;
    const [one, two] = [this.spot(this.arms.first), this.spot(this.arms.second)];
    const [x, y] = [Math.min(one.x, two.x), Math.min(one.y, two.y)];
    const [wide, high] = [Math.abs(one.x - two.x), Math.abs(one.y - two.y)];
    const arm = (at) => `M${at} ${y - 4}V${y + high + 4}`;
    if (this.isMarching && wide > 1) {
      const marches = this.marches(one.x, two.x, y, high);
      this.drawing.append(make("path", { class: "caliper-march", d: marches }));
    }
    this.drawing.append(
      make("rect", { class: "caliper-box", x, y, width: wide, height: high }),
      make("path", { class: "caliper-arms", d: arm(one.x) + arm(two.x) }),
      make("circle", { class: "caliper-end", cx: one.x, cy: one.y, r: 0.9 }),
      make("circle", { class: "caliper-end caliper-second", cx: two.x, cy: two.y, r: 1.3 }),
    );
    this.readout.textContent = this.told().join("\u2002\u00b7\u2002");
    this.box = { x, y, wide, high };
    this.placeReadout();
  }

  marches(first, second, y, high) {
    let path = "";
    const step = Math.abs(second - first);
    for (const [from, way] of [[Math.max(first, second), 1], [Math.min(first, second), -1]]) {
      for (let count = 1; count <= MARCHES; count += 1) {
        const x = from + way * count * step;
        if (x < this.sheet.left || x > this.sheet.width) break;
        path += `M${x} ${y - 3}V${y + high + 3}`;
      }
    }
    return path;
  }

  /** The values beside the box: right of it, else left, and never outside what is seen. */
  placeReadout() {
    if (this.readout.hidden || !this.box) return;
    const px = this.element.clientWidth / this.sheet.width;
    const { x, y, wide, high } = this.box;
    const [left, width] = [this.scroller.scrollLeft, this.scroller.clientWidth];
    const own = this.readout.offsetWidth;
    const right = (x + wide) * px + 10;
    const isRoom = right + own <= left + width;
    const across = isRoom ? right : x * px - own - 10;
    const level = (y + high / 2) * px - this.readout.offsetHeight / 2;
    const isBeside = across >= left;
    this.readout.style.left = `${isBeside ? across : left + 6}px`;
    const over = (y - 5) * px - this.readout.offsetHeight;
    this.readout.style.top = `${isBeside ? Math.max(2, level) : over > 0 ? over : (y + high + 5) * px}px`;
  }
}
