import { cut } from "./traces.js";

const AFTER_MM = 1.5; // of the mark where a lead begins
const STEP_MM = 0.5; // between the levels that are tried
const BELOW = 20; // under the middle of its row a name stands only where it would be so many mm further along above

/** How low and how high the traces of each row reach in each millimetre along the sheet: [{top, bottom}, ...]. */
export function waveExtents(sheet, shown, fsHz) {
  const columns = Math.ceil(sheet.width) + 2;
  const rows = sheet.bases.map(() => ({
    top: new Float32Array(columns).fill(Infinity),
    bottom: new Float32Array(columns).fill(-Infinity),
  }));
  const step = sheet.speed / fsHz;
  for (const cell of sheet.cells) {
    const { values, middle, first, last } = cut(sheet, shown, cell, fsHz);
    const { top, bottom } = rows[cell.row];
    const base = sheet.bases[cell.row];
    let before = Math.floor(sheet.left + first * step);
    for (let index = first; index < last; index += 1) {
      const column = Math.floor(sheet.left + index * step);
      const y = base - (values[index] - middle) * sheet.gain;
      // and in the column before, from which the trace comes
      for (let each = before; each <= column; each += 1) {
        if (y < top[each]) top[each] = y;
        if (y > bottom[each]) bottom[each] = y;
      }
      before = column;
    }
  }
  return rows;
}

/**
 * Where in its cell the name of a lead stands, the left end of its base line: at its usual place, else at the nearest
 * one to it through which no trace runs. `size` : {wide, high, under} in mm, what is to be free over and under the line.
 */
export function freePlace(sheet, extents, cell, size, usualY) {
  const x = cell.x + AFTER_MM;
  const usual = { x, y: usualY, isFree: true };
  const isFree = (from, to, top, bottom) => {
    for (const row of extents) {
      for (let column = from; column <= to; column += 1) {
        if (row.top[column] < bottom && row.bottom[column] > top) return false;
      }
    }
    return true;
  };
  const span = Math.ceil(size.wide + 0.5) + 1; // a millimetre free to either side
  const first = Math.floor(x) - 1;
  if (isFree(first, first + span, usualY - size.high, usualY + size.under)) return usual;
  const base = sheet.bases[cell.row];
  const roof = cell.row === 0 ? 0.5 : base - sheet.rowMm / 2;
  const floor = base + sheet.rowMm / 2 - 1.5; // nearer to its own trace than to the next one
  let best = null;
  for (let aside = 0; first + aside + span <= cell.x + cell.width + 1; aside += 1) {
    for (let y = roof + size.high; y + size.under <= floor; y += STEP_MM) {
      const cost = aside + Math.abs(y - usualY) + (y > base ? BELOW : 0);
      if (best && cost >= best.cost) continue;
      const from = first + aside;
      if (isFree(from, from + span, y - size.high, y + size.under)) best = { x: x + aside, y, isFree: true, cost };
    }
    if (best && best.cost <= aside) break;
  }
  return best ?? { ...usual, isFree: false };
}
