import { LEADS, make } from "./paper.js";

const FINE = 100; // path coordinates are whole hundredths of a millimetre: short text, quickly read
const MOST_PER_MM = 60; // more samples than this to the millimetre are drawn by their extremes

/** Median of some values; 0 of none. */
export function median(values) {
  if (!values.length) return 0;
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What is shown of each lead, and its median: {lead: {values, median}}. */
export function shownLeads(part, startS, lengthS) {
  const first = Math.round((startS - part.startS) * part.fsHz);
  const last = first + Math.round(lengthS * part.fsHz);
  const shown = {};
  LEADS.forEach((lead, place) => {
    const values = part.leads[place].subarray(Math.max(0, first), last);
    shown[lead] = { values, median: median(values) };
  });
  return shown;
}

/** How far the waves of a row reach above and below its base, in millimetres: {up, down}. */
export function reach(sheet, shown, row, fsHz) {
  let [up, down] = [sheet.gain, 0];
  for (const cell of sheet.cells.filter((each) => each.row === row)) {
    const { values, middle, first, last } = cut(sheet, shown, cell, fsHz);
    for (let index = first; index < last; index += 1) {
      const level = (values[index] - middle) * sheet.gain;
      if (level > up) up = level;
      else if (-level > down) down = -level;
    }
  }
  return { up, down };
}

/** The samples of a lead that its cell shows, `first` to `last` of `values`. */
export function cut(sheet, shown, cell, fsHz) {
  const { values, median: middle } = shown[cell.lead];
  const first = Math.round((cell.startS - sheet.startS) * fsHz);
  // one sample more, so that a trace reaches the next lead's mark
  const last = Math.min(values.length, Math.round((cell.endS - sheet.startS) * fsHz) + 1);
  return { values, middle, first, last };
}

/** Every lead about its median. */
export function drawTraces(sheet, shown, fsHz) {
  const traces = make("g", { class: "traces", transform: `scale(${1 / FINE})` });
  for (const cell of sheet.cells) {
    const base = sheet.bases[cell.row];
    const mark = `M${Math.round(cell.x * FINE)} ${(base - 3) * FINE}v${6 * FINE}`;
    traces.append(make("path", { class: "lead-mark", d: mark }));
    traces.append(make("path", { class: "trace", "data-lead": cell.lead, d: tracePath(sheet, shown, cell, fsHz) }));
  }
  return traces;
}

function tracePath(sheet, shown, cell, fsHz) {
  const { values, middle, first, last } = cut(sheet, shown, cell, fsHz);
  if (last <= first) return "";
  const step = (sheet.speed / fsHz) * FINE;
  const [left, base, scale] = [sheet.left * FINE, sheet.bases[cell.row] * FINE, sheet.gain * FINE];
  const group = Math.ceil(FINE / step / MOST_PER_MM);
  const points = [];
  let [lastX, lastY] = [0, 0];
  const add = (index) => {
    const [x, y] = [Math.round(left + index * step), Math.round(base - (values[index] - middle) * scale)];
    points.push(points.length ? `${x - lastX} ${y - lastY}` : `M${x} ${y}l`);
    [lastX, lastY] = [x, y];
  };
  for (let index = first; index < last; index += group) {
    if (group === 1) add(index);
    else extremes(values, index, Math.min(last, index + group)).forEach(add);
  }
  if (points.length === 1) points.push("0 0");
  return points[0] + points.slice(1).join(" ");
}

function extremes(values, from, to) {
  let [low, high] = [from, from];
  for (let index = from; index < to; index += 1) {
    if (values[index] < values[low]) low = index;
    if (values[index] > values[high]) high = index;
  }
  return low === high ? [low] : [Math.min(low, high), Math.max(low, high)];
}
