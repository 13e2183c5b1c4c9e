/* The upload page: files go in one request, then the job is asked for each second until it has ended. */

import { csrfToken, fill, localiseTimes, parseFragment, problemOf, readWords, root } from './site.js';

const POLL_MS = 1000;
const FEW_REFUSALS = 5;
const words = readWords();
const byId = (id) => document.getElementById(id);
const form = byId('upload-form');
const input = byId('file');
const jobs = byId('jobs');
let request = null;

function sizeText(bytes) {
  const number = (value) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });
  if (bytes < 1024 ** 2) return `${number(bytes / 1024)} ${words.kilobytes}`;
  if (bytes < 1024 ** 3) return `${number(bytes / 1024 ** 2)} ${words.megabytes}`;
  return `${number(bytes / 1024 ** 3)} ${words.gigabytes}`;
}

function say(id, sentence, field = null) {
  byId(id).textContent = sentence;
  for (const element of [input, byId('fs_hz'), byId('template-file')]) {
    if (element.getAttribute('aria-describedby').includes(id)) element.toggleAttribute('aria-invalid', false);
  }
  if (sentence && field) {
    field.setAttribute('aria-invalid', 'true');
    field.focus();
  }
}

/* Choosing: the input, the drop zone and folders in it. */

/** The first three names, and how many there are besides. */
function firstNames(names) {
  const shown = names.slice(0, 3).join(', ');
  const number = names.length - 3;
  return number > 0 ? fill(words.andMore, { names: shown, number }) : shown;
}

function showChosen() {
  const files = [...input.files];
  byId('chosen').hidden = files.length === 0;
  byId('drop').classList.toggle('drop-full', files.length > 0);
  if (files.length === 0) return;
  byId('chosen-text').textContent = fill(words.chosen, {
    names: firstNames(files.map((file) => file.name)),
    size: sizeText(files.reduce((sum, file) => sum + file.size, 0)),
  });
  say('upload-error', '');
}

/* A folder's listing comes in parts; an empty part ends it. */
async function filesOfEntry(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return files;
    for (const inner of part) files.push(...(await filesOfEntry(inner)));
  }
}

async function takeDropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = entries.length ? (await Promise.all(entries.map(filesOfEntry))).flat() : [...transfer.files];
  const chosen = new DataTransfer();
  for (const file of files) chosen.items.add(file);
  input.files = chosen.files;
  showChosen();
}

function startChoosing() {
  const drop = byId('drop');
  for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('drop-over');
    });
  }
  drop.addEventListener('dragleave', (event) => {
    if (!drop.contains(event.relatedTarget)) drop.classList.remove('drop-over');
  });
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('drop-over');
    if (!request) takeDropped(event.dataTransfer);
  });
  // A file that misses the zone must not replace the page.
  for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => event.preventDefault());
  input.addEventListener('change', showChosen);
  byId('chosen-clear').addEventListener('click', () => {
    input.value = '';
    showChosen();
    input.focus();
  });
  showChosen();
}

/* The transfer. */

function whatIsWrong() {
  const files = [...input.files];
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const rate = byId('fs_hz');
  const mostFiles = Number(form.dataset.mostFiles);
  const mostBytes = Number(form.dataset.mostBytes);
  if (files.length === 0) return [words.chooseFile, input];
  if (mostFiles && files.length > mostFiles) return [fill(words.tooMany, { number: files.length, most: mostFiles }), input];
  if (mostBytes && bytes > mostBytes) {
    return [fill(words.tooLarge, { size: sizeText(bytes), most: sizeText(mostBytes) }), input];
  }
  if (!rate.validity.valid) return [words.rate, rate];
  return null;
}

const warnOfLoss = (event) => event.preventDefault();

function setSending(sending) {
  byId('transfer').hidden = !sending;
  for (const id of ['upload-start', 'file', 'fs_hz', 'chosen-clear']) byId(id).disabled = sending;
  if (sending) window.addEventListener('beforeunload', warnOfLoss);
  else window.removeEventListener('beforeunload', warnOfLoss);
}

