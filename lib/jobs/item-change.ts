import type { Change, Item } from '../ports';

/** The item after a change, as DynamoDB makes it. `undefined` if the item is not as the change expects it. */
export function changedItem(item: Item, { expected, set, append }: Change): Item | undefined {
  const fits = Object.entries(expected).every(([name, value]) => isAs(item[name], value));
  const lists = Object.keys(append).every((name) => Array.isArray(item[name]));
  if (!fits || !lists || typeof item.version !== 'number' || item.version < 1) return undefined;
  const appended = Object.entries(append).map(([name, more]) => [name, [...(item[name] as unknown[]), ...more]]);
  return { ...item, ...set, ...Object.fromEntries(appended), version: item.version + 1 };
}

function isAs(stored: unknown, expected: Change['expected'][string]): boolean {
  if (typeof expected !== 'object') return stored === expected;
  return typeof stored === 'object' && stored !== null && Object.keys(stored).length === 0;
}
