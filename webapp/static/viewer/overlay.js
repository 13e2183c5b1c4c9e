import { get, pause } from "./api.js";
import { LEADS, make, nameLevel, placeOf } from "./paper.js";

const BAR_MM = 12; // of the lead that speaks most
const NARROW_MM = 22;
const STEP_S = 0.1;
const LEVELS = 20; // shades of the strips; equal neighbours are drawn as one

/** The evidence of a record; asks again each second while it is being computed. */
export async function fetchEvidence(url, signal) {
  for (;;) {
    const answer = await get(url, signal);
    const document = await answer.json();
    if (answer.status !== 202) return document.evidence;
    await pause(1000, signal);
  }
}

/** Mean probability of the windows that hold each moment; NaN where none does. */
export function moments(windows, times) {
  const { start_s: starts, length_s: length, probability } = windows;
  const near = [];
  for (let place = 0; place < starts.length; place += 1) {
    if (starts[place] + length > times[0] && starts[place] <= times[times.length - 1]) near.push(place);
  }
  return times.map((time) => {
    let [sum, count] = [0, 0];
    for (const place of near) {
      const since = time - starts[place];
      if (since >= 0 && since < length) {
        sum += probability[place];
        count += 1;
      }
    }
    return count ? sum / count : NaN;
  });
}

/** Bars beside the leads' names: solid red speaks for, striped blue against, length against the loudest lead. */
export function drawWeights(sheet, leads, words) {
  const bars = make("g", { class: "weights" });
  const loudest = Math.max(...LEADS.map((lead) => Math.abs(leads[lead])), 1e-9);
  for (const cell of sheet.cells.filter((each) => !each.isRhythm)) {
    const value = leads[cell.lead];
    const isNarrow = cell.width < NARROW_MM; // there the bar lies over the name
    const x = cell.x + (isNarrow ? 1.5 : 11);
    const most = Math.max(2, Math.min(BAR_MM, cell.width - (isNarrow ? 3 : 13)));
    const length = Math.max(0.3, (most * Math.abs(value)) / loudest);
    const y = nameLevel(sheet, cell) - (isNarrow ? 5.4 : 2.2);
    const side = value > 0 ? "for" : "against";
    const said = `${cell.lead}: ${signed(value)} (${words[side]})`;
    const bar = make("g", { class: `weight weight-${side}`, "data-lead": cell.lead, "data-value": value });
    bar.append(
      make("title", {}, said),
      make("rect", { class: "weight-reach", x: x - 0.5, y: y - 1.2, width: most + 1, height: 4 }),
      make("rect", { class: "weight-bar", x, y, width: length, height: 1.6 }),
    );
    if (value <= 0) {
      let stripes = "";
      for (let at = 0.8; at < length; at += 0.8) stripes += `M${x + at} ${y}v1.6`;
      bar.append(make("path", { class: "weight-stripes", d: stripes }));
    }
    bars.append(bar);
  }
  return bars;
}

/** A strip under each trace, the darker the more probable the output is at that moment. */
export function drawMoments(sheet, windows) {
  const count = Math.max(1, Math.ceil(sheet.lengthS / STEP_S - 1e-6));
  const edges = Array.from({ length: count + 1 }, (_, place) => sheet.startS + Math.min(place * STEP_S, sheet.lengthS));
  const levels = moments(windows, edges.slice(0, -1).map((edge, place) => (edge + edges[place + 1]) / 2));
  const high = Math.min(1.5, sheet.rowMm / 15);
  const strips = make("g", { class: "moments", "shape-rendering": "crispEdges" });
  for (let row = 0; row < sheet.bases.length; row += 1) {
    const y = sheet.bases[row] + sheet.rowMm / 2 - 0.6 - high;
    for (let from = 0; from < count; ) {
      const shade = Math.round(levels[from] * LEVELS);
      let to = from + 1;
      while (to < count && Math.round(levels[to] * LEVELS) === shade) to += 1;
      const x = placeOf(sheet, edges[from]);
      const size = { x, y, width: placeOf(sheet, edges[to]) - x, height: high };
      if (!Number.isNaN(shade)) strips.append(make("rect", { ...size, opacity: 0.08 + (0.82 * shade) / LEVELS }));
      from = to;
    }
  }
  return strips;
}

/** The rows of the table: leads with their values, what speaks for it first. */
export function fillTable(body, leads, words) {
  const sorted = LEADS.map((lead) => [lead, leads[lead]]).sort((one, other) => other[1] - one[1]);
  body.replaceChildren(
    ...sorted.map(([lead, value]) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = lead;
      row.append(name, cellOf(signed(value)), cellOf(value > 0 ? words.for : words.against));
      return row;
    }),
  );
}

function cellOf(text) {
  const cell = document.createElement("td");
  cell.textContent = text;
  return cell;
}

/** A value with its sign, and a true minus. */
export function signed(value) {
  return `${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${Math.abs(value).toFixed(2)}`;
}

/** The stretch of the recording that the windows cover, and the most and least telling of them. */
export function span(windows) {
  const { start_s: starts, length_s: length, probability } = windows;
  let [most, least] = [0, 0];
  probability.forEach((each, place) => {
    if (each > probability[most]) most = place;
    if (each < probability[least]) least = place;
  });
  const told = (place) => ({ startS: starts[place], endS: starts[place] + length, probability: probability[place] });
  return { startS: starts[0], endS: starts[starts.length - 1] + length, most: told(most), least: told(least) };
}
