/* The list of patients: filters that apply themselves, rows that follow while one scrolls, and the place kept. */

import { followRows, startSelection } from './selection.js';
import { localiseTimes, parseFragment, problemOf, readWords } from './site.js';

const SEARCH_WAIT_MS = 250;
const MOST_ROWS = 200;
const LOADED_ALONE = 300; // rows; then a button loads the next ones, so that one gets to the end of the page
const PLACE = 'patients-place';
const words = readWords();
const byId = (id) => document.getElementById(id);
const form = byId('filters');
const rows = byId('rows');
let running = null;

/** The filters that are set, as a query. */
function currentQuery() {
  const query = new URLSearchParams();
  for (const [key, value] of new FormData(form)) {
    if (value.trim()) query.set(key, value.trim());
  }
  return query;
}

async function fetchFragment(address, signal) {
  const url = new URL(address, location.href);
  url.searchParams.set('fragment', '1');
  const response = await fetch(url, { signal, headers: { Accept: 'text/html' } });
  if (response.redirected || !response.ok) {
    throw new Error(response.redirected ? words.network : await problemOf(response, words.network));
  }
  // The parser keeps list items and templates only inside a list.
  return parseFragment(`<ol>${await response.text()}</ol>`).querySelector('ol');
}

function takeFacts(part) {
  const facts = part.querySelector('[data-facts]');
  if (!facts) return;
  const total = facts.content.textContent.trim();
  if (byId('total').textContent !== total) byId('total').textContent = total;
  byId('rows-status').textContent = facts.dataset.shown;
  facts.remove();
}

/** Run one request for rows at a time; a new one ends the one before it. */
async function load(address, place) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  rows.setAttribute('aria-busy', 'true');
  try {
    const part = await fetchFragment(address, mine.signal);
    takeFacts(part);
    localiseTimes(part);
    place([...part.children]);
    followRows();
    byId('list-error').textContent = '';
  } catch (error) {
    if (error.name !== 'AbortError') byId('list-error').textContent = error instanceof TypeError ? words.network : error.message;
  } finally {
    if (running === mine) {
      running = null;
      rows.removeAttribute('aria-busy');
      watchForMore();
    }
  }
}

/* Endless scroll: the item with the link to the next page is the sentinel. */

const watcher = new IntersectionObserver(
  (entries) => {
    if (entries.some((entry) => entry.isIntersecting) && !running) loadMore();
  },
  { rootMargin: '600px 0px' },
);

function watchForMore() {
  watcher.disconnect();
  const sentinel = rows.querySelector('[data-more]');
  // After an error the link stays as a button; watching it would ask again at once, without end.
  const isFar = rows.querySelectorAll('.row').length >= LOADED_ALONE;
  if (sentinel && !isFar && !byId('list-error').textContent) watcher.observe(sentinel);
}

function loadMore() {
  const sentinel = rows.querySelector('[data-more]');
  byId('rows-status').textContent = words.loading;
  const hadFocus = sentinel.contains(document.activeElement);
  return load(sentinel.querySelector('a').href, (items) => {
    sentinel.replaceWith(...items);
    if (hadFocus) items[0]?.querySelector('a')?.focus();
  });
}

/* Filters. */

function apply() {
  const query = currentQuery();
  const text = query.toString();
  const address = text ? `${form.action}?${text}` : form.action;
  history.replaceState(null, '', address);
  byId('filters-reset').hidden = !text;
  const zip = byId('export-zip');
  byId('selected-filters')?.setAttribute('value', text);
  zip.href = text ? `${zip.dataset.base}?${text}` : zip.dataset.base;
  load(address, (items) => {
    rows.replaceChildren(...items);
    scrollTo({ top: Math.min(scrollY, rows.getBoundingClientRect().top + scrollY) });
  });
}

function startFilters() {
  let timer = 0;
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(apply, wait);
  };
  form.addEventListener('input', (event) => later(event.target.type === 'search' ? SEARCH_WAIT_MS : 0));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    later(0);
  });
  byId('filters-reset').addEventListener('click', (event) => {
    event.preventDefault();
    for (const element of form.elements) if (element.name) element.value = '';
    byId('q').focus();
    later(0);
  });
}

/* Who comes back from a record finds the list as long, and as far down, as it was left. */

function keepPlace() {
  addEventListener('pagehide', () => {
    const place = { address: location.href, number: rows.querySelectorAll('.row').length, top: scrollY };
    sessionStorage.setItem(PLACE, JSON.stringify(place));
  });
}

async function findPlace() {
  const [entry] = performance.getEntriesByType('navigation');
  const place = JSON.parse(sessionStorage.getItem(PLACE) ?? 'null');
  if (entry?.type !== 'back_forward' || place?.address !== location.href) return;
  while (rows.querySelector('[data-more]') && rows.querySelectorAll('.row').length < place.number) {
    const before = rows.querySelectorAll('.row').length;
    await loadRest(Math.min(place.number - before, MOST_ROWS));
    if (rows.querySelectorAll('.row').length === before) break;
  }
  scrollTo({ top: place.top, behavior: 'instant' });
}

function loadRest(limit) {
  const sentinel = rows.querySelector('[data-more]');
  const url = new URL(sentinel.querySelector('a').href);
  url.searchParams.set('limit', limit);
  return load(url, (items) => sentinel.replaceWith(...items));
}

function startDeletion() {
  const word = byId('confirm');
  if (!word) return;
  const button = byId('delete-submit');
  const check = () => {
    button.disabled = !word.checkValidity(); // the word is in the page's language
  };
  word.addEventListener('input', check);
  byId('delete-all').addEventListener('close', () => {
    word.value = '';
    check();
  });
  check();
}

rows.querySelectorAll('[data-facts]').forEach((facts) => facts.remove());
startFilters();
startDeletion();
startSelection(words);
keepPlace();
findPlace().finally(watchForMore);