function showTransfer(part) {
  byId('transfer-bar').value = part;
  byId('transfer-text').textContent =
    part < 1 ? fill(words.sending, { percent: Math.floor(part * 100) }) : words.storing;
}

function send() {
  const names = [...input.files].map((file) => file.name);
  const body = new FormData();
  for (const file of input.files) body.append('file', file, file.name);
  if (byId('fs_hz').value) body.append('fs_hz', byId('fs_hz').value);
  request = new XMLHttpRequest();
  request.open('POST', `${root}api/v1/records`);
  request.setRequestHeader('X-CSRFToken', csrfToken);
  request.setRequestHeader('Accept', 'application/json');
  request.upload.addEventListener('progress', (event) => {
    if (event.lengthComputable) showTransfer(event.loaded / event.total);
  });
  request.addEventListener('load', () => ended(request.status, request.responseText, names));
  request.addEventListener('error', () => ended(0, '', names));
  request.addEventListener('abort', () => ended(-1, '', names));
  setSending(true);
  showTransfer(0);
  byId('transfer-cancel').focus();
  request.send(body);
}

async function ended(status, text, names) {
  request = null;
  setSending(false);
  if (status === 202) {
    input.value = '';
    showChosen();
    addJob(JSON.parse(text).job, names);
  } else if (status === -1) {
    say('upload-error', words.cancelled);
  } else {
    const told = status === 0 ? words.network : await problemOf(new Response(text), fill(words.status, { status }));
    say('upload-error', told);
  }
  byId('upload-start').focus();
}

function startTransfers() {
  form.noValidate = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (request) return;
    const wrong = whatIsWrong();
    say('upload-error', ...(wrong ?? ['']));
    if (!wrong) send();
  });
  byId('transfer-cancel').addEventListener('click', () => request?.abort());
}

/* Jobs. */

const part = (card, name) => card.querySelector(`[data-part="${name}"]`);

function addJob(id, names) {
  const card = byId('job-card').content.firstElementChild.cloneNode(true);
  card.dataset.job = id;
  part(card, 'cancel').action = `${root}jobs/${encodeURIComponent(id)}/cancel`;
  showName(card, firstNames(names));
  part(card, 'time').dateTime = new Date().toISOString();
  localiseTimes(card);
  jobs.prepend(card);
  byId('jobs-card').hidden = false;
  byId('announce').textContent = words.waiting;
  card.scrollIntoView({ block: 'nearest' });
  poll();
}

function showName(card, name) {
  part(card, 'name').textContent = name;
  part(card, 'cancel-button')?.setAttribute('aria-label', fill(words.cancelUpload, { name }));
}

function refusalItems(refused) {
  return refused.map((entry) => {
    const item = document.createElement('li');
    const name = document.createElement('b');
    const reason = document.createElement('span');
    name.textContent = entry.name;
    const said = entry.translation ?? entry.reason;
    const [file] = said.split(': ', 1);
    const named = file.length < said.length && (file === entry.name || file.startsWith(`${entry.name}.`));
    if (named) name.textContent = file;
    reason.textContent = named ? said.slice(file.length + 2) : said;
    if (said === entry.reason) reason.lang = 'en';
    if (named || !said.startsWith(entry.name)) item.append(name, ' ');
    item.append(reason);
    return item;
  });
}

const kinds = new Intl.PluralRules(document.documentElement.lang);

/** "3 records read", in the grammar of the page's language. */
const counted = (kind, number) => fill(words.counts[kinds.select(number)][kind], { number });

/** A sentence about a recording in which {record} is a link to it. */
function noteItem(sentence, { name, record }) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = `${root}patients/${encodeURIComponent(record)}`;
  link.textContent = record;
  const [before, after] = sentence.split('{record}').map((text) => fill(text, { name }));
  item.append(before, link, after);
  return item;
}

