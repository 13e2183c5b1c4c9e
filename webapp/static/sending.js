/* Files sent by a task's form in one request, whose answer is put into this page and is nowhere else.

The ids of the form's parts, and of the answer, begin with the page's name: NAME-form, -file, -chosen, -drop, -start, -error,
-running; NAME-answer, -title, and -place, into which the answer goes. */
import { fill } from "./site.js";

const MB = 1048576;
const byId = (id) => document.getElementById(id);

/** The bytes of a text in base64. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

export class Sending {
  /**
   * name : of the page.  words : its texts.  show : draws an answer once it stands in the page.
   * sample : the name of a button that asks for an answer without a file; none without.
   */
  constructor(name, words, show, sample = "") {
    Object.assign(this, { name, words, show, sample });
    this.form = this.part("form");
    if (!this.form) return;
    this.form.addEventListener("submit", (event) => this.send(event));
    this.part("file").addEventListener("change", () => this.choose());
    this.startDrop();
  }

  part(kind) {
    return byId(`${this.name}-${kind}`);
  }

  /** A sentence beside the form; lang : of one that is not in the page's language. */
  tell(error, running = "", lang = "") {
    this.part("error").textContent = error;
    this.part("error").lang = lang || document.documentElement.lang;
    this.part("running").textContent = running;
    for (const button of this.form.querySelectorAll("button")) button.disabled = Boolean(running);
    this.form.setAttribute("aria-busy", String(Boolean(running)));
  }

  get size() {
    return [...this.part("file").files].reduce((sum, file) => sum + file.size, 0);
  }

  inMb(bytes) {
    const told = bytes < MB / 10 ? Math.max(bytes / MB, 0.01).toFixed(2) : (bytes / MB).toFixed(1);
    return told.replace(".", this.words.decimal);
  }

  choose() {
    const names = [...this.part("file").files].map((file) => file.name).join(", ");
    this.part("chosen").textContent = names && fill(this.words.chosen, { names, size: this.inMb(this.size) });
    this.part("drop").classList.toggle("drop-full", Boolean(names));
    this.tell("");
  }

  /** Why nothing can be sent; an empty text where it can. */
  get refusal() {
    const most = Number(this.form.dataset.mostBytes);
    if (!this.part("file").files.length) return this.words.choose ?? "";
    return this.size > most - 65536 ? fill(this.words.tooLarge, { size: this.inMb(this.size), most: most / MB }) : "";
  }

  async send(event) {
    event.preventDefault();
    const isSample = Boolean(this.sample) && event.submitter?.name === this.sample;
    const refusal = isSample ? "" : this.refusal;
    if (refusal) {
      this.tell(refusal);
      return;
    }
    const body = new FormData(this.form);
    if (isSample) {
      body.delete("file");
      body.set(this.sample, "1");
    }
    this.tell("", this.words.running);
    try {
      const response = await fetch(this.form.action, { method: "POST", body });
      this.take(response, new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      this.tell(this.words.network);
    }
  }

  /** Puts the answer of another page into this one, or says in a sentence why there is none, and then nothing is lost. */
  take(response, page) {
    const answer = page.getElementById(`${this.name}-answer`);
    if (answer) {
      this.tell("");
      this.part("place").replaceChildren(document.adoptNode(answer));
      this.show();
      this.part("title").focus();
      return;
    }
    if (response.redirected) {
      this.tell(this.words.ended);
      return;
    }
    const refused = page.getElementById(`${this.name}-error`);
    const told = refused?.textContent || page.querySelector(".told")?.textContent;
    this.tell(told || fill(this.words.status, { status: response.status }), "", refused?.lang);
  }

  startDrop() {
    const drop = this.part("drop");
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("drop-over");
      });
    }
    drop.addEventListener("dragleave", (event) => {
      if (!drop.contains(event.relatedTarget)) drop.classList.remove("drop-over");
    });
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("drop-over");
      if (event.dataTransfer.files.length) this.part("file").files = event.dataTransfer.files;
      this.choose();
    });
  }
}
