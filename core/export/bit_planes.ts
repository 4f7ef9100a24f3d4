/**
 * How `gptq_p` cuts integers into planes.
 *
 * @module
 */

/** A plane: `width` bits of every integer, from bit `shift` on. */
export interface BitPlane {
  /** Bits of an integer in the plane; divides 32. */
  readonly width: number;
  /** Its lowest bit. */
  readonly shift: number;
}

/** The planes of integers of `bits` bits, 2 to 8, from the lowest. */
export function bitPlanes(bits: number): readonly BitPlane[] {
  const planes: BitPlane[] = [];
  for (let shift = 0; shift < bits;) {
    const width = [8, 4, 2, 1].find((each) => each <= bits - shift) ?? 1;
    planes.push({ width, shift });
    shift += width;
  }
  return planes;
}
