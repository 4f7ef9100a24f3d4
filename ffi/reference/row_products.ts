/**
 * The inner product under every larger one.
 *
 * @module
 */

/**
 * The products of one vector with the first `rows` rows of a matrix [rows, K], summed in fp64 in the
 * order of k. Four rows at a time, which only hides latency: each sum is a plain loop over k.
 */
export function rowProducts(
  matrix: Float32Array,
  rows: number,
  vector: Float64Array,
  out: Float64Array,
): void {
  const K = vector.length;
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    let a = row * K, b = a + K, c = b + K, d = c + K;
    let sumA = 0, sumB = 0, sumC = 0, sumD = 0;
    for (let k = 0; k < K; k++) {
      const value = vector[k]!;
      sumA += matrix[a++]! * value;
      sumB += matrix[b++]! * value;
      sumC += matrix[c++]! * value;
      sumD += matrix[d++]! * value;
    }
    out[row] = sumA;
    out[row + 1] = sumB;
    out[row + 2] = sumC;
    out[row + 3] = sumD;
  }
  for (; row < rows; row++) {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += matrix[row * K + k]! * vector[k]!;
    out[row] = sum;
  }
}
