import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { unreached } from './expected';
import { partsOf, runParts, type Searched } from './parts';
import { explain } from './property';
import { SIMULATIONS } from './queues';
import type { Part } from './simulate-part';

const USAGE = `usage: npm run simulate -- --runs N --seed S [--queue ${SIMULATIONS.map(({ name }) => name).join('|')}]`;

/** `npm run simulate -- --runs N --seed S [--queue NAME]`: exits 1 on a broken promise or a fault that was never reached. */
async function main(): Promise<void> {
  const { runs, seed, queue } = given();
  const simulations = SIMULATIONS.filter(({ name }) => queue === undefined || queue === name);
  if (!(runs > 0 && Number.isInteger(seed) && simulations.length > 0)) throw new Error(USAGE);

  const begun = performance.now();
  const { reached, failures } = await simulate(
    partsOf(simulations, { each: Math.ceil(runs / simulations.length), seed }),
  );
  const seconds = (performance.now() - begun) / 1000;

  report(reached);
  const missing = queue === undefined ? unreached(reached) : [];
  for (const failure of failures) process.stdout.write(`\n${explain(failure)}`);
  if (missing.length > 0) process.stdout.write(`\nnever reached: ${missing.join(', ')}\n`);
  process.stdout.write(
    `\n${runs} runs of ${simulations.map(({ name }) => name).join(', ')} with seed ${seed} in ${seconds.toFixed(0)} s ` +
      `(${(runs / seconds).toFixed(0)}/s): ${failures.length === 0 ? 'every promise was kept' : `${failures.length} broken`}\n`,
  );
  if (failures.length > 0 || missing.length > 0) process.exitCode = 1;
}

function given(): { runs: number; seed: number; queue: string | undefined } {
  const string = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { runs: string, seed: string, queue: string } });
    const { runs = 10_000, seed = Date.now() % 2 ** 31, queue } = values;
    return { runs: Number(runs), seed: Number(seed), queue };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${USAGE}`);
  }
}

async function simulate(parts: readonly Part[]): Promise<Searched> {
  const bar = new SingleBar(
    {
      format: '{bar} {percentage}% {value}/{total} runs, {eta_formatted} left',
      // A line every ten seconds where there is no terminal.
      noTTYOutput: true,
      notTTYSchedule: 10_000,
    },
    Presets.shades_classic,
  );
  bar.start(
    parts.reduce((sum, part) => sum + part.runs, 0),
    0,
  );
  return runParts(parts, (count) => bar.increment(count)).finally(() => bar.stop());
}

/** How often what was reached; faults by the call that they struck in rows of their own. */
function report(reached: ReadonlyMap<string, number>): void {
  const sorted = [...reached].filter(([what]) => what !== 'doubt').sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [what, count] of sorted) process.stdout.write(`${String(count).padStart(10)}  ${what}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