function noteItems(job) {
  const known = job.already_here.map((each) => {
    const sentence = each.stored_as ? words.copyOf : each.record === each.name ? words.here : words.hereAs;
    return noteItem(sentence, each);
  });
  return [...known, ...job.renamed.map((each) => noteItem(words.renamed, each))];
}

/** What was here already and what was renamed; how many recordings were here and are not stored again. */
function showNotes(card, job) {
  const number = job.already_here.length + job.renamed.length;
  const few = number <= FEW_REFUSALS;
  part(card, 'notes').hidden = number === 0;
  part(card, 'few-notes').hidden = !few;
  part(card, 'many-notes').hidden = few;
  const list = part(card, few ? 'few-notes' : 'many-notes-list');
  if (list.childElementCount !== number) list.replaceChildren(...noteItems(job));
  showCount(card, 'renamed', 'renamed', job.renamed.length);
}

function showCount(card, name, kind, number) {
  part(card, name).hidden = number === 0;
  part(card, name).textContent = counted(kind, number);
}

const numberKnown = (job) => job.already_here.filter((each) => !each.stored_as).length;

function showResult(card, job) {
  const [number, refused, known] = [job.records.length, job.refused.length, numberKnown(job)];
  part(card, 'result').hidden = !(job.state === 'done' || job.state === 'cancelled');
  part(card, 'cancelled').hidden = job.state !== 'cancelled';
  const left = job.state === 'cancelled' ? job.total - job.done : 0;
  showCount(card, 'left', 'left', left);
  showCount(card, 'known', 'known', known);
  showCount(card, 'refused-number', 'refused', refused);
  showCount(card, 'read', 'read', number - known);
  part(card, 'read').hidden = number === known && known + refused > 0;
  showNotes(card, job);
  const link = part(card, 'link');
  link.hidden = number === 0;
  link.textContent = number === 1 ? words.openRecord : words.showPatients;
  link.href = number === 1 ? `${root}patients/${encodeURIComponent(job.records[0])}` : `${root}patients`;
  const few = refused <= FEW_REFUSALS;
  part(card, 'refused').hidden = refused === 0;
  part(card, 'few').hidden = !few;
  part(card, 'many').hidden = few;
  const list = part(card, few ? 'few' : 'many-list');
  if (list.childElementCount !== refused) list.replaceChildren(...refusalItems(job.refused));
}

function showJob(card, job) {
  card.dataset.state = job.state;
  if (job.name) showName(card, job.name);
  part(card, 'progress').hidden = !(job.state === 'queued' || job.state === 'running');
  const bar = part(card, 'bar');
  if (job.state === 'running' && job.total) {
    bar.max = job.total;
    bar.value = job.done;
    part(card, 'state').textContent = fill(words.readingOf, job);
  } else {
    bar.removeAttribute('value');
    part(card, 'state').textContent = job.state === 'queued' ? words.waiting : words.reading;
  }
  showResult(card, job);
  part(card, 'error').hidden = job.state !== 'failed';
  part(card, 'error').textContent = job.error_translation ?? job.error ?? '';
  if (!(job.state === 'queued' || job.state === 'running')) {
    const sentences = job.state === 'cancelled' ? [words.jobCancelled] : [];
    const known = numberKnown(job);
    const counts = { read: job.records.length - known, known, renamed: job.renamed.length, refused: job.refused.length };
    for (const [kind, number] of Object.entries(counts)) if (number || kind === 'read') sentences.push(counted(kind, number));
    byId('announce').textContent = `${job.name}: ${job.error_translation || job.error || sentences.join(', ')}`;
  }
}

const moving = () => [...jobs.querySelectorAll('[data-state="queued"], [data-state="running"]')];
let polling = false;

