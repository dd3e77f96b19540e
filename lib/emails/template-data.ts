import * as z from 'zod';

/** SendGrid takes 30 MB a request. This keeps the data, content and addresses of a thousand recipients below that. */
const MAX_DATA_BYTES = 10_000;
/** The vendor's library copies data by recursion, so unlimited depth would overflow the stack. */
const MAX_DEPTH = 8;

function shallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  for (const name in value) if (!shallow((value as Record<string, unknown>)[name], depth - 1)) return false;
  return true;
}

/** Replaces `z.record`, which makes an object for each entry of a million recipients and copies them all. */
function isRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The data of one recipient's mail, as JSON. */
export const templateData = z
  .custom<Record<string, unknown>>(isRecord, 'must be an object')
  .refine((value) => shallow(value, MAX_DEPTH), `must not be nested more than ${MAX_DEPTH} deep`)
  .refine(
    (value) => !shallow(value, MAX_DEPTH) || Buffer.byteLength(JSON.stringify(value)) <= MAX_DATA_BYTES,
    `must be at most ${MAX_DATA_BYTES} bytes of JSON`,
  )
  .meta({ type: 'object', description: `At most ${MAX_DATA_BYTES} bytes of JSON, nested at most ${MAX_DEPTH} deep.` });
