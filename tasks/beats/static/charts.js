/* The diagrams of the RR intervals, in the colours of the classes; each class of a Poincaré plot has a shape of its own. */
import { fill } from "../../static/site.js";
import { make } from "../../static/viewer/paper.js";
import { LETTERS } from "./strip.js";

const BOX = { left: 56, right: 388, top: 10, bottom: 236 };
const BIN_S = 0.02;
const [LEAST_S, MOST_S] = [0.4, 3];
const SHARE = 0.995; // of the intervals that the axes reach to
const DRAWN = [0, 4, 3, 1, 2]; // what is rare lies above

const SHAPES = {
  N: (x, y) => `M${x - 1.2} ${y}a1.2 1.2 0 1 0 2.4 0a1.2 1.2 0 1 0-2.4 0`,
  S: (x, y) => `M${x - 2.6} ${y + 2}h5.2l-2.6-4.8z`,
  V: (x, y) => `M${x - 2.1} ${y - 2.1}h4.2v4.2h-4.2z`,
  F: (x, y) => `M${x - 2.8} ${y}l2.8-2.8 2.8 2.8-2.8 2.8z`,
  Q: (x, y) => `M${x - 2.4} ${y - 0.7}h4.8v1.4h-4.8zM${x - 0.7} ${y - 2.4}h1.4v4.8h-1.4z`,
};

function intervals(beats) {
  return beats.at_ms.slice(1).map((at, place) => (at - beats.at_ms[place]) / 1000);
}

function reachOf(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const high = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * SHARE))];
  const low = sorted[Math.floor(sorted.length * (1 - SHARE))];
  const most = Math.min(MOST_S, Math.ceil((high + 0.1) * 5) / 5);
  const least = Math.max(0, Math.floor((low - 0.1) * 5) / 5);
  return { least, most: Math.max(most, least + LEAST_S), median: sorted[sorted.length >> 1] };
}

function scale(from, to, low, high) {
  return (value) => low + ((value - from) / (to - from)) * (high - low);
}

function ticksOf(least, most) {
  const step = [0.1, 0.2, 0.5, 1].find((each) => (most - least) / each <= 8) ?? 1;
  const first = Math.ceil(least / step - 1e-6);
  return Array.from({ length: Math.floor(most / step + 1e-6) - first + 1 }, (_, place) => (first + place) * step);
}

/** A number in the page's language. */
export function numberText(value, digits = 0) {
  const style = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(document.documentElement.lang, style);
}

function axes({ x, y, xTicks, yTicks, digits, xName, yName }) {
  const group = make("g", { class: "beats-axes" });
  for (const tick of yTicks) {
    group.append(
      make("path", { class: "beats-rule", d: `M${BOX.left} ${y(tick)}H${BOX.right}` }),
      make("text", { x: BOX.left - 6, y: y(tick) + 4, "text-anchor": "end" }, numberText(tick, digits)),
    );
  }
  for (const tick of xTicks) {
    group.append(
      make("path", { class: "beats-axis", d: `M${x(tick)} ${BOX.bottom}v4` }),
      make("text", { x: x(tick), y: BOX.bottom + 17, "text-anchor": "middle" }, numberText(tick, 1)),
    );
  }
  const middle = (BOX.top + BOX.bottom) / 2;
  group.append(
    make("path", { class: "beats-axis", d: `M${BOX.left} ${BOX.bottom}H${BOX.right}` }),
    make("text", { x: (BOX.left + BOX.right) / 2, y: BOX.bottom + 36, "text-anchor": "middle" }, xName),
    make("text", { x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` }, yName),
  );
  return group;
}

/** Counts of the intervals in bins, the classes stacked. */
export function drawHistogram(svg, beats, words, more) {
  const values = intervals(beats);
  if (!values.length) return;
  const { least, most, median } = reachOf(values);
  const n = Math.round((most - least) / BIN_S);
  const bins = Array.from({ length: n }, () => new Array(LETTERS.length).fill(0));
  let beyond = 0;
  values.forEach((value, place) => {
    const bin = bins[Math.floor((value - least) / BIN_S + 1e-6)];
    if (bin) bin[beats.classes[place + 1]] += 1;
    else beyond += 1;
  });
  const highest = Math.max(1, ...bins.map((bin) => bin.reduce((sum, each) => sum + each, 0)));
  const x = scale(least, most, BOX.left, BOX.right);
  const y = scale(0, highest, BOX.bottom, BOX.top);
  const step = 10 ** Math.floor(Math.log10(highest));
  const every = [step / 5, step / 2, step, 2 * step].find((each) => each >= 1 && highest / each <= 5) ?? 2 * step;
  const yTicks = Array.from({ length: Math.floor(highest / every) + 1 }, (_, place) => place * every);
  const names = { xName: words.interval, yName: words.number };
  const bars = LETTERS.map((letter) => make("path", { class: `beats-fill-${letter}`, d: "" }));
  const paths = LETTERS.map(() => "");
  bins.forEach((bin, place) => {
    const [from, wide] = [x(least + place * BIN_S) + 0.3, x(least + BIN_S) - x(least) - 0.6];
    let sum = 0;
    bin.forEach((count, index) => {
      if (count) paths[index] += `M${from.toFixed(1)} ${y(sum).toFixed(1)}h${wide.toFixed(1)}V${y(sum + count).toFixed(1)}h${-wide.toFixed(1)}z`;
      sum += count;
    });
  });
  bars.forEach((bar, index) => bar.setAttribute("d", paths[index]));
  svg.append(axes({ x, y, xTicks: ticksOf(least, most), yTicks, digits: 0, ...names }), ...bars);
  const span = { from: numberText(least, 1), to: numberText(most, 1) };
  const told = { n: numberText(values.length), ...span, median: numberText(median, 2) };
  svg.querySelector("title").textContent = fill(words.histogram, told);
  more.textContent = beyond ? fill(words.beyond, { n: numberText(beyond) }) : "";
}

/** The interval before each beat against the one after it; what would lie on one another is drawn once. */
export function drawPoincare(svg, beats, words, more) {
  const values = intervals(beats);
  if (values.length < 2) return;
  const { least, most } = reachOf(values);
  const x = scale(least, most, BOX.left, BOX.right);
  const y = scale(least, most, BOX.bottom, BOX.top);
  const ticks = ticksOf(least, most);
  const cells = LETTERS.map(() => new Set());
  let beyond = 0;
  for (let beat = 1; beat < values.length; beat += 1) {
    const [before, after] = [values[beat - 1], values[beat]];
    if (Math.min(before, after) < least || Math.max(before, after) > most) beyond += 1;
    else cells[beats.classes[beat]].add(`${Math.round(before * 200)} ${Math.round(after * 200)}`);
  }
  const names = { xName: words.before, yName: words.after };
  svg.append(axes({ x, y, xTicks: ticks, yTicks: ticks, digits: 1, ...names }));
  svg.append(make("path", { class: "beats-same", d: `M${x(least)} ${y(least)}L${x(most)} ${y(most)}` }));
  for (const index of DRAWN) {
    let path = "";
    for (const cell of cells[index]) {
      const [before, after] = cell.split(" ").map((each) => Number(each) / 200);
      path += SHAPES[LETTERS[index]](Number(x(before).toFixed(1)), Number(y(after).toFixed(1)));
    }
    svg.append(make("path", { class: `beats-fill-${LETTERS[index]} beats-point`, d: path }));
  }
  svg.querySelector("title").textContent = fill(words.poincare, { n: numberText(values.length - 1) });
  more.textContent = beyond ? fill(words.beyond, { n: numberText(beyond) }) : "";
}
