import type { Item } from '../ports';
import { timeOfHourKey } from './keys';
import { blankRow } from './new-row';
import type { JobRow } from './row';
import { ANY_PAYLOAD, damageIn, NewerRowError, ROW_SCHEMA } from './row-schema';

/** The fields of a stored row, whether they are damaged or not. */
export const fieldsOf = (item: object): Partial<JobRow> => item;

/** For a write that replaces an item whose version no write can name (lib/ports.ts). */
const WITHOUT_VERSION = -1;

/** The version that a write must expect in place of a stored item. */
export const expectedOf = ({ version }: Item): number =>
  [undefined, null, 0, WITHOUT_VERSION].includes(version) ? WITHOUT_VERSION : version;

/**
 * The row that an item stores. A damaged row comes with `damage`, and with blank values for what is damaged. Attributes
 * that only newer code knows stay in it. Throws a NewerRowError for a row of a newer schema than the caller `knows`.
 */
export function rowOf(item: Item, knows = ROW_SCHEMA): JobRow {
  if (typeof item.schema === 'number' && item.schema > knows) throw new NewerRowError();
  const damage = damageIn(item);
  if (!damage) return fieldsOf(item) as JobRow;
  const whole = Object.entries(item).filter(([name]) => !damage.attributes.has(name));
  const sound = fieldsOf(Object.fromEntries(whole));
  const [queue = '', ...id] = item.key.split('#');
  // A record is stored under the hour of its job's time, so the hour must survive a lost time.
  const now = sound.time ?? timeOfHourKey(item.hour) ?? sound.createdAt ?? sound.updatedAt ?? 0;
  const blank = blankRow({ queue, id: id.join('#'), time: now, payloadHash: ANY_PAYLOAD, group: undefined, now });
  return {
    ...blank,
    ...sound,
    // The key says whose row it is.
    queue: blank.queue,
    id: blank.id,
    // A write names the version that it replaces, even a damaged one.
    version: expectedOf(item),
    damage: sound.damage ?? damage.error,
  };
}

/** The item that stores a row. */
export const itemOf = (row: JobRow): Item => row as unknown as Item;
