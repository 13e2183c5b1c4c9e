import { LAYOUTS, LEADS } from "./paper.js";

export const CHOICES = {
  layout: Object.keys(LAYOUTS),
  speed: [25, 50],
  gain: [5, 10, 20],
  rhythm: LEADS,
  marks: [false, true],
};
const USUAL = { layout: "3x4", speed: 25, gain: 10, rhythm: "II", marks: false };
const SMALL = "(max-width: 40rem), (max-height: 30rem)"; // as in record.css

/** Whether the screen is a telephone's, upright or on its side. */
export const isSmallScreen = () => window.matchMedia(SMALL).matches;

// a telephone has choices of its own: what is right there is not so on a desk
const remembered = () => (isSmallScreen() ? "viewer-small" : "viewer");
const usual = () => (isSmallScreen() ? { ...USUAL, layout: "6x2" } : { ...USUAL });

/** The choices of an earlier visit, as far as they are still ones. */
export function recall() {
  const choices = usual();
  try {
    const stored = JSON.parse(localStorage.getItem(remembered())) ?? {};
    for (const key of Object.keys(choices)) if (CHOICES[key].includes(stored[key])) choices[key] = stored[key];
  } catch {
    // no storage, or not ours: the usual choices
  }
  return choices;
}

export function remember(choices) {
  try {
    localStorage.setItem(remembered(), JSON.stringify(choices));
  } catch {
    // nothing to remember with
  }
}
