/**
 * Orthogonal matrices of any size whose entries are all about equally large.
 *
 * @module
 */

/**
 * A symmetric orthogonal matrix [size, size], row by row. With size = 2^k m, m odd, it is the Kronecker product of
 * Sylvester's Hadamard matrix of 2^k, entries +-2^(-k/2), and the discrete Hartley matrix of m, entries
 * cas(2 pi i j / m) / sqrt(m) with cas x = cos x + sin x. No entry is larger than sqrt(2 / size): a vector that is
 * all in one channel is spread over all of them, as by a Hadamard matrix, which for most sizes nobody knows.
 *
 * 576 = 64 * 9, for example, is Hadamard's 64 times Hartley's 9; a power of two is Hadamard's alone.
 */
export function orthogonalMatrix(size: number): Float32Array<ArrayBuffer> {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Size ${size} is no size`);
  }
  const odd = size / powerOfTwo(size);
  const scale = 1 / Math.sqrt(size);
  const waves = Float64Array.from({ length: odd }, (_, k) => {
    const angle = 2 * Math.PI * k / odd;
    return Math.cos(angle) + Math.sin(angle);
  });
  const matrix = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      // Row i of the product is row floor(i / m) of one factor and row i mod m of the other.
      const sign = parity(Math.floor(row / odd) & Math.floor(column / odd)) ? -1 : 1;
      const wave = waves[(row % odd) * (column % odd) % odd] ?? 1;
      matrix[row * size + column] = sign * wave * scale;
    }
  }
  return matrix;
}

/** The largest power of two that divides a whole number. */
function powerOfTwo(value: number): number {
  return value & -value;
}

/** Whether a number has an odd count of binary ones: the sign in Sylvester's matrix. */
function parity(value: number): boolean {
  let bits = value;
  for (let shift = 16; shift > 0; shift >>= 1) bits ^= bits >>> shift;
  return (bits & 1) === 1;
}
