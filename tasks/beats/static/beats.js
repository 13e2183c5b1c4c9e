/* The page of beats: a recording goes in one request, whose answer is put into this page and is nowhere else. */
import { bytesOf, Sending } from "../../static/sending.js";
import { fill, readWords } from "../../static/site.js";
import { drawHistogram, drawPoincare } from "./charts.js";
import { Strip } from "./strip.js";

const MOST_RUNS = 12;
const KINDS = { csv: "text/csv", json: "application/json", beats: "application/octet-stream" };
const words = readWords();
const byId = (id) => document.getElementById(id);
let strip = null;

/** Draws what the answer in the page holds. */
function show() {
  const block = byId("beats-data");
  if (!block) return;
  const answer = JSON.parse(block.textContent);
  block.remove();
  answer.signals = answer.samples.map((text) => new Int16Array(bytesOf(text).buffer));
  byId("beats-viewer").hidden = byId("beats-files").hidden = false;
  byId("beats-runs-card").hidden = answer.runs.length === 0;
  byId("beats-rr").hidden = answer.beats.at_ms.length < 3;
  strip?.end();
  strip = new Strip(answer, words);
  strip.start();
  listRuns();
  drawHistogram(byId("beats-histogram"), answer.beats, words, byId("beats-histogram-more"));
  drawPoincare(byId("beats-poincare"), answer.beats, words, byId("beats-poincare-more"));
  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", () => keep(answer, button.dataset.file));
  }
}

function listRuns() {
  const longest = [...strip.runs].sort((one, other) => other.n - one.n).slice(0, MOST_RUNS);
  for (const run of longest) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "beats-link";
    button.textContent = strip.tellRun(run);
    button.addEventListener("click", () => strip.choose(run.first));
    item.append(button);
    byId("beats-runs").append(item);
  }
  const more = strip.runs.length - longest.length;
  byId("beats-runs-more").hidden = more === 0;
  byId("beats-runs-more").textContent = fill(words.moreRuns, { n: more });
}

function keep(answer, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytesOf(answer.files[ending])], { type: KINDS[ending] }));
  link.download = `${ending === "beats" ? answer.record : "beats"}.${ending}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

new Sending("beats", words, show);
document.addEventListener("keydown", (event) => strip?.press(event));
show();
