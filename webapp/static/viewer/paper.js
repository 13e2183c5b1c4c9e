import { fill } from "../site.js";

export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
export const LAYOUTS = {
  "3x4": { rows: [["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"], ["II"]], rowMm: 30 },
  "6x2": { rows: [["I", "V1"], ["II", "V2"], ["III", "V3"], ["aVR", "V4"], ["aVL", "V5"], ["aVF", "V6"]], rowMm: 25 },
  "12x1": { rows: LEADS.map((lead) => [lead]), rowMm: 20 },
};
export const SHOWN_S = 10;
const LEFT_MM = 15;
const RIGHT_MM = 5;
const TOP_MM = 5;
const FOOT_MM = 10;
const STRIP_MM = 6; // of the foot, for a strip of the evidence
export const NAME_MM = 3.4; // of the letters of a name
const READABLE_PX = 8.75; // names are at least as large, however small the sheet is shown
const MOST_LETTERS = 2.4;
const LEAST_COLUMN_MM = 10;
const PRINT = { rowsMm: 144, stripRowsMm: 115, alongMm: 281 };
const LETTERS = { I: 0.38, ".": 0.35, ",": 0.35, ":": 0.38, " ": 0.3, a: 0.67, "+": 0.75, "\u2212": 0.75 }; // of a bold letter's size
const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Seconds that a sheet holds at this speed; on A4 as much as is wide enough, else ten. */
export function sheetSeconds(durationS, speed, isPrint) {
  const most = isPrint ? Math.min(SHOWN_S, Math.floor((PRINT.alongMm - LEFT_MM - RIGHT_MM) / speed)) : SHOWN_S;
  return Math.min(durationS, most);
}

/** How many times larger letters are, so that names can be read at this zoom. */
export function lettersAt(zoom) {
  return Math.min(MOST_LETTERS, Math.max(1, READABLE_PX / (((NAME_MM * 96) / 25.4) * zoom)));
}

/**
 * Where everything lies on the sheet, in millimetres. `hasStrip` : whether a strip lies under the rows. `letters` : how many
 * times larger than usual. Time runs on from column to column, so that a place along the
 * sheet is one moment in every row.
 */
export function arrange({ layout, speed, gain, rhythm, isPrint, hasStrip = false, letters = 1 }, startS, lengthS) {
  const { rowMm } = LAYOUTS[layout];
  const rows = LAYOUTS[layout].rows.map((leads) => (layout === "3x4" && leads.length === 1 ? [rhythm] : leads));
  const grown = gain > 10 ? rowMm + 10 : rowMm;
  const printMm = hasStrip ? PRINT.stripRowsMm : PRINT.rowsMm;
  const row = isPrint ? Math.min(grown, Math.floor(printMm / rows.length)) : grown;
  const sheet = { speed, gain, startS, lengthS, rowMm: row, left: LEFT_MM, top: TOP_MM, cells: [], bases: [] };
  Object.assign(sheet, { letters, stripMm: hasStrip ? STRIP_MM : 0 });
  sheet.foot = FOOT_MM + sheet.stripMm + 3 * (letters - 1);
  rows.forEach((leads, place) => {
    const partS = lengthS / leads.length;
    sheet.bases.push(TOP_MM + (place + 0.5) * row);
    leads.forEach((lead, column) => {
      const cell = { lead, row: place, startS: startS + column * partS, endS: startS + (column + 1) * partS };
      cell.x = LEFT_MM + column * partS * speed;
      cell.width = Math.max(partS * speed, LEAST_COLUMN_MM);
      cell.isRhythm = layout === "3x4" && place === 3;
      sheet.cells.push(cell);
    });
  });
  sheet.width = LEFT_MM + lengthS * speed + RIGHT_MM;
  sheet.height = TOP_MM + rows.length * row + sheet.foot;
  return sheet;
}

/** Moves everything down by whole squares so that no wave of the first row leaves the sheet, and the foot likewise. */
export function makeRoom(sheet, upMm, downMm, most) {
  const squares = (needed, mostMm) => Math.min(mostMm, Math.max(0, Math.ceil(needed / 5) * 5));
  const above = squares(upMm + 1 - sheet.bases[0], most.above);
  const last = sheet.bases[sheet.bases.length - 1];
  const below = squares(downMm + sheet.foot - (sheet.height - last), most.below);
  sheet.top += above;
  sheet.bases = sheet.bases.map((base) => base + above);
  sheet.height += above + below;
}

