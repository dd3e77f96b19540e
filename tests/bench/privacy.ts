import * as z from 'zod';
import { recordFolder } from '../../lib/engine/jobs/keys';
import { personOf } from '../../lib/engine/jobs/person-hash';
import { erasePerson } from '../../lib/operate/ops/erase';
import { countObjects, type Found, findPerson } from '../../lib/operate/ops/person';
import { PRICES } from '../../resources/cost';
import { memoryEngine, PREFIX } from '../support/engine';
import { feedbackBody } from '../support/feedback';
import { hashed } from '../support/hash-people';
import { sampleOf } from '../support/sample-contract';
import { type Size, table, timed } from './table';

const EMAIL = 'ann@example.com';
/** Of a read of S3 from the same region, and how many the search makes at a time. */
const READ_MS = 25;
const AT_ONCE = 64;
const KEYS_PER_LIST = 1_000;
const EVERY = 100_000;

/** Finds and erases a person of whom one record in 100,000 is, in a bucket that makes its records as they are read. */
export async function privacyScan(size: Size): Promise<string> {
  const count = size === 'small' ? 10_000 : 1_000_000;
  const engine = memoryEngine(() => sampleOf({ schema: z.unknown(), process: async () => undefined }));
  const folder = `${recordFolder(PREFIX, 'sample')}/`;
  const keyOf = (n: number) => `${folder}${String(n).padStart(9, '0')}.json`;
  const numberOf = (key: string) => Number(key.slice(folder.length, -'.json'.length));
  const [own] = hashed(personOf(EMAIL));
  const record = (n: number) =>
    JSON.stringify({ record: 1, id: String(n), person: n % EVERY === 0 ? own : `${n}`, note: feedbackBody() });
  const erased = new Map<string, string | Uint8Array>();
  let calls = 0;
  const objects = {
    ...engine.objects,
    list: async (prefix: string, { after, limit = KEYS_PER_LIST }: { after?: string; limit?: number } = {}) => {
      if (!folder.startsWith(prefix)) return [];
      const first = after === undefined ? 0 : numberOf(after) + 1;
      return Array.from({ length: Math.max(0, Math.min(limit, count - first)) }, (_, at) => keyOf(first + at));
    },
    get: async (key: string) => {
      calls++;
      return key.startsWith(folder) ? Buffer.from(erased.get(key) ?? record(numberOf(key))) : undefined;
    },
    read: async (key: string) => ({ bytes: Buffer.from(record(numberOf(key))), etag: '1', metadata: {} }),
    replace: async (key: string, body: string | Uint8Array) => {
      calls++;
      erased.set(key, body);
      return 'replaced' as const;
    },
  };
  const deps = { ...engine.deps, objects };
  const found: Found[] = [];
  const find = await timed(async () => {
    await countObjects(deps, ['records']);
    for await (const one of findPerson(deps, { email: EMAIL }, { scans: ['records'] })) found.push(one);
  });
  const reads = calls;
  const erase = await timed(() => erasePerson(deps, { email: EMAIL }, { found }));
  const price = reads * PRICES.s3Get + ((2 * count) / KEYS_PER_LIST) * PRICES.s3Put;
  const cpu = ({ cpuMs }: { cpuMs: number }) => (cpuMs / 1_000).toFixed(1);
  const minutes = (ms: number) => (ms / 60_000).toFixed(1);
  return [
    table(
      ['', 'records', 'found', 'calls', 'CPU s', 'minutes of reads', 'USD'],
      [
        ['find', count, found.length, reads, cpu(find), minutes((reads / AT_ONCE) * READ_MS), price.toFixed(2)],
        ['erase', count, found.length, calls - reads, cpu(erase), minutes(erase.ms), '0.00'],
      ],
    ),
    `Minutes with ${AT_ONCE} reads of ${READ_MS} ms at a time. Memory at the end: ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB.`,
  ].join('\n');
}
