const STEPS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];

/** Zooming and panning of the sheet inside its scroller; at 1 a millimetre of paper is one of CSS. */
export class Zoom {
  constructor(scroller, drawing, shown) {
    Object.assign(this, { scroller, drawing, shown, value: 1, sheet: null, isPanning: true, drag: null });
    scroller.addEventListener("wheel", (event) => this.turnWheel(event), { passive: false });
    scroller.addEventListener("pointerdown", (event) => this.take(event));
    scroller.addEventListener("pointermove", (event) => this.pull(event));
    for (const end of ["pointerup", "pointercancel"]) scroller.addEventListener(end, () => this.release());
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
    const grown = next / this.value;
    this.value = next;
    this.size(this.sheet);
    const now = this.drawing.getBoundingClientRect();
    this.scroller.scrollLeft += now.left + (atX - was.left) * grown - atX;
    this.scroller.scrollTop += now.top + (atY - was.top) * grown - atY;
    this.scroller.dispatchEvent(new CustomEvent("zoomed"));
  }

  in() {
    this.set(STEPS.find((step) => step > this.value + 1e-6) ?? this.value);
  }

  out() {
    this.set(STEPS.findLast((step) => step < this.value - 1e-6) ?? this.value);
  }

  /** As wide as there is room. */
  fit() {
    const natural = (this.drawing.getBoundingClientRect().width || 1) / this.value;
    this.set(Math.floor((this.scroller.clientWidth / natural) * 100) / 100);
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
