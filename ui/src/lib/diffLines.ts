/** Compares two texts line by line. */

export interface DiffLine {
  kind: "same" | "removed" | "added";
  text: string;
}

const MAX_LINES = 2_000; // the comparison's memory grows with their square

export function diffLines(before: string, after: string): DiffLine[] {
  const left = before.split("\n");
  const right = after.split("\n");
  if (left.length > MAX_LINES || right.length > MAX_LINES)
    return [
      ...left.map((text): DiffLine => ({ kind: "removed", text })),
      ...right.map((text): DiffLine => ({ kind: "added", text })),
    ];
  const width = right.length + 1;
  const length = new Uint16Array((left.length + 1) * width);
  const at = (i: number, j: number) => length[i * width + j] ?? 0;
  for (let i = left.length - 1; i >= 0; i -= 1)
    for (let j = right.length - 1; j >= 0; j -= 1)
      length[i * width + j] =
        left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      lines.push({ kind: "same", text: left[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= right.length || (i < left.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: "removed", text: left[i] ?? "" });
      i += 1;
    } else {
      lines.push({ kind: "added", text: right[j] ?? "" });
      j += 1;
    }
  }
  return lines;
}
