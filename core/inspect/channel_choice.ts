/**
 * Which input channels of a linear are singled out.
 *
 * @module
 */

/** What channels are chosen by: their inputs, their weights, or chance. */
export type ChannelChoice = "activation" | "weight" | "random";

/** How many of `channels` a share of 0 to 1 is: the nearest whole number, at least 1. */
export function channelCount(channels: number, share: number): number {
  return Math.min(channels, Math.max(1, Math.round(channels * share)));
}

/** The `count` channels of the largest values, largest first; the lower index where they are equal. */
export function largestChannels(values: ArrayLike<number>, count: number): Uint32Array {
  const order = Uint32Array.from({ length: values.length }, (_, k) => k);
  order.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
  return order.slice(0, count);
}

/** `count` different channels of `channels` by chance. */
export function randomChannels(
  channels: number,
  count: number,
  random: () => number,
): Uint32Array {
  const order = Uint32Array.from({ length: channels }, (_, k) => k);
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random() * (channels - i));
    [order[i], order[other]] = [order[other] ?? 0, order[i] ?? 0];
  }
  return order.slice(0, count);
}

/** L2 norm of every column of a weight [N, K] in plain numbers: [K]. */
export function columnNorms(weight: Float32Array, channels: number): Float64Array {
  const squares = new Float64Array(channels);
  for (let start = 0; start < weight.length; start += channels) {
    for (let k = 0; k < channels; k++) {
      squares[k] = (squares[k] ?? 0) + (weight[start + k] ?? 0) ** 2;
    }
  }
  return squares.map(Math.sqrt);
}
