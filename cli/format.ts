/**
 * Figures as people read them.
 *
 * @module
 */

/** Bytes with a binary unit: `1.25 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes, unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** Seconds: `0.42 s`, `12.3 s`, `4 min 05 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 119.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** A perplexity, and its difference to another in percent: `24.51 (+5.73 %)`. */
export function formatPerplexity(value: number, original?: number): string {
  const text = value.toFixed(value < 100 ? 3 : 1);
  if (original === undefined) return text;
  const percent = (value / original - 1) * 100;
  return `${text} (${percent < 0 ? "" : "+"}${percent.toFixed(2)} %)`;
}
