import { get, pause } from "./api.js";
import { drawName, LEADS, make, NAME_MM, nameLevel, number, placeOf, textSize } from "./paper.js";
import { freePlace, waveExtents } from "./places.js";

const BAR_MM = 5; // of one unit of the logit: a large square, in every record alike
const MOST_BAR_MM = 15; // the number says how much more it is
const BAR_HIGH_MM = 1.2;
const BAR_GAP_MM = 0.7;
const NUMBER_MM = 2.7; // of its letters
const MOST_LETTERS = 1.4; // as times the usual
const SMALLER = [1, 0.8, 0.65, 0.5]; // shares of the letters, where there is little room
const GAP_MM = 1.2; // between a name and its number
const STEP_S = 0.1;
const LEVELS = 50; // steps of the strip; equal neighbours are drawn as one

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

/**
 * Names of the leads where no trace runs through them, and with evidence what each lead adds to the logit: a number behind
 * the name or, where there is little room, under it, and a bar under both. A large square is one unit of the logit in every
 * record. Solid red speaks for, striped blue against.
 */
export function drawNames(sheet, shown, fsHz, leads, words) {
  const names = make("g", { class: "names" });
  const extents = waveExtents(sheet, shown, fsHz);
  for (const cell of sheet.cells) {
    const value = leads && !cell.isRhythm ? leads[cell.lead] : null;
    const { label, place } = placeLabel(sheet, extents, cell, value);
    names.append(drawName(cell.lead, label, place));
    if (value !== null) names.append(drawWeight(cell.lead, value, label, place, words));
  }
  return names;
}

/** The largest label of a lead for which there is a place, and that place; the first one where there is none for any. */
function placeLabel(sheet, extents, cell, value) {
  const usualY = nameLevel(sheet, cell);
  let first = null;
  for (const share of sheet.letters > MOST_LETTERS ? SMALLER : [1]) {
    for (const label of labelsOf(cell.lead, value, Math.max(1, sheet.letters * share))) {
      const place = freePlace(sheet, extents, cell, label, usualY);
      if (place.isFree) return { label, place };
      first ??= { label, place };
    }
  }
  return first;
}

/** What may stand where a lead is named, the fullest first: `letters` times the usual size; `high`, `under` its line. */
function labelsOf(lead, value, letters) {
  const name = textSize(lead, NAME_MM * letters);
  if (value === null) return [{ ...name, letters, name }];
  const digits = textSize(signed(value), NUMBER_MM * letters);
  const bar = Math.min(MOST_BAR_MM, Math.max(0.3, BAR_MM * Math.abs(value)));
  const under = BAR_HIGH_MM * letters + 2 * BAR_GAP_MM;
  const common = { letters, name, bar, high: name.high, under };
  const beside = { ...common, wide: Math.max(name.wide + GAP_MM + digits.wide, bar), digitsAt: [name.wide + GAP_MM, 0] };
  const below = digits.high + 0.6;
  const stacked = { ...common, wide: Math.max(name.wide, digits.wide, bar), under: under + below, digitsAt: [0, below] };
  const bare = { ...common, wide: Math.max(name.wide, bar), digitsAt: null }; // the table has the number
  // letters of a number could not be read where names are so much larger than the tracing
  return letters > MOST_LETTERS ? [bare] : [beside, stacked, bare];
}

function drawWeight(lead, value, label, { x, y }, words) {
  const side = value > 0 ? "for" : "against";
  const high = BAR_HIGH_MM * label.letters;
  const top = y + label.under - high - BAR_GAP_MM;
  const reach = { x: x - 0.5, y: y - label.high, width: label.wide + 1, height: label.high + label.under };
  const weight = make(
    "g",
    { class: `weight weight-${side}`, "data-lead": lead, "data-value": value },
    make("title", {}, `${lead}: ${signed(value)} (${words[side]})`),
    make("rect", { class: "weight-reach", ...reach }),
    make("rect", { class: "weight-bar", x, y: top, width: label.bar, height: high }),
  );
  if (label.digitsAt) {
    const [aside, below] = label.digitsAt;
    const text = { class: "weight-value", x: x + aside, y: y + below, "font-size": NUMBER_MM * label.letters };
    weight.append(make("text", text, signed(value)));
  }
  if (value <= 0) {
    let stripes = "";
    for (let at = 0.8; at < label.bar; at += 0.8) stripes += `M${x + at} ${top}v${high}`;
    weight.append(make("path", { class: "weight-stripes", d: stripes }));
  }
  return weight;
}

/** One strip under the rows, as high as the output is probable at that moment; its ground is as high as 1. */
export function drawMoments(sheet, windows) {
  const count = Math.max(1, Math.ceil(sheet.lengthS / STEP_S - 1e-6));
  const edges = Array.from({ length: count + 1 }, (_, place) => sheet.startS + Math.min(place * STEP_S, sheet.lengthS));
  const levels = moments(windows, edges.slice(0, -1).map((edge, place) => (edge + edges[place + 1]) / 2));
  const most = sheet.stripMm - 2;
  const foot = sheet.height - sheet.foot + sheet.stripMm - 1;
  const strip = make("g", { class: "moments", "shape-rendering": "crispEdges" });
  const ground = { x: sheet.left, y: foot - most, width: sheet.lengthS * sheet.speed, height: most };
  strip.append(make("rect", { class: "moment-ground", ...ground }));
  for (let from = 0; from < count; ) {
    const level = Math.round(levels[from] * LEVELS) / LEVELS;
    let to = from + 1;
    while (to < count && Math.round(levels[to] * LEVELS) / LEVELS === level) to += 1;
    const x = placeOf(sheet, edges[from]);
    const size = { x, y: foot - level * most, width: placeOf(sheet, edges[to]) - x, height: level * most };
    if (level > 0) strip.append(make("rect", { class: "moment", ...size, "data-level": level }));
    from = to;
  }
  for (const [text, y] of [["1", foot - most + 1.9], ["0", foot]]) {
    strip.append(make("text", { class: "foot-text", x: sheet.left - 0.8, y, "font-size": 2.2, "text-anchor": "end" }, text));
  }
  return strip;
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
  return `${Math.abs(value) < 0.005 ? "" : value > 0 ? "+" : "\u2212"}${number(Math.abs(value), 2, 2)}`;
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
