const STEPS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const PX_PER_MM = 96 / 25.4;
const LEAST_HIGH_PX = 180;
const MOST_OF_WINDOW = 0.86; // as in record.css
const BELOW_PX = 10; // free under a sheet that is to be seen whole with all that is above it

/**
 * Zooming and panning of the sheet inside its scroller; at 1 a millimetre of paper is one of CSS.
 *
 * `mode` : "auto" keeps the whole sheet in sight, at true size at most; "fill" makes it as large as there is room; "own" is
 * the user's. `isTight` : whether the sheet is to be seen without scrolling the page.
 */
export class Zoom {
  constructor(scroller, drawing, shown, isTight) {
    Object.assign(this, { scroller, drawing, shown, isTight, value: 1, mode: "auto" });
    Object.assign(this, { sheet: null, isPanning: true, drag: null });
    scroller.addEventListener("wheel", (event) => this.turnWheel(event), { passive: false });
    scroller.addEventListener("pointerdown", (event) => this.take(event));
    scroller.addEventListener("pointermove", (event) => this.pull(event));
    for (const end of ["pointerup", "pointercancel"]) scroller.addEventListener(end, () => this.release());
  }

  /** Width and height in pixels that there are for a sheet. */
  get room() {
    const { width, top } = this.scroller.getBoundingClientRect();
    const most = window.innerHeight * (this.isTight() ? 1 : MOST_OF_WINDOW) - 2;
    const inner = this.scroller.closest(".is-full")?.scrollTop ?? window.scrollY;
    const left = window.innerHeight - (top + inner) - BELOW_PX;
    return { wide: width - 2, high: this.isTight() ? Math.max(LEAST_HIGH_PX, left) : most };
  }

  /** Takes the value at which a sheet fits, as wide and as high as there is room, unless the user has chosen one. */
  adapt(sheet) {
    if (this.mode === "own") return;
    const { wide, high } = this.room;
    if (wide <= 0) return; // not shown
    const fitting = Math.min(wide / (sheet.width * PX_PER_MM), high / (sheet.height * PX_PER_MM));
    const value = Math.max(0.1, Math.floor(fitting * 200) / 200);
    this.value = this.mode === "auto" ? Math.min(1, value) : Math.min(STEPS.at(-1), value);
  }

  /** Sizes the drawing of a sheet; `factor` as on paper where it is for print. */
  size(sheet, factor = this.value) {
    this.sheet = sheet;
    this.drawing.setAttribute("width", `${sheet.width * factor}mm`);
    this.drawing.setAttribute("height", `${sheet.height * factor}mm`);
    this.shown.textContent = `${Math.round(this.value * 100)} %`;
  }

  /** Zooms so that the place under a point of the screen, else in the upper left corner of what is seen, stays. */
  set(value, clientX = null, clientY = null) {
    const next = Math.min(STEPS[STEPS.length - 1], Math.max(STEPS[0], value));
    const seen = this.scroller.getBoundingClientRect();
    const was = this.drawing.getBoundingClientRect();
    const [atX, atY] = [clientX ?? Math.max(seen.left, was.left), clientY ?? Math.max(seen.top, was.top)];
    this.mode = "own";
    this.value = next;
    this.size(this.sheet);
    this.changed();
    const now = this.drawing.getBoundingClientRect();
    // of what was drawn anew: letters that are larger at a small zoom make a sheet somewhat higher
    this.scroller.scrollLeft += now.left + (atX - was.left) * (now.width / was.width) - atX;
    this.scroller.scrollTop += now.top + (atY - was.top) * (now.height / was.height) - atY;
    this.scroller.dispatchEvent(new CustomEvent("zoomed"));
  }

  changed() {}

  in() {
    this.set(STEPS.find((step) => step > this.value + 1e-6) ?? this.value);
  }

  out() {
    this.set(STEPS.findLast((step) => step < this.value - 1e-6) ?? this.value);
  }

  /** As large as there is room, now and until another zoom is chosen. */
  fit(mode = "fill") {
    this.mode = mode;
    this.changed();
    this.scroller.dispatchEvent(new CustomEvent("zoomed"));
  }

  turnWheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.set(this.value * Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }

  take(event) {
    // a finger scrolls by itself
    if (!this.isPanning || event.button || event.pointerType === "touch") return;
    const { scrollLeft, scrollTop } = this.scroller;
    this.drag = { x: event.clientX, y: event.clientY, scrollLeft, scrollTop };
    this.scroller.setPointerCapture(event.pointerId);
    this.scroller.classList.add("is-dragged");
  }

  pull(event) {
    if (!this.drag) return;
    const { x, y, scrollLeft, scrollTop } = this.drag;
    this.scroller.scrollTo(scrollLeft + x - event.clientX, scrollTop + y - event.clientY);
  }

  release() {
    this.drag = null;
    this.scroller.classList.remove("is-dragged");
  }
}
