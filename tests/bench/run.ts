import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { analyticsCost } from './analytics-cost';
import { analyticsHour } from './analytics-hour';
import { analyticsPacking } from './analytics-packing';
import { burst } from './burst';
import { firstView } from './console';
import { emailsMemory } from './emails-memory';
import { emailsPriority } from './emails-priority';
import { exampleLatency } from './express-api';
import { underFaults } from './faults';
import { feedbackCost } from './feedback';
import { ordinaryDay } from './lacks';
import { loadTimes } from './load';
import { privacyScan } from './privacy';
import { producerCost } from './producer';
import type { Size } from './table';
import { verifyDay } from './verify';

/** All benchmarks by name. `npm run bench` runs all of them, and `npm run bench -- NAME` runs one. */
const benchmarks: Record<string, (size: Size) => Promise<string>> = {
  producer: producerCost,
  burst,
  'feedback-cost': feedbackCost,
  'feedback-faults': underFaults,
  'careful-loop': ordinaryDay,
  'analytics-cost': analyticsCost,
  'analytics-hour': analyticsHour,
  'analytics-packing': analyticsPacking,
  'emails-priority': emailsPriority,
  'emails-memory': emailsMemory,
  'express-api': exampleLatency,
  load: loadTimes,
  console: firstView,
  privacy: privacyScan,
  verify: verifyDay,
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { small: { type: 'boolean' } } });
const packages = process.env.PACKAGES ? undefined : mkdtempSync(join(tmpdir(), 'packages-'));

/** Prints the figures of each benchmark, or why it failed. Then the process ends with 1. */
async function main(): Promise<void> {
  process.env.PACKAGES ??= packages;
  for (const name of positionals.length > 0 ? positionals : Object.keys(benchmarks))
    try {
      const measure = benchmarks[name];
      if (!measure) throw new Error(`there are only ${Object.keys(benchmarks).join(', ')}`);
      process.stdout.write(`\n## ${name}\n${await measure(values.small ? 'small' : 'full')}\n`);
    } catch (error) {
      process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    }
}

void main().finally(() => {
  if (packages) rmSync(packages, { recursive: true, force: true });
  // A benchmark that failed may leave servers open.
  process.exit();
});
