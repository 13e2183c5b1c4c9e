/* What every page needs: the theme switch, times in the reader's zone, menus that close, dialogs; and helpers. */

const page = document.documentElement;
const TIME_STYLE = {
  en: ['en-GB', { day: 'numeric', month: 'short' }],
  ru: ['ru', { day: '2-digit', month: '2-digit' }],
};

export const root = document.querySelector('meta[name="root"]')?.content ?? '/';
export const csrfToken = document.querySelector('meta[name="csrf-token"]')?.content ?? '';

/** The texts of this page in its language, from the block that the server wrote. */
export function readWords() {
  return JSON.parse(document.getElementById('words')?.textContent || '{}');
}

/** "{done} of {total}" with its names filled in. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Elements of a fragment that the server rendered; scripts in it never run. */
export function parseFragment(html) {
  return new DOMParser().parseFromString(html, 'text/html');
}

/** The sentence for the user in a problem document, or the other sentence where there is none. */
export async function problemOf(response, otherwise) {
  try {
    const problem = await response.json();
    return problem.translation || problem.detail || otherwise;
  } catch {
    return otherwise;
  }
}

/** Write every time under a node in the reader's own zone. */
export function localiseTimes(node) {
  const [language, day] = TIME_STYLE[page.lang] ?? TIME_STYLE.en;
  const clock = { year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  const style = new Intl.DateTimeFormat(language, { ...day, ...clock });
  for (const time of node.querySelectorAll('time[datetime]')) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.textContent = style.format(moment);
  }
}

function setTheme({ themeChoice: theme, media }) {
  document.getElementById('dark').media = media;
  const scheme = document.querySelector('meta[name="color-scheme"]');
  if (scheme) scheme.content = theme === 'auto' ? 'light dark' : theme;
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `theme=${theme}; Path=${root}; Max-Age=31536000; SameSite=Lax${secure}`;
  for (const button of document.querySelectorAll('[data-theme-choice]')) {
    button.setAttribute('aria-pressed', String(button.dataset.themeChoice === theme));
  }
}

function startThemeSwitch() {
  const group = document.getElementById('theme-switch');
  group?.addEventListener('click', (event) => {
    const button = event.target.closest('[data-theme-choice]');
    if (button) setTheme(button.dataset);
  });
}

function startMenus() {
  const open = () => document.querySelectorAll('details.menu[open]');
  document.addEventListener('click', (event) => {
    for (const menu of open()) {
      if (!menu.contains(event.target) || event.target.closest('.menu-list a')) menu.open = false;
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });
}

/* <a href="#id" data-dialog> opens the dialog of that id; [data-close] inside closes it. Without scripts :target does. */
function startDialogs() {
  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[data-dialog]');
    const closer = event.target.closest('dialog [data-close]');
    if (opener) {
      event.preventDefault();
      document.getElementById(opener.hash.slice(1))?.showModal();
    } else if (closer) {
      event.preventDefault();
      closer.closest('dialog').close();
    }
  });
}

startThemeSwitch();
startMenus();
startDialogs();
localiseTimes(document);
