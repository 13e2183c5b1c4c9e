import { problemOf } from "../site.js";

/** An answer that was refused; `detail` is the sentence for the user, empty where the server gave none. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail || `HTTP ${status}`);
    this.status = status;
    this.detail = detail;
  }
}

/** The answer to a GET. Throws Refused with the sentence of the problem document. */
export async function get(url, signal) {
  const answer = await fetch(url, { signal, credentials: "same-origin" });
  if (answer.ok) return answer;
  throw new Refused(answer.status, await problemOf(answer, ""));
}

/** A pause that ends early with an AbortError where the signal is given. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}
