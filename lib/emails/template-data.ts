import { z } from 'zod';

/** SendGrid takes 30 MB a request: a thousand recipients' data, content and addresses together stay below it. */
export const MAX_DATA_BYTES = 10_000;
/** The vendor's library copies data by recursion: without an end to it a stack would find one. */
const MAX_DEPTH = 8;

const shallow = (value: unknown, depth: number): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (depth > 0 && Object.values(value).every((inner) => shallow(inner, depth - 1)));

/** What a mail says to one recipient alone, as JSON. */
export const templateData = z
  .record(z.string(), z.unknown())
  .refine((value) => shallow(value, MAX_DEPTH), `must not be nested more than ${MAX_DEPTH} deep`)
  .refine(
    (value) => !shallow(value, MAX_DEPTH) || Buffer.byteLength(JSON.stringify(value)) <= MAX_DATA_BYTES,
    `must be at most ${MAX_DATA_BYTES} bytes of JSON`,
  );
