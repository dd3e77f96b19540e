import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { analyticsCost } from './analytics-cost';
import { analyticsHour } from './analytics-hour';
import { emailsMemory } from './emails-memory';
import { emailsPriority } from './emails-priority';
import { exampleLatency } from './express-api';
import { underFaults } from './faults';
import { feedbackCost } from './feedback';
import { loadTimes } from './load';
import { privacyScan } from './privacy';
import { producerCost } from './producer';
import type { Size } from './table';
import { verifyDay } from './verify';

/** All benchmarks by name. `npm run bench` runs all of them, and `npm run bench -- NAME` runs one. */
const benchmarks: Record<string, (size: Size) => Promise<string>> = {
  producer: producerCost,
  'feedback-cost': feedbackCost,
  'feedback-faults': underFaults,
  'analytics-cost': analyticsCost,
  'analytics-hour': analyticsHour,
  'emails-priority': emailsPriority,
  'emails-memory': emailsMemory,
  'express-api': exampleLatency,
  load: loadTimes,
  privacy: privacyScan,
  verify: verifyDay,
};

/** Prints the figures of each benchmark, or why it failed. Then the process ends with 1. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { small: { type: 'boolean' } } });
  const unknown = positionals.filter((name) => !(name in benchmarks));
  if (unknown.length > 0)
    throw new Error(`there is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`);
  const own = process.env.PACKAGES ? undefined : mkdtempSync(join(tmpdir(), 'packages-'));
  process.env.PACKAGES ??= own;
  for (const name of positionals.length > 0 ? positionals : Object.keys(benchmarks))
    try {
      process.stdout.write(`\n## ${name}\n${await benchmarks[name]?.(values.small ? 'small' : 'full')}\n`);
    } catch (error) {
      failed(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  if (own) rmSync(own, { recursive: true, force: true });
}

function failed(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

main()
  .catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)))
  // A benchmark that failed may leave servers open.
  .finally(() => process.exit());
