import { fillList } from "./view.js";
import { className, clock, colour, LANGUAGE, make, number, percent, rankOf, say, setText, sized } from "./words.js";

const at = (id) => document.getElementById(id);
const SHADES = 5;
const BATCHES_PX = 64;

/** The sections beneath, those that have changed. */
export function showFigures(news) {
  if (news.counts) showCounts(news.counts);
  if (news.stream) showStream(news.stream);
  if ("scores" in news) showScores(news.scores);
  if (news.letters) showLetters(news.letters);
  if (news.notes) fillList(at("notes"), news.notes.map((note) => `${clock(note.at_s)}  ${note.patient}: ${note.sentence}`));
}

function showCounts({ now, results, refused, totals }) {
  const names = [...new Set([...Object.keys(now), ...Object.keys(results)])].filter((name) => name !== "");
  names.sort((one, other) => order(one) - order(other) || one.localeCompare(other));
  const rows = names.map((name) => [className(name), number(now[name] ?? 0), number(results[name] ?? 0)]);
  if (now[""] || refused) rows.push([say("no decision"), number(now[""] ?? 0), number(refused)]);
  fillTable(at("counts"), rows);
  setText(at("letters-count"), number(totals.letters));
  setText(at("notes-count"), say("{notes} notes; {repeats} messages came twice; {chunks} chunks in all.", { notes: number(totals.notes), repeats: number(totals.repeats), chunks: number(totals.chunks) }));
}

const order = (name) => ["alarm", "unusual", "undecided", "quiet"].indexOf(rankOf(name));

function showStream({ lags, rates, behind }) {
  const seconds = (value) => say("{n} s", { n: number(value, 1) });
  const shown = behind === null ? [] : [[say("Half of the results within"), seconds(behind.p50)], [say("95 % of the results within"), seconds(behind.p95)]];
  at("behind").replaceChildren(...shown.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))));
  at("behind").hidden = !shown.length;
  fillTable(at("rates"), Object.entries(rates).map(([topic, rate]) => [topic, number(rate, 1)]));
  fillTable(at("lags"), Object.entries(lags).map(([group, count]) => [group, number(count)]));
  for (const id of ["rates", "lags"]) at(id).parentElement.hidden = !at(id).children.length;
}

function showScores(scores) {
  at("scores").hidden = scores === null;
  if (scores === null) return;
  const line = (name, value) => [name, value ? percent(value.accuracy) : "–", value ? number(value.macro_f1, 2) : "–"];
  const batch = { n: number(scores.batch) };
  fillTable(at("agreement"), [line(say("All results so far"), scores.overall), line(say("Last {n} results", batch), scores.batches.at(-1))]);
  setText(at("scores-caption"), say("{results} results with a label, {refused} more without a decision. Results of one patient overlap: they are not independent.", { results: number(scores.results), refused: number(scores.refused) }));
  drawBatches(scores.batches);
  at("confusion-head").replaceChildren(make("tr", "", make("td"), ...scores.classes.map((name) => header("col", className(name)))));
  at("confusion").replaceChildren(...scores.confusion.map((counts, truth) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const cells = counts.map((count, label) => {
      const cell = make("td", "number", number(count));
      if (count) cell.dataset.shade = Math.ceil((SHADES * count) / total);
      if (label === truth) cell.dataset.right = "true";
      return cell;
    });
    return make("tr", "", header("row", className(scores.classes[truth])), ...cells);
  }));
}

/** Macro-F1 of one batch after the other, a bar each. */
function drawBatches(batches) {
  const canvas = at("batches");
  canvas.hidden = batches.length < 2;
  const width = canvas.clientWidth;
  if (canvas.hidden || !width) return;
  const context = sized(canvas, width, BATCHES_PX);
  context.clearRect(0, 0, width, BATCHES_PX);
  const step = Math.min(width / batches.length, 14);
  batches.forEach((batch, place) => {
    const high = Math.max(batch.macro_f1 * (BATCHES_PX - 2), 1);
    context.fillStyle = colour("accent");
    context.fillRect(place * step, BATCHES_PX - high, Math.max(step - 1.5, 1), high);
  });
  context.fillStyle = colour("line");
  context.fillRect(0, BATCHES_PX - 1, width, 1);
  canvas.setAttribute("aria-label", say("Macro-F1 of the last batches: {values}", { values: batches.slice(-10).map((batch) => number(batch.macro_f1, 2)).join("; ") }));
}

function showLetters(letters) {
  const rows = letters.map((letter) => {
    const reason = make("td", "", letter.reason ?? "");
    if (LANGUAGE !== "en") reason.lang = "en";
    const place = `${letter.topic ?? "?"} [${letter.partition ?? "?"}] @${letter.offset ?? "?"}`;
    return make("tr", "", make("td", "", clock(letter.at_s)), make("td", "", make("code", "", place)), make("td", "", letter.patient ?? "–"), reason);
  });
  const none = make("td", "muted", say("None so far."));
  none.colSpan = 4;
  at("letters").replaceChildren(...(rows.length ? rows : [make("tr", "", none)]));
}

function header(scope, text) {
  const cell = make("th", scope === "col" ? "number" : "", text);
  cell.scope = scope;
  return cell;
}

/** Rows of a name and numbers. */
function fillTable(body, rows) {
  body.replaceChildren(...rows.map(([name, ...values]) => make("tr", "", header("row", name), ...values.map((value) => make("td", "number", value)))));
}
