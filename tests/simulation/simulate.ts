import { parseArgs } from 'node:util';
import { bundle } from './draw/bundle';
import { unreached } from './draw/expected';
import { partsOf, runParts, type Searched, startPartThread } from './draw/parts';
import { PLANNED } from './draw/planned';
import { explain, type Given as GivenPlans, type Part } from './draw/property';
import { SOURCE_MUTANTS } from './mutants/source-mutants';
import { SIMULATIONS } from './queues/queues';
import { SCALE_PLANS, scalePlanNamed } from './scale/plans';

const USAGE = [
  `usage: npm run simulate -- --runs N --seed S [--queue ${SIMULATIONS.map(({ name }) => name).join('|')}]`,
  `       npm run simulate -- --scale all|${SCALE_PLANS.map(({ name }) => name).join('|')} [--size N]`,
  '       npm run simulate -- --mutant NAME [--runs N] [--seed S] [--queue NAME]',
].join('\n');

type Given = ReturnType<typeof given>;
const { stdout, stderr } = process;

/**
 * Runs the command. Resolves to false if a promise was broken, a fault was never reached, or a mutant was not found.
 * Throws the usage if the arguments are wrong.
 */
async function simulate(args: string[]): Promise<boolean> {
  // Node 20 has no zstd, in which hours of events are stored. Their jobs would seem lost.
  if (!process.versions.node.startsWith('24.'))
    throw new Error(`the simulator needs Node 24, this is ${process.version}: use npm run simulate`);
  const options = given(args);
  if (options.scale !== undefined) return scale(options.scale, options);
  if (options.mutant !== undefined) return searchMutant(options.mutant, options);
  return search(options);
}

async function search({ runs, seed, queue, simulations }: Given): Promise<boolean> {
  const begun = performance.now();
  const drawn = partsOf(simulations, { each: Math.ceil(runs / simulations.length), seed });
  const planned = queue === undefined ? [{ plans: PLANNED }] : [];
  const { reached, failures } = await runAll([...drawn, ...planned]);
  const seconds = (performance.now() - begun) / 1000;

  report(reached);
  const missing = queue === undefined ? unreached(reached) : [];
  if (missing.length > 0) stdout.write(`\nnever reached: ${missing.join(', ')}\n`);
  stdout.write(
    `\n${runs} runs of ${simulations.map(({ name }) => name).join(', ')} with seed ${seed} in ${seconds.toFixed(0)} s ` +
      `(${(runs / seconds).toFixed(0)}/s): ${failures.length === 0 ? 'every promise was kept' : `${failures.length} broken`}\n`,
  );
  return failures.length === 0 && missing.length === 0;
}

/** Runs the scale plans at their largest size, or at `size`, and prints a row for each. */
async function scale(which: string, { size }: Given): Promise<boolean> {
  const plans = SCALE_PLANS.filter(({ name }) => which === 'all' || which === name);
  if (plans.length === 0) throw new Error(USAGE);
  stdout.write('| plan | items | virtual minutes | calls | seconds |\n|---|---|---|---|---|\n');
  let kept = true;
  const script = await bundle();
  for (const { name, what, largest } of plans) {
    const items = size ?? largest;
    const thread = await startPartThread(script);
    const begun = performance.now();
    const { scaled } = await thread.run({ scale: name, size: items });
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    await thread.stop();
    const figures = [number(items), number(scaled?.minutes), number(scaled?.calls), seconds];
    stdout.write(`| ${name}: ${what} | ${figures.join(' | ')} |\n`);
    if (scaled?.violation === undefined) continue;
    stdout.write(`\n${name}: ${scaled.violation}\n`);
    kept = false;
  }
  return kept;
}

const number = (value = 0): string => value.toLocaleString('en-US');

/** Draws runs of the mutant until one breaks a promise. A mutant of a scale plan runs under that plan. */
async function searchMutant(name: string, { runs, seed, simulations }: Given): Promise<boolean> {
  const mutant = SOURCE_MUTANTS[name];
  if (!mutant) throw new Error(`there is no mutant ${name}; there are ${Object.keys(SOURCE_MUTANTS).join(', ')}`);
  const script = await bundle({ [name]: mutant.changes });
  let ran = 0;
  const found = typeof mutant.by === 'string' ? await underScale(mutant.by) : await underDrawnRuns();
  stdout.write(`${name}: ${found === undefined ? 'not found' : `found: ${found}`} (${ran} runs, seed ${seed})\n`);
  return found !== undefined;

  async function underDrawnRuns(): Promise<string | undefined> {
    const parts = partsOf(simulations, { each: Math.ceil(runs / simulations.length), seed });
    const { failures } = await runParts(parts, { mutated: { script, mutant: name }, onRan: () => void ran++ });
    return failures[0] && `${failures[0].violation}\nplan: ${JSON.stringify(failures[0].plan)}`;
  }

  async function underScale(scale: string): Promise<string | undefined> {
    const thread = await startPartThread(script);
    ran = 1;
    const { scaled } = await thread.run({ scale, size: scalePlanNamed(scale).size }, { mutant: name });
    await thread.stop();
    return scaled?.violation;
  }
}

function given(args: string[]) {
  const string = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args,
      options: { runs: string, seed: string, queue: string, scale: string, size: string, mutant: string },
    });
    const { runs = 10_000, seed = Date.now() % 2 ** 31, queue, scale, size, mutant } = values;
    const simulations = SIMULATIONS.filter(({ name }) => queue === undefined || queue === name);
    const numbers = [Number(runs), Number(seed), Number(size ?? 1)];
    if (!numbers.every(Number.isInteger) || Number(runs) < 1 || simulations.length === 0) throw new Error('');
    return {
      ...{ runs: Number(runs), seed: Number(seed), queue, simulations, scale, mutant },
      size: size === undefined ? undefined : Number(size),
    };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${USAGE}`.trimStart());
  }
}

const PROGRESS_MS = 10_000;

/** Runs the parts, prints the progress every ten seconds, and prints each broken promise as soon as it is found. */
async function runAll(parts: readonly (Part | GivenPlans)[]): Promise<Searched> {
  const total = parts.reduce((sum, part) => sum + ('plans' in part ? part.plans.length : part.runs), 0);
  const began = Date.now();
  let done = 0;
  const progress = setInterval(() => {
    const left = done === 0 ? '?' : Math.ceil(((Date.now() - began) / done) * ((total - done) / 60_000));
    stderr.write(`${done} of ${total} runs, ${left} min left\n`);
  }, PROGRESS_MS);
  return runParts(parts, {
    onRan: () => void done++,
    onFailure: (failure) => stdout.write(`\n${explain(failure)}`),
  }).finally(() => clearInterval(progress));
}

/** Prints how often each fault, state and effect was reached. Faults also have a row for each call that they hit. */
function report(reached: ReadonlyMap<string, number>): void {
  const sorted = [...reached].filter(([what]) => what !== 'doubt').sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [what, count] of sorted) stdout.write(`${String(count).padStart(10)}  ${what}\n`);
}

simulate(process.argv.slice(2))
  .then((kept) => {
    if (!kept) process.exitCode = 1;
  })
  .catch((error: unknown) => {
    stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
