import { PATIENCE_MS } from './patience.cjs';

/** Looks again and again at what causes no event. It gives up, because Jest does not end a loop of a test. */
export async function eventually<T>(look: () => T, isThere: (seen: T) => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  for (let seen = look(); !isThere(seen); seen = look()) {
    if (Date.now() > end) throw new Error(`not in time. Seen last: ${JSON.stringify(seen)}`);
    await new Promise(setImmediate);
  }
}
