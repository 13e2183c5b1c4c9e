import { get } from "./api.js";
import { parseNpy } from "./npy.js";

const WHOLE_S = 60; // up to this length a recording is fetched at once, and never more than this of any
const BEFORE_S = 15;
const PART_S = 40;

/** The samples of a recording, of which one part is held. */
export class Samples {
  constructor(url, fsHz, durationS) {
    Object.assign(this, { url, fsHz, durationS, part: null, running: null });
  }

  /** Whether the stretch can be drawn without fetching. */
  holds(startS, lengthS) {
    const slack = 1.5 / this.fsHz;
    return this.part !== null && startS >= this.part.startS - slack && startS + lengthS <= this.part.endS + slack;
  }

  /** A part that holds the stretch: {startS, endS, fsHz, leads}. A newer call ends an older one with an AbortError. */
  async fetch(startS, lengthS) {
    this.running?.abort();
    if (this.holds(startS, lengthS)) return this.part;
    this.running = new AbortController();
    const isShort = this.durationS <= WHOLE_S;
    // whole seconds, so that every rate begins on a sample
    const from = isShort ? 0 : Math.max(0, Math.floor(startS - BEFORE_S));
    const length = isShort ? this.durationS : Math.min(PART_S, this.durationS - from);
    const answer = await get(`${this.url}?start_s=${from}&length_s=${length}`, this.running.signal);
    const leads = parseNpy(await answer.arrayBuffer());
    if (leads.length !== 12) throw new Error("not twelve leads");
    this.part = { startS: from, endS: from + leads[0].length / this.fsHz, fsHz: this.fsHz, leads };
    return this.part;
  }
}
