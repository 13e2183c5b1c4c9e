import { List } from "./list.js";
import { Tracing } from "./tracing.js";
import { View } from "./view.js";
import { showFigures } from "./figures.js";
import { LANGUAGE, make, number, say, setText } from "./words.js";

const AGAIN_MS = 2000;
const at = (id) => document.getElementById(id);
const tracing = new Tracing(at("tracing"));
const view = new View();
const list = new List(at("rows"), (patient) => watch(patient));
let source = null;
let patient = new URLSearchParams(location.search).get("patient");

/** Bring a patient into view: his tracing and course come from now on. */
function watch(name) {
  if (name === patient && source) return;
  patient = name;
  const address = new URL(location.href);
  address.searchParams.set("patient", name);
  history.replaceState(null, "", address);
  keepPatientInLinks();
  view.clear(name);
  tracing.clear();
  list.select(name);
  view.showRow(list.row(name));
  connect();
}

function connect() {
  if (source) source.close();
  const query = patient === null ? "" : `?patient=${encodeURIComponent(patient)}`;
  source = new EventSource(`live/events${query}`);
  source.addEventListener("snapshot", (event) => {
    connected("live", say("Connected"));
    list.clear();
    tracing.clear(); // what a new connection knows of it comes from the beginning
    view.course = [];
    take(JSON.parse(event.data));
    if (patient === null && list.first() !== null) watch(list.first());
  });
  source.addEventListener("changes", (event) => {
    take(JSON.parse(event.data));
    if (patient === null && list.first() !== null) watch(list.first());
  });
  source.addEventListener("patient", (event) => {
    const news = JSON.parse(event.data);
    if (news.patient !== patient) return;
    if (news.tracing) tracing.add(news.tracing);
    view.take(news);
  });
  source.addEventListener("end", () => connected("lost", say("The board is closing, or was too slow for this browser; trying again")));
  source.onerror = () => {
    connected("lost", say("The connection to the board is lost; trying again"));
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
  };
}

function connected(kind, text) {
  at("connection").dataset.kind = kind;
  setText(at("connection"), text);
}

/** What has changed for all viewers. */
function take(news) {
  list.take(news.rows, news.gone ?? []);
  list.select(patient);
  const row = list.row(patient);
  view.showRow(row);
  at("tracing").dataset.silent = row !== null && row.silent;
  showFigures(news);
  if (news.lines) {
    at("lines").replaceChildren(...news.lines.map((line) => {
      const item = make("p", "line", line.sentence);
      if (LANGUAGE !== "en") item.lang = "en";
      return item;
    }));
  }
  if ("quiet_s" in news) {
    at("quiet").hidden = news.quiet_s === null;
    setText(at("quiet"), news.quiet_s === null ? "" : say("No data for {n} s.", { n: number(news.quiet_s) }));
  }
  const alarms = list.alarms();
  const title = alarms.length ? `(${alarms.length}) ${say("Live board")}` : say("Live board");
  if (document.title !== title) document.title = title;
  const fresh = list.freshAlarms();
  if (fresh.length) setText(at("announced"), say("Infarction: {names}", { names: fresh.slice(0, 5).join(", ") }));
}

/** The other language shows the same patient. */
function keepPatientInLinks() {
  for (const link of document.querySelectorAll(".languages a")) {
    const address = new URL(link.href);
    if (patient !== null) address.searchParams.set("patient", patient);
    link.href = address;
  }
}

keepPatientInLinks();
if (patient !== null) view.clear(patient);
connect();
