/**
 * Seeded random numbers: the same seed gives the same numbers in every run and on every machine.
 *
 * @module
 */

/**
 * A generator of numbers in [0, 1) with 32 random bits each, after Chris Doty-Humphrey's sfc32
 * (PractRand). Not for secrets.
 *
 * @param seed A number or a text; `7` and `"7"` are different seeds.
 */
export function seededRandom(seed: number | string): () => number {
  // 32-bit FNV-1a over the seed's code points, started differently for numbers and texts.
  let hash = typeof seed === "number" ? 0x811c9dc5 : 0x050c5d1f;
  for (const character of String(seed)) {
    hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  }
  let [a, b, c, counter] = [hash | 0, ~hash, Math.imul(hash, 0x9e3779b1), 1];
  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  }
  // The first numbers still show the seed's pattern.
  for (let i = 0; i < 15; i++) next();
  return next;
}

/** Normally distributed numbers, mean 0 and deviation 1 (Box and Muller). */
export function normalNumbers(
  seed: number | string,
  count: number,
): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}
