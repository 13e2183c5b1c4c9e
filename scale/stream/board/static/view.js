import { remarkOn, showRemark, showState } from "./list.js";
import { className, clock, colour, LANGUAGE, make, percent, rankOf, say, setText, sized } from "./words.js";

const COURSE_S = 600;
const CLOCK_S = 1e8; // seconds below it are no moment since 1970
const MOST_CHANGES = 20;
const HEIGHT_PX = 150;
const AXIS = { left: 44, right: 8, top: 8, foot: 34 };
const COLOURS = { alarm: "danger", unusual: "warn", undecided: "edge", quiet: "ok" };
const at = (id) => document.getElementById(id);

/** The patient in view, but for the tracing. */
export class View {
  constructor() {
    this.course = [];
    new ResizeObserver(() => this.drawCourse()).observe(at("course").parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawCourse());
  }

  clear(name) {
    this.course = [];
    setText(at("view-name"), name);
    at("view-state").hidden = true;
    for (const id of ["view-since", "course-caption"]) setText(at(id), "");
    this.showDetail({ notes: [] });
    this.drawCourse();
  }

  take(news) {
    if (news.course) {
      const last = this.course.at(-1);
      if (last && news.course[0][1] < last[1] - COURSE_S) this.course = [];
      const seen = this.course.at(-1)?.[0] ?? 0;
      this.course.push(...news.course.filter((step) => step[0] > seen));
      const newest = this.course.at(-1)[1];
      this.course = this.course.filter((step) => step[1] > newest - COURSE_S);
      this.drawCourse();
      this.listChanges();
    }
    if (news.detail) this.showDetail(news.detail);
  }

  /** The head: what the list says of the patient. */
  showRow(row) {
    at("view-state").hidden = row === null;
    at("view-remark").hidden = row === null || remarkOn(row) === "";
    if (row === null) return;
    showState(at("view-state"), row);
    const probability = row.probability === null ? "" : `${className(row.class)}: ${percent(row.probability)}`;
    const since = row.since_s === null || row.since_s < CLOCK_S ? "" : say("since {time}", { time: clock(row.since_s) });
    setText(at("view-since"), [probability, since].filter((text) => text !== "").join(", "));
    showRemark(at("view-remark"), row);
    this.row = row;
  }

  showDetail(detail) {
    const changes = detail.since_first ?? [];
    fillList(at("since-first"), changes);
    at("since-first-empty").hidden = changes.length > 0;
    fillList(at("quality"), (detail.quality ?? []).slice(1));
    const named = Object.entries(detail.probabilities ?? {}).filter(([, value]) => value !== null);
    fillProbabilities(at("probabilities"), named);
    at("truth").hidden = (detail.truth ?? null) === null;
    setText(at("truth"), detail.truth ? say("The label that came along: {name}", { name: className(detail.truth) }) : "");
  }

  drawCourse() {
    const canvas = at("course");
    const width = canvas.clientWidth;
    if (!width) return;
    const context = sized(canvas, width, HEIGHT_PX);
    context.clearRect(0, 0, width, HEIGHT_PX);
    const newest = this.course.at(-1)?.[1] ?? 0;
    const x = (timeS) => AXIS.left + (1 - (newest - timeS) / COURSE_S) * (width - AXIS.left - AXIS.right);
    const y = (share) => AXIS.top + (1 - share) * (HEIGHT_PX - AXIS.top - AXIS.foot);
    drawAxes(context, width, x, y, newest);
    this.course.forEach((step, place) => {
      const until = Math.min(this.course[place + 1]?.[1] ?? newest + 2, newest + 2);
      context.fillStyle = colour(COLOURS[rankOf(step[2])]);
      context.fillRect(x(step[1]), y(0) + 3, Math.max(x(until) - x(step[1]), 1.5) + 0.5, 7);
    });
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.75;
    context.beginPath();
    let before = null;
    for (const [, timeS, , share] of this.course) {
      if (share === null) before = null;
      else {
        if (before === null || timeS - before > 30) context.moveTo(x(timeS), y(share));
        else context.lineTo(x(timeS), y(share));
        before = timeS;
      }
    }
    context.stroke();
    const last = this.course.at(-1);
    if (last && last[3] !== null) {
      context.fillStyle = colour(COLOURS[rankOf(last[2])]);
      context.beginPath();
      context.arc(x(last[1]) - 1, y(last[3]), 3.5, 0, 7);
      context.fill();
    }
    setText(at("course-caption"), this.row?.class && last ? say("Line: probability of {name}; band: the state that was shown.", { name: className(this.row.class) }) : "");
  }

  /** In words what the band shows: when the state became another. */
  listChanges() {
    const steps = this.course.filter((step, place) => place === 0 || step[2] !== this.course[place - 1][2]).slice(-MOST_CHANGES);
    fillList(at("course-changes"), steps.reverse().map((step) => `${clock(step[1])}  ${className(step[2])}`), false);
  }
}

function drawAxes(context, width, x, y, newest) {
  context.font = "12px system-ui, sans-serif";
  context.lineWidth = 1;
  context.fillStyle = colour("muted");
  context.strokeStyle = colour("line");
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    context.beginPath();
    context.moveTo(AXIS.left, y(share));
    context.lineTo(width - AXIS.right, y(share));
    context.stroke();
    context.fillText(percent(share), AXIS.left - 6, y(share));
  }
  context.textBaseline = "alphabetic";
  for (const [minutes, align] of [[10, "left"], [5, "center"], [0, "right"]]) {
    context.textAlign = align;
    const text = minutes ? say("−{n} min", { n: minutes }) : newest ? clock(newest) : say("now");
    context.fillText(text, x(newest - 60 * minutes), HEIGHT_PX - 6);
  }
}

/** A list of sentences; those of the pipeline are English. */
export function fillList(list, sentences, isForeign = true) {
  const texts = sentences.join("\n");
  if (list.texts === texts) return;
  list.texts = texts;
  list.replaceChildren(...sentences.map((text) => {
    const item = make("li", "", text);
    if (isForeign && LANGUAGE !== "en") item.lang = "en";
    return item;
  }));
}

function fillProbabilities(list, named) {
  const old = new Map([...list.children].map((item) => [item.name, item]));
  const items = named.sort((one, other) => other[1] - one[1]).map(([name, value]) => {
    const item = old.get(name) ?? newBar(name);
    item.children[1].firstElementChild.style.width = `${100 * value}%`;
    item.children[1].setAttribute("aria-valuenow", value.toFixed(2));
    setText(item.children[2], value > 0 && value < 0.01 ? `<\u00a0${percent(0.01)}` : percent(value));
    return item;
  });
  if (items.length !== list.children.length || items.some((item, place) => item !== list.children[place])) list.replaceChildren(...items);
}

function newBar(name) {
  const bar = make("div", "", make("span"));
  const attributes = { role: "meter", "aria-label": className(name), "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": 0 };
  for (const [key, value] of Object.entries(attributes)) bar.setAttribute(key, value);
  const item = make("li", "", make("span", "", className(name)), bar, make("span", "number"));
  item.name = name;
  return item;
}

