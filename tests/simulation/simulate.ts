import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bundle } from './draw/bundle';
import { unreached } from './draw/expected';
import { changesOf, planOf } from './draw/given';
import { PAIRS } from './draw/pairs';
import { partsOf, runParts, type Searched, startPartThread } from './draw/parts';
import { aPlan, type Plan } from './draw/plan';
import { PLANNED } from './draw/planned';
import { explain, type Given as GivenPlans, type Pairs, type Part } from './draw/property';
import { SOURCE_MUTANTS } from './mutants/source-mutants';
import { SIMULATIONS } from './queues/queues';
import { SCALE_PLANS, scalePlanNamed } from './scale/plans';

const USAGE = [
  `usage: npm run simulate -- --runs N --seed S [--queue ${SIMULATIONS.map(({ name }) => name).join('|')}]`,
  '       npm run simulate -- --plan FILE',
  `       npm run simulate -- --pairs all|${PAIRS.join('|')} [--every N]`,
  `       npm run simulate -- --scale all|${SCALE_PLANS.map(({ name }) => name).join('|')} [--size N]`,
  '       npm run simulate -- --mutant NAME|all [--runs N] [--seed S] [--queue NAME] [--pairs NAME]',
  '       each of the first four with --patch FILE, which changes the code',
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
  if (options.mutant === 'all') return searchMutants(options);
  if (options.mutant !== undefined) return searchMutant(options.mutant, options);
  return search(options);
}

async function search(options: Given): Promise<boolean> {
  const { queue, plan, pairs } = options;
  const begun = performance.now();
  const { reached, failures, ran } = await runAll(chosen(options), await codeOf(options));
  const seconds = (performance.now() - begun) / 1000;

  report(reached);
  const isWhole = [queue, plan, pairs, options.patch].every((one) => one === undefined);
  const missing = isWhole ? unreached(reached) : [];
  if (missing.length > 0) stdout.write(`\nnever reached: ${missing.join(', ')}\n`);
  stdout.write(
    `\n${ran} runs of ${whatOf(options)} in ${seconds.toFixed(0)} s (${(ran / seconds).toFixed(0)}/s): ` +
      `${failures.length === 0 ? 'every promise was kept' : `${failures.length} broken`}\n`,
  );
  return failures.length === 0 && missing.length === 0;
}

const whatOf = ({ plan, pairs, simulations, seed }: Given): string => {
  if (plan) return 'the given plan';
  return pairs ? `pairs of faults of ${pairs.join(', ')}` : `${drawnOf(simulations)} with seed ${seed}`;
};
const drawnOf = (simulations: Given['simulations']) => simulations.map(({ name }) => name).join(', ');

/** The runs that the options ask for. */
function chosen({ plan, pairs, every, simulations, runs, seed, queue }: Given): (Part | GivenPlans | Pairs)[] {
  if (plan) return [{ plans: [plan] }];
  if (pairs) return pairs.map((name) => ({ pairs: name, ...(every === undefined ? {} : { every }) }));
  const drawn = partsOf(simulations, { each: Math.ceil(runs / simulations.length), seed });
  return queue === undefined ? [...drawn, { plans: PLANNED }] : drawn;
}

/** The code with the changes of a patch, if there is one. */
async function codeOf({ patch }: Given): Promise<{ script: string; mutant: string }> {
  return { script: await bundle(patch === undefined ? {} : { patch }), mutant: 'patch' };
}

