import { MARK } from '../world/watch';
import type { Promised } from './promise';

/** What a step keeps to itself stays in the table; all else of a row is shown to operators. */
export const nothingPrivate: Promised = (world) => {
  for (const row of world.watch.rows())
    if (JSON.stringify(row, (name, value: unknown) => (name === 'kept' ? undefined : value)).includes(MARK))
      return `everything private stays in: the row of ${row.id} shows it`;
  return undefined;
};
