import { readWords } from "./site.js";
import { beatLoader, showBeats } from "./viewer/beats.js";
import { Viewer } from "./viewer/viewer.js";

const FIELDS = "input:not([type=radio], [type=checkbox], [type=range]), textarea, select";

const byId = (id) => document.getElementById(id);

/** What can be sent together: sites only with a correction, and no site beside "no infarction". */
function bindReview(form) {
  const sites = [...form.querySelectorAll("[name=sites]")];
  const none = form.querySelector("#no-infarction");
  const verdicts = [...form.querySelectorAll("[name=verdict]")];
  const comment = form.querySelector("[name=comment]");
  const left = form.querySelector("#comment-left");
  const weigh = () => {
    const isCorrection = verdicts.some((each) => each.checked && each.value === "correct");
    for (const each of [...sites, none]) each.disabled = !isCorrection;
  };
  const count = () => {
    left.textContent = `${comment.value.length} / ${comment.maxLength}`;
  };
  for (const each of verdicts) each.addEventListener("change", weigh);
  none.addEventListener("change", () => {
    if (none.checked) for (const each of sites) each.checked = false;
  });
  for (const each of sites) {
    each.addEventListener("change", () => {
      none.checked = !sites.some((site) => site.checked);
    });
  }
  comment.addEventListener("input", count);
  weigh();
  count();
}

/** Whether keys belong to what has the focus: a field, the calipers, the tracing that scrolls, an open dialog. */
function isTaken(event, isArrow) {
  const { target } = event;
  if (document.querySelector("dialog[open]")) return true;
  if (target.closest(FIELDS)) return true;
  return isArrow && target.closest("#caliper, #paper-scroll, input") !== null;
}

function bindKeys(viewer) {
  const follow = (id) => byId(id)?.click();
  const acts = {
    p: () => follow("previous"),
    n: () => follow("next"),
    ArrowLeft: () => follow("previous"),
    ArrowRight: () => follow("next"),
    a: () => viewer.samples.part && follow("agree-next"), // nobody agrees with what has not been seen
    e: () => viewer.evidence.toggle(),
    f: () => viewer.toggleMarks(),
    c: () => viewer.measure(!viewer.calipers.isOn),
    1: () => viewer.choose("layout", "3x4"),
    2: () => viewer.choose("layout", "6x2"),
    3: () => viewer.choose("layout", "12x1"),
    "+": () => viewer.zoom.in(),
    "=": () => viewer.zoom.in(),
    "-": () => viewer.zoom.out(),
    0: () => viewer.zoom.set(1),
    "[": () => follow("earlier"),
    "]": () => follow("later"),
    r: () => viewer.nextRhythm(),
    s: () => follow("full-screen"),
    v: () => follow("to-measured"),
    m: () => viewer.calipers.isOn && viewer.march(),
    "?": () => byId("keys").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "a" && event.repeat) return;
    if (!Object.hasOwn(acts, key) || isTaken(event, key.startsWith("Arrow"))) return;
    event.preventDefault();
    acts[key]();
  });
}

function bindPrint(viewer) {
  window.addEventListener("beforeprint", () => viewer.print(true));
  window.addEventListener("afterprint", () => viewer.print(false));
  window.matchMedia("print").addEventListener("change", (event) => viewer.print(event.matches));
}

/** A drawing is made when it is first asked for: ask until it is there, then save it. */
async function save(link) {
  link.setAttribute("aria-busy", "true");
  try {
    let answer = await fetch(link.href);
    while (answer.status === 202) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      answer = await fetch(link.href);
    }
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const address = URL.createObjectURL(await answer.blob());
    const saved = document.createElement("a");
    Object.assign(saved, { href: address, download: link.download });
    saved.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch {
    window.open(link.href); // which shows why
  } finally {
    link.removeAttribute("aria-busy");
  }
}

function bindDrawings() {
  for (const link of document.querySelectorAll("[data-drawing]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      if (!link.hasAttribute("aria-busy")) save(link);
    });
  }
}

function start() {
  byId("viewer").hidden = false;
  for (const each of document.querySelectorAll("[data-go-s]")) each.hidden = false;
  const [about, words] = [JSON.parse(byId("about").textContent), readWords()];
  const loadBeat = beatLoader(`${about.api}/beat`);
  const viewer = new Viewer(about, words, loadBeat);
  viewer.measure(false);
  viewer.show();
  if (about.measured) showBeats(loadBeat, about.measured, words);
  bindKeys(viewer);
  bindPrint(viewer);
  bindDrawings();
  byId("print").addEventListener("click", () => window.print());
  if (byId("review")) bindReview(byId("review"));
  const waves = document.querySelector(".leads-table");
  if (waves) waves.open = window.matchMedia("(min-width: 60rem)").matches; // where it has room
}

start();
