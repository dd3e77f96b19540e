import type { Objects } from '../ports';
import { recordKey } from './keys';
import type { Ledger } from './ledger';
import { recordOf } from './record';
import { isEnd, type JobRow } from './row';

const JSON_TYPE = 'application/json';

/**
 * Writes the record of an ended row. A write that lands late, after its caller gave up, replaces no newer record: the
 * first write needs a free key. Each later one needs the record that was read before its row.
 */
export async function putRecord(
  { objects, ledger, prefix }: { objects: Objects; ledger: Pick<Ledger, 'get'>; prefix: string },
  row: JobRow,
): Promise<void> {
  const key = recordKey(prefix, row);
  if ((await objects.create(key, recordOf(row), JSON_TYPE)) === 'created') return;
  for (;;) {
    const stored = await objects.read(key);
    const newest = (await ledger.get(row.key)) ?? row;
    // The job was opened again. Its next end gets a record.
    if (!isEnd(newest.state)) return;
    const text = recordOf(newest);
    // Our own write landed although its answer was lost, or another run has written the same record.
    if (stored && Buffer.from(stored.bytes).toString('utf8') === text) return;
    const answer = stored
      ? await objects.replace(key, text, JSON_TYPE, stored.etag)
      : await objects.create(key, text, JSON_TYPE);
    if (answer === 'replaced' || answer === 'created') return;
  }
}
