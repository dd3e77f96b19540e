import type { Item } from '../ports';
import type { JobRow } from './row';

/**
 * Attributes that the table and the records store under another name than JobRow does. Stored names never change,
 * because released code reads and writes the same rows.
 */
const STORED_NAMES: readonly (readonly [name: keyof JobRow, stored: string])[] = [
  ['generation', 'opened'],
  ['crashes', 'silent'],
  ['spentMessageIds', 'left'],
  ['retryAt', 'dueAt'],
  ['dueSince', 'due'],
];
const TO_STORED = new Map<string, string>(STORED_NAMES);
const FROM_STORED = new Map<string, string>(STORED_NAMES.map(([name, stored]) => [stored, name]));

const renamed = (fields: object, names: ReadonlyMap<string, string>): object =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [names.get(name) ?? name, value]));

/** The row that an item or a record stores. Attributes that only newer code knows stay in it. */
export const rowOf = (item: Item): JobRow => renamed(item, FROM_STORED) as JobRow;

/** The item that stores a row. */
export const itemOf = (row: JobRow): Item => renamed(row, TO_STORED) as Item;
