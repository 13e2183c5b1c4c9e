/* The page of beats: a recording goes in one request, whose answer is put into this page and is nowhere else. */
import { fill, readWords } from "../../static/site.js";
import { drawHistogram, drawPoincare } from "./charts.js";
import { Strip } from "./strip.js";

const MB = 1048576;
const MOST_RUNS = 12;
const KINDS = { csv: "text/csv", json: "application/json", beats: "application/octet-stream" };
const words = readWords();
const byId = (id) => document.getElementById(id);
let strip = null;

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

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

/* Sending */

const form = byId("beats-form");

/** A sentence beside the form; lang : of one that is not in the page's language. */
function tell(error, running = "", lang = "") {
  byId("beats-error").textContent = error;
  byId("beats-error").lang = lang || document.documentElement.lang;
  byId("beats-running").textContent = running;
  byId("beats-start").disabled = Boolean(running);
  form.setAttribute("aria-busy", String(Boolean(running)));
}

function size() {
  return [...byId("beats-file").files].reduce((sum, file) => sum + file.size, 0);
}

const inMb = (bytes) => (bytes < MB / 10 ? Math.max(bytes / MB, 0.01).toFixed(2) : (bytes / MB).toFixed(1)).replace(".", words.point);

function choose() {
  const names = [...byId("beats-file").files].map((file) => file.name).join(", ");
  byId("beats-chosen").textContent = names && fill(words.chosen, { names, size: inMb(size()) });
  byId("beats-drop").classList.toggle("drop-full", Boolean(names));
  tell("");
}

async function send(event) {
  event.preventDefault();
  const most = Number(form.dataset.mostBytes);
  if (size() > most - 65536) {
    tell(fill(words.tooLarge, { size: inMb(size()), most: most / MB }));
    return;
  }
  tell("", words.running);
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form) });
    take(response, new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    tell(words.network);
  }
}

/** Puts the answer of another page into this one, or says in a sentence why there is none, and then nothing is lost. */
function take(response, page) {
  const answer = page.getElementById("beats-answer");
  if (answer) {
    tell("");
    strip?.end();
    byId("beats-place").replaceChildren(document.adoptNode(answer));
    show();
    byId("beats-title").focus();
    return;
  }
  if (response.redirected) {
    tell(words.ended);
    return;
  }
  const refused = page.getElementById("beats-error");
  const told = refused?.textContent || page.querySelector(".told")?.textContent;
  tell(told || fill(words.status, { status: response.status }), "", refused?.lang);
}

function startDrop() {
  const drop = byId("beats-drop");
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("drop-over");
    });
  }
  drop.addEventListener("dragleave", (event) => {
    if (!drop.contains(event.relatedTarget)) drop.classList.remove("drop-over");
  });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("drop-over");
    if (event.dataTransfer.files.length) byId("beats-file").files = event.dataTransfer.files;
    choose();
  });
}

if (form) {
  form.addEventListener("submit", send);
  byId("beats-file").addEventListener("change", choose);
  startDrop();
}
document.addEventListener("keydown", (event) => strip?.press(event));
show();
