/* Two ECGs of one patient: their median beats over one another, and each on its own sheet of paper. */

import { fill, readWords } from "./site.js";
import { get } from "./viewer/api.js";
import { arrange, drawCalibration, drawGrid, LEADS, make, makeRoom, SHOWN_S } from "./viewer/paper.js";
import { Samples } from "./viewer/samples.js";
import { drawTraces, reach, shownLeads } from "./viewer/traces.js";

const SMALL = { speed: 25, gains: [10, 5, 2.5], mostMm: 40, left: 2, right: 2 };
const IS_NARROW = matchMedia("(max-width: 40rem)").matches; // there all leads fit in two columns of half as long a part
const SHEET = { layout: IS_NARROW ? "6x2" : "3x4", speed: 25, gain: 10, rhythm: "II", isPrint: false };
const PART_S = IS_NARROW ? SHOWN_S / 2 : SHOWN_S;
const MOST_ROOM_MM = { above: 40, below: 40 };
const KINDS = ["before", "after"];
const ROOM_MM = 2;
const SPARE_S = 0.04; // before the next beat
const words = readWords();
const pair = JSON.parse(document.getElementById("pair").textContent);
const byId = (id) => document.getElementById(id);

/** The beat up to where the next one's QRS may begin: a heart that beats fast has it within the same second. */
function alone(beat) {
  const gaps = beat.at_s.slice(1).map((time, place) => time - beat.at_s[place]);
  const onsetS = (beat.fiducials_ms.qrs_onset ?? -60) / 1000;
  const end = beat.before + Math.floor((Math.min(...gaps) + onsetS - SPARE_S) * beat.fs_hz);
  const leads = Object.entries(beat.leads).map(([lead, values]) => [lead, values.slice(0, Math.max(end, beat.before + 1))]);
  return { ...beat, leads: Object.fromEntries(leads) };
}

/** A sheet on which both beats have room, and their reference points one place, in millimetres. */
function arrangeBeats(beats) {
  const rows = beats.flatMap((beat) => Object.values(beat.leads));
  const high = Math.max(0.5, ...rows.flat());
  const low = Math.min(-0.3, ...rows.flat());
  const gain = SMALL.gains.find((each) => (high - low) * each <= SMALL.mostMm) ?? SMALL.gains.at(-1);
  const seconds = (count) => Math.max(...beats.map((beat) => count(beat) / beat.fs_hz));
  const beforeS = seconds((beat) => beat.before);
  const afterS = seconds((beat) => beat.leads[LEADS[0]].length - 1 - beat.before);
  const width = Math.ceil((SMALL.left + (beforeS + afterS) * SMALL.speed + SMALL.right) / 5) * 5;
  const base = Math.ceil((high * gain + ROOM_MM) / 5) * 5;
  const height = base + Math.ceil((-low * gain + ROOM_MM) / 5) * 5;
  return { ...SMALL, gain, width, height, base, zero: SMALL.left + beforeS * SMALL.speed };
}

function beatPath(values, sheet, beat) {
  const points = values.map((value, place) => {
    const x = sheet.zero + ((place - beat.before) / beat.fs_hz) * sheet.speed;
    return `${x.toFixed(2)} ${(sheet.base - value * sheet.gain).toFixed(2)}`;
  });
  return `M${points.join("L")}`;
}

/** A lead's name on a little ground that covers the grid. */
function drawName(lead, x, y, mm = 3.4) {
  const letters = [...lead].reduce((sum, letter) => sum + (letter === "I" ? 0.38 : 0.7), 0.35);
  const ground = { x: x - 0.2 * mm, y: y - 0.94 * mm, width: letters * mm, height: 1.24 * mm, rx: 0.5 };
  const name = make("text", { class: "name", x, y, "font-size": mm }, lead);
  return make("g", {}, make("rect", { class: "name-ground", ...ground }), name);
}

function drawLead(lead, sheet, beats) {
  const size = { viewBox: `0 0 ${sheet.width} ${sheet.height}`, width: `${sheet.width}mm`, height: `${sheet.height}mm` };
  return make(
    "svg",
    { ...size, class: "beat-paper", "data-lead": lead, "aria-hidden": "true", focusable: "false" },
    drawGrid(sheet),
    drawName(lead, 1.2, 3.4, 2.8),
    ...beats.map((beat, which) =>
      make("path", { class: `beat-trace overlaid-${KINDS[which]}`, d: beatPath(beat.leads[lead], sheet, beat) }),
    ),
  );
}

async function showBeats() {
  let wrong = "";
  try {
    const answers = await Promise.all(pair.map(async ({ api }) => (await get(`${api}/beat`)).json()));
    const found = answers.map((answer) => answer.beat);
    if (found.every((beat) => beat !== null)) {
      const beats = found.map(alone);
      const sheet = arrangeBeats(beats);
      byId("overlaid-leads").replaceChildren(...LEADS.map((lead) => drawLead(lead, sheet, beats)));
      byId("overlaid-scale").textContent = fill(words.scale, sheet);
      byId("overlaid").hidden = false;
    } else {
      wrong = words.no_beat;
    }
  } catch {
    wrong = words.beat_failed;
  }
  byId("compare-status").hidden = true;
  byId("compare-error").hidden = wrong === "";
  byId("compare-error").textContent = wrong;
}

async function showTracing({ api, fs_hz: fsHz, duration_s: durationS }, which) {
  const svg = byId(`ecg-${which + 1}`);
  try {
    const samples = new Samples(`${api}/samples.npy`, fsHz, durationS);
    const lengthS = Math.min(PART_S, durationS);
    const part = await samples.fetch(0, lengthS);
    const sheet = arrange(SHEET, 0, lengthS);
    const shown = shownLeads(part, 0, lengthS);
    const last = sheet.bases.length - 1;
    makeRoom(sheet, reach(sheet, shown, 0, fsHz).up, reach(sheet, shown, last, fsHz).down, MOST_ROOM_MM);
    svg.setAttribute("viewBox", `0 0 ${sheet.width} ${sheet.height}`);
    const names = sheet.cells.map((cell) => drawName(cell.lead, cell.x + 1.5, sheet.bases[cell.row] - sheet.rowMm / 2 + 4));
    svg.replaceChildren(drawGrid(sheet), ...names, drawCalibration(sheet), drawTraces(sheet, shown, fsHz));
    svg.dataset.drawn = "true";
  } catch {
    svg.parentElement.hidden = true;
    byId(`${svg.id}-error`).hidden = false;
    byId(`${svg.id}-error`).textContent = words.samples_failed;
  }
}

byId("beside-scale").textContent = fill(words.part, { n: PART_S });
showBeats();
pair.forEach(showTracing);
