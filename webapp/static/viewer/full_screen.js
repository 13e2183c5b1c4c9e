/** A button that shows a section on the whole screen; where the browser cannot, on the whole page. */
export function bindFullScreen(button, section, changed) {
  const turn = (isFull) => {
    section.classList.toggle("is-full", isFull);
    button.setAttribute("aria-pressed", String(isFull));
    changed(isFull);
  };
  const toggle = async () => {
    const isFull = section.classList.contains("is-full");
    try {
      if (isFull && document.fullscreenElement) await document.exitFullscreen();
      else if (!isFull && section.requestFullscreen) await section.requestFullscreen();
      else turn(!isFull);
    } catch {
      turn(!isFull); // not allowed
    }
  };
  document.addEventListener("fullscreenchange", () => turn(document.fullscreenElement === section));
  document.addEventListener("keydown", (event) => {
    const isOurs = section.classList.contains("is-full") && !document.querySelector("dialog[open]");
    if (event.key === "Escape" && isOurs && !document.fullscreenElement) turn(false);
  });
  button.addEventListener("click", toggle);
}
