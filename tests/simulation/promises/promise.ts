import { sha256 } from '../../../lib/jobs/envelope';
import type { JobRow } from '../../../lib/jobs/row';
import type { Input } from '../world/callers';
import type { World } from '../world/types';

/** Checks a run at rest. Answers what is broken, in a sentence that begins with the promise. */
export type Promised = (world: World, inputs: readonly Input[]) => string | undefined | Promise<string | undefined>;

export function rowOf(watch: World['watch'], queue: string, { id, body }: Input): JobRow | undefined {
  const row = watch.row(`${queue}#${id}`);
  if (row || body === undefined) return row;
  const hash = sha256(body);
  return watch.rows().find(({ payloadHash }) => payloadHash === hash);
}
