import type { RunLease } from '../jobs/items';
import { type ItemDeps, readItem } from '../jobs/items';
import { hoursKey } from '../jobs/keys';

/** What a run leaves behind. Times are ms since 1970. Without it, the next run begins with the first hour. */
export interface HoursLease extends RunLease {
  /** The next run looks at hours after this one. */
  through?: number;
  /** Hours up to this one that are still to be written, and since when. */
  pending?: Since[];
  /** Hours that are left to a query engine, while its view still shows their originals. */
  tooLarge?: Since[];
}

export interface Since {
  hour: number;
  since: number;
}

/** Hours that are too large, such as `2026-01-02T03`. Only an operator can write them, so the reconciler reports each. */
export async function tooLargeHours(deps: ItemDeps): Promise<string[]> {
  const { tooLarge = [] } = ((await readItem(deps, hoursKey)) ?? {}) as Partial<HoursLease>;
  return tooLarge.map(({ hour }) => new Date(hour).toISOString().slice(0, 13));
}
