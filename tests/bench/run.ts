import { analyticsCost } from './analytics-cost';
import { analyticsLayouts } from './analytics-layouts';
import { commandTimes } from './commands';
import { consoleRows } from './console-rows';
import { emailsMemory } from './emails-memory';
import { emailsPriority } from './emails-priority';
import { emailsRate } from './emails-rate';
import { exampleLatency } from './express-api';
import { underFaults } from './faults';
import { feedbackCost } from './feedback';
import { firstInvocations } from './first-invocation';
import { loadTimes } from './load';
import { producerCost } from './producer';

/** All benchmarks by name. `npm run bench` runs all of them, and `npm run bench -- NAME` runs one. */
const benchmarks: Record<string, () => Promise<string>> = {
  producer: producerCost,
  'feedback-cost': feedbackCost,
  'feedback-faults': underFaults,
  'analytics-cost': analyticsCost,
  'analytics-layouts': analyticsLayouts,
  'emails-rate': emailsRate,
  'emails-priority': emailsPriority,
  'emails-memory': emailsMemory,
  'express-api': exampleLatency,
  commands: commandTimes,
  load: loadTimes,
  'first-invocation': firstInvocations,
  'console-rows': consoleRows,
};
/** Filling the table takes many minutes, so this one runs only by its name. */
const BY_NAME = ['console-rows'];

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !(name in benchmarks));
  if (unknown.length > 0)
    throw new Error(`there is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`);
  for (const [name, benchmark] of Object.entries(benchmarks))
    if (names.length === 0 ? !BY_NAME.includes(name) : names.includes(name))
      process.stdout.write(`\n${await benchmark()}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
