import type { Item, Table } from '../../lib/platform/ports';

/** Puts a changed item in the place of a stored one, as a person or a bug would. The key stays. */
export async function damagedItem(table: Table, key: string, change: (item: Item) => object): Promise<void> {
  const item = await table.get(key);
  if (!item) throw new Error(`there is no item ${key}`);
  await table.delete(key, item.version);
  await table.put({ ...change(item), key } as Item, 0);
}

export const damagedRow = (table: Table, key: string, attribute: string): Promise<void> =>
  damagedItem(table, key, ({ [attribute]: _gone, ...rest }) => rest);
