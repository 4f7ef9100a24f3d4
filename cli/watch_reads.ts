/**
 * Which properties of an object are looked at.
 *
 * @module
 */

/** An object, and the names that were asked of it. */
export interface WatchedOptions {
  /** Stands for the object. */
  readonly options: object;
  /** Names that were read so far; all, once somebody has listed them. */
  readonly read: ReadonlySet<string>;
}

/** Watches an object: names that nobody reads are names that nobody knows. */
export function watchReads(options: object): WatchedOptions {
  const read = new Set<string>();
  const proxy = new Proxy(options, {
    get(target, key, receiver): unknown {
      if (typeof key === "string") read.add(key);
      return Reflect.get(target, key, receiver);
    },
    has(target, key): boolean {
      if (typeof key === "string") read.add(key);
      return Reflect.has(target, key);
    },
    ownKeys(target): (string | symbol)[] {
      for (const key of Object.keys(target)) read.add(key);
      return Reflect.ownKeys(target);
    },
  });
  return { options: proxy, read };
}
