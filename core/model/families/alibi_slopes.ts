/**
 * Attention with linear biases.
 *
 * @module
 */

/**
 * The slope of each head (Press et al. 2022, section 3): 2^(-max/n), 2^(-2 max/n), ... for n heads where n is a power
 * of two; else those of the power below, and then every other one of the power above.
 *
 * @param max Exponent of the last slope. Default 8.
 */
export function alibiSlopes(heads: number, max = 8): Float32Array {
  const whole = 2 ** Math.floor(Math.log2(heads));
  return Float32Array.from({ length: heads }, (_, head) => {
    const step = head < whole ? (head + 1) / whole : (2 * (head - whole) + 1) / (2 * whole);
    return 2 ** (-max * step);
  });
}
