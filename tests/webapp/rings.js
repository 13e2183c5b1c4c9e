/* What is wrong with the focus rings of a page: elements without one, and rings that an ancestor or the window cuts off. */
() => {
  const wrong = [];
  const ringOf = (style) => (style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth));
  for (const element of document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')) {
    element.focus({ preventScroll: true });
    if (document.activeElement !== element || element.id === 'content') continue;
    const told = element.outerHTML.slice(0, 100);
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (!ringOf(style)) {
      const isElsewhere = ringOf(getComputedStyle(element, '::after'));
      const next = element.nextElementSibling;
      const isNextDoor = box.width <= 1 && next && ringOf(getComputedStyle(next));
      if (!isElsewhere && !isNextDoor) wrong.push(`no ring: ${told}`);
      continue;
    }
    if (box.width <= 1) continue;
    const reach = ringOf(style) + parseFloat(style.outlineOffset);
    const [left, top, right, bottom] = [box.left - reach, box.top - reach, box.right + reach, box.bottom + reach];
    if (left < -0.5 || right > document.documentElement.clientWidth + 0.5 || top + scrollY < -0.5) wrong.push(`off the window: ${told}`);
    for (let outer = element.parentElement; outer && outer !== document.body; outer = outer.parentElement) {
      const { overflowX, overflowY, clipPath } = getComputedStyle(outer);
      if (overflowX === 'visible' && overflowY === 'visible' && clipPath === 'none') continue;
      const edge = outer.getBoundingClientRect();
      const isCutX = (left < edge.left - 0.5 && box.left >= edge.left) || (right > edge.right + 0.5 && box.right <= edge.right);
      const isCutY = (top < edge.top - 0.5 && box.top >= edge.top) || (bottom > edge.bottom + 0.5 && box.bottom <= edge.bottom);
      if (isCutX || isCutY) wrong.push(`cut by ${outer.tagName}.${outer.className}: ${told}`);
    }
  }
  return wrong;
}
