import { MARK } from '../world/watch';
import type { Promised } from './promise';

/** Private data of a step may stay in the field `kept`. Operators see all other fields of a row. */
export const nothingPrivate: Promised = (world) => {
  for (const row of world.watch.rows())
    if (JSON.stringify(row).includes(MARK) && JSON.stringify(row, withoutKept).includes(MARK))
      return `everything private stays in: the row of ${row.id} shows it`;
  return undefined;
};

const withoutKept = (name: string, value: unknown): unknown => (name === 'kept' ? undefined : value);
