import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { CALL_FAULTS, START_FAULTS } from './faults';
import { explain, search } from './property';
import { QUEUES, queueNamed } from './queues';

/** Reached by any search worth the name; one that was not says that the search does not look where it should. */
const WANTED = [
  ...CALL_FAULTS.map((fault) => `fault ${fault}`),
  ...START_FAULTS.map((fault) => `start ${fault}`),
  ...['succeeded', 'dead(error)', 'dead(crash)', 'dead(expired)', 'cancelled(never-sent)'].map((end) => `state ${end}`),
  ...['retry', 'stopped', 'throttled'].map((reason) => `state held(${reason})`),
];

/** `npm run simulate -- --runs N --seed S [--queue NAME]`: N runs over all queues, or of one. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      queue: { type: 'string' },
    },
  });
  const [runs, seed] = [Number(values.runs), Number(values.seed)];
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs: must be a whole number of at least 1');
  if (!Number.isInteger(seed)) throw new Error('--seed: must be a whole number');
  const queues = values.queue === undefined ? QUEUES : [queueNamed(values.queue)];
  const each = Math.ceil(runs / queues.length);

  const startedAt = Date.now();
  const reached = new Map<string, number>();
  for (const queue of queues) {
    const bar = process.stdout.isTTY
      ? new SingleBar({ format: `${queue.name} {bar} {value}/{total} · {eta_formatted}` })
      : undefined;
    bar?.start(each, 0);
    const findings = await search(queue, { runs: each, seed, onRun: () => bar?.increment() });
    bar?.stop();
    for (const [what, count] of findings.reached) reached.set(what, (reached.get(what) ?? 0) + count);
    if (findings.failure) throw new Error(explain(findings.failure));
    print(`${queue.name}: ${findings.runs} runs, no promise broken`);
  }
  for (const [what, count] of [...reached].sort(([a], [b]) => a.localeCompare(b)))
    if (!what.includes(' at ')) print(`${String(count).padStart(10)}  ${what}`);
  print(`seed ${seed}, ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
  const missed = values.queue === undefined ? WANTED.filter((what) => !reached.has(what)) : [];
  if (missed.length > 0) throw new Error(`never reached: ${missed.join(', ')}`);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