/** Runs the scale plans at their largest size, or at `size`, and prints a row for each. */
async function scale(which: string, { size, ...options }: Given): Promise<boolean> {
  const plans = SCALE_PLANS.filter(({ name }) => which === 'all' || which === name);
  if (plans.length === 0) throw new Error(USAGE);
  stdout.write('| plan | items | virtual minutes | calls | seconds |\n|---|---|---|---|---|\n');
  let kept = true;
  const { script, mutant } = await codeOf({ size, ...options });
  for (const { name, what, largest } of plans) {
    const items = size ?? largest;
    const thread = await startPartThread(script);
    const begun = performance.now();
    const { scaled } = await thread.run({ scale: name, size: items }, { mutant });
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

/**
 * Runs the mutant under the plan that finds it, or under drawn runs or pairs until it breaks a promise. A mutant of a
 * scale plan runs under that plan.
 */
async function searchMutant(name: string, options: Given): Promise<boolean> {
  const mutant = SOURCE_MUTANTS[name];
  if (!mutant) throw new Error(`there is no mutant ${name}; there are ${Object.keys(SOURCE_MUTANTS).join(', ')}`);
  const script = await bundle({ [name]: mutant.changes });
  let ran = 0;
  const found = typeof mutant.by === 'string' ? await underScale(mutant.by) : await underRuns();
  stdout.write(
    `${name}: ${found === undefined ? 'not found' : `found: ${found}`} (${ran} runs, seed ${options.seed})\n`,
  );
  return found !== undefined;

  async function underRuns(): Promise<string | undefined> {
    const parts = options.isSearch ? chosen(options) : [{ plans: [aPlan(mutant?.by as Partial<Plan>)] }];
    const { failures } = await runParts(parts, {
      code: { script, mutant: name },
      until: 'broken',
      onRan: () => void ran++,
    });
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

/** Prints for each mutant of a plan after how many of these runs it was found. */
async function searchMutants(options: Given): Promise<boolean> {
  const mutants = Object.entries(SOURCE_MUTANTS).filter(([, { by }]) => typeof by !== 'string');
  const script = await bundle(Object.fromEntries(mutants.map(([name, { changes }]) => [name, changes])));
  const parts = chosen(options).map((part) => ('simulation' in part ? { ...part, first: true as const } : part));
  let found = 0;
  for (const [mutant] of mutants) {
    let ran = 0;
    const { failures } = await runParts(parts, { code: { script, mutant }, until: 'broken', onRan: () => void ran++ });
    if (failures.length > 0) found++;
    stdout.write(`${failures.length > 0 ? String(ran).padStart(8) : '   never'}  ${mutant}\n`);
  }
  stdout.write(`${found} of ${mutants.length} mutants found in ${whatOf(options)}\n`);
  return found === mutants.length;
}

function given(args: string[]) {
  const string = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        ...{ runs: string, seed: string, queue: string, scale: string, size: string, mutant: string },
        ...{ plan: string, patch: string, pairs: string, every: string },
      },
    });
    const { runs = 10_000, seed = Date.now() % 2 ** 31, queue, scale, size, mutant, plan, patch, every } = values;
    const simulations = SIMULATIONS.filter(({ name }) => queue === undefined || queue === name);
    const numbers = [Number(runs), Number(seed), Number(size ?? 1), Number(every ?? 1)];
    const pairs = PAIRS.filter((name) => values.pairs === 'all' || values.pairs === name);
    if (!numbers.every(Number.isInteger) || Number(runs) < 1 || simulations.length === 0) throw new Error('');
    if (values.pairs !== undefined && pairs.length === 0) throw new Error('');
    if (mutant !== undefined && (scale ?? patch) !== undefined)
      throw new Error('--mutant brings its own change and scale plan, so it takes no --scale and no --patch');
    return {
      ...{ runs: Number(runs), seed: Number(seed), queue, simulations, scale, mutant },
      size: size === undefined ? undefined : Number(size),
      every: every === undefined ? undefined : Number(every),
      pairs: values.pairs === undefined ? undefined : pairs,
      isSearch: [values.runs, values.pairs, plan].some((one) => one !== undefined),
      plan: plan === undefined ? undefined : fromFile(plan, planOf),
      patch: patch === undefined ? undefined : fromFile(patch, changesOf),
    };
  } catch (error) {
    throw error instanceof FileError ? error : new Error(`${(error as Error).message}\n${USAGE}`.trimStart());
  }
}

class FileError extends Error {}

function fromFile<T>(file: string, read: (text: string) => T): T {
  try {
    return read(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new FileError(`${file}: ${(error as Error).message}`);
  }
}

const PROGRESS_MS = 10_000;

/** Runs the parts, prints the progress every ten seconds, and prints each broken promise as soon as it is found. */
async function runAll(
  parts: readonly (Part | GivenPlans | Pairs)[],
  code: { script: string; mutant: string },
): Promise<Searched & { ran: number }> {
  // How many pairs a run has is only known at its end.
  const total = parts.reduce(
    (sum, part) => sum + ('plans' in part ? part.plans.length : 'runs' in part ? part.runs : Number.NaN),
    0,
  );
  const began = Date.now();
  let done = 0;
  const progress = setInterval(() => {
    const left = Math.ceil(((Date.now() - began) / done) * ((total - done) / 60_000));
    stderr.write(
      Number.isNaN(total) ? `${done} runs\n` : `${done} of ${total} runs, ${done === 0 ? '?' : left} min left\n`,
    );
  }, PROGRESS_MS);
  const searched = await runParts(parts, {
    code,
    onRan: () => void done++,
    onFailure: (failure) => stdout.write(`\n${explain(failure)}`),
  }).finally(() => clearInterval(progress));
  return { ...searched, ran: done };
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
