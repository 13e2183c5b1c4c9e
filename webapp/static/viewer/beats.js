import { fill } from "../site.js";
import { get } from "./api.js";
import { KINDS, markPlaces } from "./marks.js";
import { drawGrid, LEADS, make } from "./paper.js";

const SMALL = { speed: 25, gains: [10, 5, 2.5], mostMm: 40, left: 2, right: 2 };
const LARGE = { speed: 100, gains: [20, 10, 5], mostMm: 75, left: 3, right: 3 };
const BRACKETS_MM = 15; // for two rows of intervals under the overlay
const ROOM_MM = 2;

/** The median beat of a record, fetched once; after a failure again. */
export function beatLoader(url) {
  let asked = null;
  return () => {
    asked ??= get(url)
      .then((answer) => answer.json())
      .then((document) => document.beat);
    asked.catch(() => {
      asked = null;
    });
    return asked;
  };
}

/** How large the paper of a beat is and where its base lies, in millimetres, at the largest gain for which there is room. */
function arrangeBeat(beat, style, belowMm = 0) {
  const rows = Object.values(beat.leads);
  const high = Math.max(0.5, ...rows.map((row) => Math.max(...row)));
  const low = Math.min(-0.3, ...rows.map((row) => Math.min(...row)));
  const gain = style.gains.find((each) => (high - low) * each <= style.mostMm) ?? style.gains.at(-1);
  const lengthS = (rows[0].length - 1) / beat.fs_hz;
  const width = Math.ceil((style.left + lengthS * style.speed + style.right) / 5) * 5;
  const base = Math.ceil((high * gain + ROOM_MM) / 5) * 5;
  const height = base + Math.ceil((-low * gain + ROOM_MM + belowMm) / 5) * 5;
  const at = (ms) => style.left + (beat.before / beat.fs_hz + ms / 1000) * style.speed;
  return { ...style, gain, width, height, base, at, low };
}

function tracePath(values, sheet, beat) {
  const step = sheet.speed / beat.fs_hz;
  const points = values.map((value, place) => {
    return `${(sheet.left + place * step).toFixed(2)} ${(sheet.base - value * sheet.gain).toFixed(2)}`;
  });
  return `M${points.join("L")}`;
}

function drawSheet(sheet, attributes, ...layers) {
  return make(
    "svg",
    { viewBox: `0 0 ${sheet.width} ${sheet.height}`, width: `${sheet.width}mm`, height: `${sheet.height}mm`, ...attributes },
    drawGrid(sheet),
    ...layers,
  );
}

/** Lines from top to bottom where the waves begin and end. */
function drawPlaces(sheet, beat, measured) {
  const lines = make("g", { class: "marks" });
  for (const kind of Object.keys(KINDS)) {
    const path = markPlaces(kind, beat, measured).map((place) => `M${sheet.at(place).toFixed(2)} 0V${sheet.height}`);
    lines.append(make("path", { class: `mark mark-${kind}`, d: path.join("") }));
  }
  return lines;
}

function drawLead(lead, sheet, beat, measured) {
  const wide = [...lead].reduce((sum, letter) => sum + (letter === "I" ? 1.3 : 2.4), 1.2);
  return drawSheet(
    sheet,
    { class: "beat-paper", "data-lead": lead, "aria-hidden": "true", focusable: "false" },
    make("rect", { class: "name-ground", x: 0.5, y: 0.6, width: wide, height: 4.2, rx: 0.5 }),
    drawPlaces(sheet, beat, measured),
    make("text", { class: "name", x: 1.2, y: 3.9, "font-size": 3.4 }, lead),
    make("path", { class: "beat-trace", d: tracePath(beat.leads[lead], sheet, beat) }),
  );
}

/** P, PR, QRS and QT as brackets with their values, in two rows at the foot. */
function drawBrackets(sheet, beat, measured, words) {
  const { p_onset: pOnset, p_end: pEnd, qrs_onset: onset, qrs_end: end, t_end: tEnd } = beat.fiducials_ms;
  const spans = [
    ["P", measured.p_ms, pOnset, pEnd, 0],
    ["QRS", measured.qrs_ms, onset, end, 0],
    [words.pr, measured.pr_ms, pOnset, onset, 1],
    ["QT", measured.qt_ms, onset, tEnd, 1],
  ];
  const brackets = make("g", { class: "brackets" });
  brackets.append(
    make("rect", {
      class: "bracket-ground",
      y: sheet.height - BRACKETS_MM,
      width: sheet.width,
      height: BRACKETS_MM,
    }),
  );
  for (const [name, ms, from, to, row] of spans) {
    if (ms === null || from === null || to === null) continue;
    const [left, right, y] = [sheet.at(from), sheet.at(to), sheet.height - BRACKETS_MM + 2 + row * 7];
    const text = { class: "bracket-text", x: (left + right) / 2, y: y + 3.9, "font-size": 3, "text-anchor": "middle" };
    brackets.append(
      make("path", { class: "bracket", d: `M${left} ${y - 0.9}v1.8m0 -0.9H${right}m0 -0.9v1.8` }),
      make("text", text, `${name} ${ms}`),
    );
  }
  return brackets;
}

function drawOverlay(beat, measured, words) {
  const sheet = arrangeBeat(beat, LARGE, BRACKETS_MM);
  const values = [["P", measured.p_ms], [words.pr, measured.pr_ms], ["QRS", measured.qrs_ms], ["QT", measured.qt_ms]]
    .filter(([, ms]) => ms !== null)
    .map(([name, ms]) => `${name} ${fill(words.ms, { n: ms })}`);
  const traces = LEADS.map((lead) => make("path", { class: "beat-trace", d: tracePath(beat.leads[lead], sheet, beat) }));
  const drawn = drawSheet(
    sheet,
    { class: "beat-paper", role: "img", "aria-label": [words.overlay, ...values].join(", ") },
    drawPlaces(sheet, beat, measured),
    ...traces,
    drawBrackets(sheet, beat, measured, words),
  );
  return { drawn, sheet };
}

/** Draws the median beat into its panel, or says there why it cannot be. */
export async function showBeats(load, measured, words) {
  const byId = (id) => document.getElementById(id);
  let beat = null;
  try {
    beat = await load();
  } catch {
    // said below
  }
  byId("beats-error").hidden = beat !== null;
  if (beat === null) {
    byId("beats-error").textContent = words.beat_failed;
    return;
  }
  const small = arrangeBeat(beat, SMALL);
  const { drawn, sheet } = drawOverlay(beat, measured, words);
  byId("beats-leads").replaceChildren(...LEADS.map((lead) => drawLead(lead, small, beat, measured)));
  byId("beats-overlay").replaceChildren(drawn);
  byId("leads-scale").textContent = `${fill(words.scale, small)}, ${words.no_filter}`;
  byId("overlay-scale").textContent = `${fill(words.scale, sheet)}, ${words.no_filter}`;
  for (const name of ["overlay", "leads"]) byId(`beats-${name}-figure`).hidden = false;
}
