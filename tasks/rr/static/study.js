/* What is known of a study at a threshold: its anomalies and runs, and the tables of all studies as the command line writes them. */

export const PARTS = 10000;

/** Indices of runs: first, and how many. */
export function runsOf(told, threshold) {
  const runs = [];
  for (let at = 0; at < told.length; at += 1) {
    if (told[at] < threshold) continue;
    const last = runs.at(-1);
    if (last && last.first + last.n === at) last.n += 1;
    else runs.push({ first: at, n: 1 });
  }
  for (const run of runs) {
    const own = told.slice(run.first, run.first + run.n);
    run.mean = own.reduce((sum, each) => sum + each, 0) / run.n / PARTS;
  }
  return runs;
}

/** A cell of CSV which no spreadsheet runs. */
function cell(text) {
  const isNumber = text.trim() !== "" && !Number.isNaN(Number(text));
  const safe = !isNumber && /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function intervalsTable(studies, kind, threshold) {
  const lines = ["id,time,x,probability,anomaly,error"];
  for (const study of studies) {
    const errors = new Set(study.errors);
    const id = cell(study.id);
    study[kind].forEach((part, at) => {
      const last = `${(part / PARTS).toFixed(4)},${Number(part >= threshold)},${Number(errors.has(at))}`;
      lines.push(`${id},${study.time[at]},${study.x[at]},${last}`);
    });
  }
  return `${lines.join("\n")}\n`;
}

export function runsTable(studies, kind, threshold) {
  const lines = ["id,start,end,number,mean_probability"];
  for (const study of studies) {
    for (const run of runsOf(study[kind], threshold)) {
      const [start, end] = [study.time[run.first], study.time[run.first + run.n - 1]];
      lines.push(`${cell(study.id)},${start},${end},${run.n},${Number(run.mean.toFixed(4))}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