async function askFor(card) {
  const response = await fetch(`${root}api/v1/jobs/${encodeURIComponent(card.dataset.job)}`, {
    headers: { Accept: 'application/json' },
  });
  if (response.ok) {
    showJob(card, await response.json());
  } else if (response.status < 500) {
    // The job is gone or may no longer be seen: its card says so and is left alone.
    card.dataset.state = 'failed';
    part(card, 'progress').hidden = true;
    part(card, 'error').hidden = false;
    part(card, 'error').textContent = await problemOf(response, fill(words.status, { status: response.status }));
  }
}

/* An upload is cancelled without loading the page again, so that a transfer may go on; its answer is the job as it is then. */
async function cancelJob(sent) {
  const card = sent.closest('[data-job]');
  part(card, 'cancel-button').disabled = true;
  const response = await fetch(`${root}api/v1/jobs/${encodeURIComponent(card.dataset.job)}/cancel`, {
    method: 'POST',
    headers: { 'X-CSRFToken': csrfToken, Accept: 'application/json' },
  });
  part(card, 'cancel-button').disabled = false;
  if (response.ok) showJob(card, await response.json());
  else if (response.status === 409) await askFor(card); // it has just ended
  else byId('jobs-error').textContent = await problemOf(response, fill(words.status, { status: response.status }));
  const next = jobs.querySelector('[data-part="progress"]:not([hidden]) [data-part="cancel-button"]');
  if (part(card, 'progress').hidden) (next ?? part(card, 'name')).focus(); // the button that had the focus is gone
}

function startCancelling() {
  jobs.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await cancelJob(event.target);
    } catch {
      part(event.target.closest('[data-job]'), 'cancel-button').disabled = false;
      byId('jobs-error').textContent = words.network;
    }
  });
}

async function poll() {
  if (polling) return;
  polling = true;
  while (moving().length) {
    try {
      await Promise.all(moving().map(askFor));
      byId('jobs-error').textContent = '';
    } catch {
      byId('jobs-error').textContent = words.networkPoll;
    }
    if (moving().length) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  polling = false;
}

/* The submission form: its part of the page is taken from the server's page again, so that a transfer may go on. */

function takeOver(html) {
  const fresh = parseFragment(html);
  for (const id of ['form-now', 'flashes']) {
    const part = fresh.getElementById(id);
    if (part) byId(id).replaceWith(part);
  }
  localiseTimes(byId('form-now'));
}

async function sendTemplate() {
  const file = byId('template-file');
  if (file.files.length === 0) return say('template-error', words.chooseForm, file);
  const body = new FormData();
  body.append('file', file.files[0]);
  const response = await fetch(`${root}api/v1/template`, {
    method: 'POST',
    body,
    headers: { 'X-CSRFToken': csrfToken, Accept: 'application/json' },
  });
  if (!response.ok) {
    return say('template-error', await problemOf(response, fill(words.status, { status: response.status })), file);
  }
  say('template-error', '');
  file.value = '';
  byId('template-name').textContent = '';
  takeOver(await (await fetch(root)).text());
}

async function takeFormAway(away) {
  const response = await fetch(away.action, { method: 'POST', body: new FormData(away) });
  if (!response.ok) return say('template-error', fill(words.status, { status: response.status }));
  say('template-error', '');
  takeOver(await response.text());
  byId('template-file').focus();
}

function startTemplate() {
  byId('template-form').noValidate = true;
  byId('template-file').addEventListener('change', (event) => {
    byId('template-name').textContent = event.target.files[0]?.name ?? '';
    say('template-error', '');
  });
  document.addEventListener('submit', async (event) => {
    const send = { 'template-form': sendTemplate, 'form-away': takeFormAway }[event.target.id];
    if (!send) return;
    event.preventDefault();
    try {
      await send(event.target);
    } catch {
      say('template-error', words.network);
    }
  });
}

// Readers are shown what was uploaded, without the forms.
if (form) {
  startChoosing();
  startTransfers();
  startTemplate();
}
startCancelling();
poll();
