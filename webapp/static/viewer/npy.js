/** Samples of a .npy file (float32 little-endian, C order, two-dimensional) as one Float32Array a row. */
export function parseNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (bytes.length < 12 || magic.some((each, place) => bytes[place] !== each)) throw new Error("not a .npy file");
  const view = new DataView(buffer);
  const isLong = bytes[6] >= 2; // from version 2.0 on the header's length takes four bytes
  const begin = isLong ? 12 : 10;
  const length = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(begin, begin + length));
  const shape = /'shape':\s*\((\d+),\s*(\d+),?\s*\)/.exec(header);
  if (!shape || !/'descr':\s*'<f4'/.test(header) || !/'fortran_order':\s*False/.test(header)) {
    throw new Error("not two-dimensional float32 in C order");
  }
  const [rows, columns] = [Number(shape[1]), Number(shape[2])];
  const start = begin + length;
  if (bytes.length < start + rows * columns * 4) throw new Error("the file is cut short");
  const values = start % 4 ? new Float32Array(buffer.slice(start)) : new Float32Array(buffer, start, rows * columns);
  return Array.from({ length: rows }, (_, row) => values.subarray(row * columns, (row + 1) * columns));
}
