import { make, placeOf } from "./paper.js";

export const KINDS = { p: ["p_onset", "p_end"], qrs: ["qrs_onset", "qrs_end"], t: ["t_end"] };
const REACH = 0.42; // of a row's height, to either side of its base

/** The places of a kind's marks in ms from the reference point. `measured` : what has a value; of what has none, none. */
export function markPlaces(kind, beat, measured) {
  if (kind === "p" && measured.p_ms === null) return [];
  return KINDS[kind].map((name) => beat.fiducials_ms[name]).filter((place) => place !== null);
}

/** Upright lines in every row of the sheet where the waves of the measured beats begin and end. */
export function drawMarks(sheet, beat, measured) {
  const marks = make("g", { class: "marks" });
  const reach = sheet.rowMm * REACH;
  for (const kind of Object.keys(KINDS)) {
    let path = "";
    for (const place of markPlaces(kind, beat, measured)) {
      for (const at of beat.at_s) {
        const time = at + place / 1000;
        if (time < sheet.startS || time > sheet.startS + sheet.lengthS) continue;
        const x = placeOf(sheet, time).toFixed(2);
        for (const base of sheet.bases) path += `M${x} ${(base - reach).toFixed(1)}v${(2 * reach).toFixed(1)}`;
      }
    }
    marks.append(make("path", { class: `mark mark-${kind}`, d: path }));
  }
  return marks;
}

/** Whether any of the measured beats lies on the sheet. */
export function isSeen(sheet, beat) {
  return beat.at_s.some((at) => at >= sheet.startS && at <= sheet.startS + sheet.lengthS);
}
