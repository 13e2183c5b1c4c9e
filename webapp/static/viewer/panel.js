import { fill } from "../site.js";
import { Refused } from "./api.js";
import { fetchEvidence, fillTable, span } from "./overlay.js";
import { clock, number } from "./paper.js";
import { fillSigns } from "./signs.js";

const byId = (id) => document.getElementById(id);
const isStopped = (error) => error.name === "AbortError";

/** The evidence of one record under its tracing; `changed` is called where the tracing is to be drawn again. */
export class EvidencePanel {
  constructor(about, words, changed) {
    Object.assign(this, { about, words, changed, isOn: false, output: "mi", all: null, asking: null });
    this.isLong = about.duration_s >= 60;
    byId("evidence-toggle").addEventListener("click", () => this.toggle());
    byId("evidence-output").addEventListener("change", (event) => this.choose(event.target.value));
  }

  /** What is to be laid over the tracing; null where there is nothing. */
  get shown() {
    return this.isOn && this.all ? this.all[this.output] : null;
  }

  /** What it is the evidence for, in words. */
  get name() {
    return byId("evidence-output").selectedOptions[0].textContent;
  }

  /** Where the windows begin, in seconds. */
  get startS() {
    return span(this.all[this.output].windows).startS;
  }

  async toggle() {
    this.isOn = !this.isOn;
    byId("evidence-toggle").setAttribute("aria-pressed", String(this.isOn));
    byId("evidence").hidden = !this.isOn;
    if (!this.isOn) {
      this.asking?.abort();
      this.changed();
      return;
    }
    if (!this.all) {
      byId("evidence-status").textContent = this.words.evidence_running;
      byId("evidence-error").hidden = true;
      this.asking = new AbortController();
      try {
        const url = `${this.about.api}/evidence?language=${document.documentElement.lang}`;
        this.all = await fetchEvidence(url, this.asking.signal);
      } catch (error) {
        if (!isStopped(error)) this.fail(error);
        return;
      }
      for (const option of byId("evidence-output").options) {
        option.hidden = option.disabled = !(option.value in this.all);
      }
    }
    byId("evidence-status").textContent = "";
    if (!Object.keys(this.all).length) {
      this.all = null;
      this.fail(new Error("no output"));
      return;
    }
    this.choose(this.output in this.all ? this.output : Object.keys(this.all)[0]);
  }

  fail(error) {
    byId("evidence-status").textContent = "";
    byId("evidence-error").hidden = false;
    byId("evidence-error").textContent = (error instanceof Refused && error.detail) || this.words.evidence_failed;
  }

  choose(output) {
    const { words } = this;
    this.output = output;
    byId("evidence-output").value = output;
    byId("evidence-shown").hidden = false;
    const { leads, windows, measurements } = this.all[output];
    fillTable(byId("evidence-rows"), leads, words);
    fillSigns(byId("evidence-signs"), byId("signs"), measurements, words);
    const { startS, endS, most, least } = span(windows);
    const filled = {
      high: number(most.probability, 2, 2),
      high_from: clock(most.startS, this.isLong, words),
      low: number(least.probability, 2, 2),
      low_from: clock(least.startS, this.isLong, words),
    };
    byId("evidence-moments").textContent = fill(words.moments, filled);
    const isWhole = startS <= 0.05 && endS >= this.about.duration_s - 0.3;
    byId("evidence-part").hidden = isWhole;
    const [from, to] = [startS, endS].map((time) => clock(time, this.isLong, words));
    byId("evidence-part-text").textContent = fill(words.evidence_part, { from, to });
    this.changed();
  }
}
