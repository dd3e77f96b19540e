import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { listen } from '../../packages/local/loopback';
import { bundled, printedBy } from './process';
import { csvFile } from './recipients';
import { type Size, table } from './table';

const SIZES = { full: 1_000_000, small: 2_000 };
const SOURCES = { iterable: 'an iterable', csv: 'a CSV file', ndjson: 'an NDJSON file', object: 'a CSV object in S3' };
/** Node with its defaults, and with a smaller young generation in MiB. By default, most of the memory is garbage. */
const FLAGS = [[], ['--max-semi-space-size=16']];

/** Peak resident memory of a process that accepts a campaign, by what its recipients come from. */
export async function emailsMemory(size: Size): Promise<string> {
  const count = SIZES[size];
  const directory = mkdtempSync(join(tmpdir(), 'emails-memory-'));
  const bundle = join(directory, 'run.cjs');
  const s3 = http.createServer((_, response) => Readable.from(csvFile(count)).pipe(response));
  try {
    // A compiler in its process would count as memory.
    writeFileSync(bundle, (await bundled({ file: 'tests/bench/emails-memory-run.ts' })).code);
    const endpoint = await listen(s3, 0);
    const rows: string[][] = [];
    for (const [source, shown] of Object.entries(SOURCES)) {
      const row = [shown];
      for (const flags of FLAGS) {
        const printed = await printedBy([...flags, bundle, source, String(count), endpoint]);
        const { recipients, megabytes, seconds } = JSON.parse(printed) as Record<string, number>;
        if (recipients !== count) throw new Error(`${shown}: ${recipients} recipients were accepted`);
        row.push(`${megabytes?.toFixed(0)} MB, ${seconds?.toFixed(0)} s`);
      }
      rows.push(row);
    }
    return [
      `Peak resident memory, including Node, of a process that accepts a campaign of ${count.toLocaleString('en')} recipients.`,
      '',
      table(['From', 'node', ...FLAGS.slice(1).map((flags) => `node ${flags.join(' ')}`)], rows),
    ].join('\n');
  } finally {
    s3.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
