import type { Clock, Item, Random, Table } from '../ports';
import { updateItem } from './ledger';

interface RunLease extends Item {
  holder: string;
  until: number;
}

/** Functions' clocks may differ by this much, and a request that a killed one sent may arrive later. */
const SKEW_MS = 5_000;

/**
 * Does something that must not be done twice at a time; `false` where another run is under way. The lease ends with this
 * invocation at the latest, so that a killed run keeps nobody out for longer.
 */
export async function runAlone(
  deps: { table: Table; clock: Clock; random: Random },
  { key, remainingMs, work }: { key: string; remainingMs: number; work: () => Promise<void> },
): Promise<boolean> {
  const holder = deps.random.uuid();
  const until = deps.clock.now() + remainingMs + SKEW_MS;
  const { changed } = await updateItem<RunLease>(deps, key, (stored) =>
    stored && stored.until > deps.clock.now() ? undefined : { key, version: 0, writer: '', holder, until },
  );
  if (!changed) return false;
  await work();
  await updateItem<RunLease>(deps, key, (stored) => (stored?.holder === holder ? { ...stored, until: 0 } : undefined));
  return true;
}