/** The moment at a place along the sheet, and the other way round. */
export const timeAt = (sheet, x) => sheet.startS + (x - sheet.left) / sheet.speed;
export const placeOf = (sheet, timeS) => sheet.left + (timeS - sheet.startS) * sheet.speed;

/** A number as it is written in the page's language. */
export function number(value, most = 1, least = 0) {
  const digits = { maximumFractionDigits: most, minimumFractionDigits: least, useGrouping: false };
  return (value + 0).toLocaleString(document.documentElement.lang, digits); // and no -0
}

/** Seconds as a clock shows them, for long recordings, else as a number with its unit. */
export function clock(timeS, isLong, words) {
  if (!isLong) return fill(words.seconds, { n: number(timeS) });
  const whole = Math.floor(timeS + 1e-6);
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return `${hours}:${String(minutes).padStart(2, "0")}:${String(seconds).padStart(2, "0")}`;
}

/** The grid: a line each millimetre, a stronger one every five. */
export function drawGrid(sheet) {
  const lines = (step) => {
    let path = "";
    for (let x = 0; x <= sheet.width + 1e-6; x += step) path += `M${x} 0V${sheet.height}`;
    for (let y = 0; y <= sheet.height + 1e-6; y += step) path += `M0 ${y}H${sheet.width}`;
    return path;
  };
  return make(
    "g",
    { class: "grid" },
    make("rect", { class: "paper-ground", width: sheet.width, height: sheet.height }),
    make("path", { class: "grid-fine", d: lines(1) }),
    make("path", { class: "grid-coarse", d: lines(5) }),
  );
}

/** A rectangle of 1 mV and 0.2 s before each row. */
export function drawCalibration(sheet) {
  const [wide, high] = [0.2 * sheet.speed, sheet.gain];
  const foot = (LEFT_MM - 1 - wide) / 2 > 2 ? 2 : 1.5;
  const path = sheet.bases.map((base) => `M${3 - foot + 1} ${base}h${foot}v${-high}h${wide}v${high}h${foot}`).join("");
  return make("path", { class: "calibration", d: path });
}

/** How long and high a text of so many millimetres is, and how far it reaches under its line. */
export function textSize(text, mm) {
  const wide = [...text].reduce((sum, letter) => sum + (LETTERS[letter] ?? 0.7), 0);
  return { wide: wide * mm, high: 0.82 * mm, under: 0.26 * mm };
}

/** A name on a little ground that covers the grid; over a trace without. `place` : as `freePlace` gives it. */
export function drawName(lead, { letters, wide, high, under }, { x, y, isFree }) {
  const name = make("text", { class: "name", x, y, "font-size": NAME_MM * letters }, lead);
  if (!isFree) return name;
  const ground = { x: x - 0.7, y: y - high - 0.2, width: wide + 1.4, height: high + under + 0.2 };
  return make("g", {}, make("rect", { class: "name-ground", ...ground, rx: 0.5 }), name);
}

/** Where the name of a lead usually stands: in the upper part of its row. */
export function nameLevel(sheet, cell) {
  const level = Math.max(3.6, sheet.rowMm / 6) * (0.4 + 0.6 * sheet.letters);
  return sheet.bases[cell.row] - sheet.rowMm / 2 + level;
}

/** Seconds along the foot of the sheet, as many as have room. */
export function drawFoot(sheet, isLong, words) {
  const foot = make("g", { class: "foot" });
  const size = 2.6 * sheet.letters;
  const level = sheet.height - 1 - 1.4 * size;
  const wide = 1.3 * textSize(clock(sheet.startS + sheet.lengthS, isLong, words), size).wide;
  const every = [1, 2, 5].find((each) => each * sheet.speed > wide) ?? 10;
  let ticks = "";
  for (let second = Math.ceil(sheet.startS - 1e-6); second <= sheet.startS + sheet.lengthS + 1e-6; second += 1) {
    const x = placeOf(sheet, second);
    ticks += `M${x} ${level - 1.5}v1.5`;
    if (second % every) continue;
    const isFirst = second - sheet.startS < 0.01;
    const anchor = isFirst ? "start" : x + wide / 2 > sheet.width ? "end" : "middle";
    const place = { x, y: level + 0.35 + size, "font-size": size, "text-anchor": anchor };
    foot.append(make("text", { class: "foot-text", ...place }, clock(second, isLong, words)));
  }
  foot.prepend(make("path", { class: "foot-ticks", d: ticks }));
  return foot;
}
