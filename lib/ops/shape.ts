/** Names as schemas have them. A stranger's data may have an address as a name. */
const PLAIN = /^[\w-]{1,60}$/;

/**
 * The shape of data that may be personal: the names of its fields, and the kind and length of each value. Names below
 * the first level may be a user's words, so an object is only counted.
 */
export function shapeOf(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return kindOf(data);
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [PLAIN.test(name) ? name : 'hidden', kindOf(value)]),
  );
}

/** The kind and length of a value, without the value. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `text, ${value.length} characters`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (typeof value === 'object') return `object with ${Object.keys(value).length} fields`;
  return typeof value;
}
