/* Records that are selected in the list: by mouse, with Shift for all between, or by keys. */

import { fill } from './site.js';

const FEW_NAMES = 5;
const byId = (id) => document.getElementById(id);
const rows = byId('rows');
let words = {};
let anchor = null; // the box that was ticked last

const boxes = () => [...rows.querySelectorAll('.row-pick input')];
const chosen = () => boxes().filter((box) => box.checked);

/** Say how many there are, and offer what can be done with them. */
function show() {
  const number = chosen().length;
  const isTooMany = number > words.mostSelected;
  const kind = new Intl.PluralRules(document.documentElement.lang).select(number);
  const count = fill(words.selected[kind], { number });
  byId('selected-count').textContent = number ? (isTooMany ? `${count}. ${words.tooMany}` : count) : '';
  byId('selected').classList.toggle('selected-some', number > 0);
  byId('selected-actions').hidden = number === 0;
  for (const id of ['selected-export', 'selected-print']) byId(id).disabled = isTooMany;
  byId('selected-delete')?.toggleAttribute('hidden', isTooMany);
  const all = byId('pick-all');
  all.checked = number > 0 && number === boxes().length;
  all.indeterminate = number > 0 && !all.checked;
  for (const box of boxes()) box.closest('.row').classList.toggle('row-chosen', box.checked);
}

/** Tick or clear all boxes from the last one that was ticked to this one. */
function reach(box) {
  const all = boxes();
  const [from, to] = [all.indexOf(anchor), all.indexOf(box)].sort((one, other) => one - other);
  if (from < 0) return;
  for (const each of all.slice(from, to + 1)) each.checked = box.checked;
}

function clear() {
  for (const box of chosen()) box.checked = false;
  anchor = null;
  show();
}

function step(box, isUp, isReaching) {
  const all = boxes();
  const next = all[all.indexOf(box) + (isUp ? -1 : 1)];
  if (!next) return;
  if (isReaching) {
    box.checked = true;
    next.checked = true;
    anchor = next;
    show();
  }
  next.focus();
}

function onKey(event) {
  const row = event.target.closest('.row');
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = row.querySelector('.row-pick input');
  const isBox = event.target === box;
  if (event.key === 'x') {
    box.checked = !box.checked;
    anchor = box;
    show();
  } else if (isBox && event.shiftKey && event.key === ' ') {
    box.checked = !box.checked;
    reach(box);
    anchor = box;
    show();
  } else if (isBox && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
    step(box, event.key === 'ArrowUp', event.shiftKey);
  } else {
    return;
  }
  event.preventDefault();
}

/** Rows came or went: those that are there count. */
export function followRows() {
  if (!byId('selected')) return;
  if (!anchor?.isConnected) anchor = null;
  show();
}

/** Name the records that are about to be deleted. */
function nameThem() {
  const names = chosen().map((box) => box.value);
  const first = names.slice(0, FEW_NAMES).join(', ');
  const more = names.length - FEW_NAMES;
  byId('delete-selected-names').textContent = more > 0 ? fill(words.andMore, { names: first, number: more }) : first;
}

export function startSelection(given) {
  words = given;
  if (!byId('selected')) return;
  byId('pick-all-line').hidden = false;
  byId('selected-clear').hidden = false;
  rows.addEventListener('click', (event) => {
    if (!event.target.matches('.row-pick input')) return;
    if (event.shiftKey) reach(event.target);
    anchor = event.target;
    show();
  });
  rows.addEventListener('keydown', onKey);
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !document.querySelector('dialog[open], details.menu[open]')) clear();
  });
  byId('pick-all').addEventListener('change', (event) => {
    for (const box of boxes()) box.checked = event.target.checked;
    show();
  });
  byId('selected-clear').addEventListener('click', () => {
    clear();
    byId('pick-all').focus();
  });
  byId('selected-delete')?.addEventListener('click', nameThem);
  addEventListener('pageshow', show); // a browser that goes back fills the boxes in again
  show();
}
