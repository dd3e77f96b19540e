import { submit } from '../../../lib/engine/submit/submit';
import { jobId } from '../../support/engine';
import { inState } from '../../support/in-state';
import { HOUR_MS, MINUTE_MS } from '../draw/build';
import { QUEUE, startSample, TYPE } from './sample';
import { type ScaleResult, scalePlan } from './service';

const BESIDE = 'beside';
/** Calls of the table in a second that the reconciler makes at most, with its memory in serverless.yml. */
const CALLS_A_SECOND = 300;
const CALL_MS = 5;
/** A run moves so many entries that are due too early. After them it comes to later ones. */
const MOVED_A_RUN = 1_500;
/** A read and a write of each entry. A run also asks about two queues, and reads a page of each key for nothing. */
const CALLS_AN_ENTRY = 2;
const MORE_CALLS_A_RUN = 1_200;
/** A quarter of a run's time at that rate, and the rest of its work. */
const MOST_CALLS_A_RUN = 5_000;
/** A run comes each minute, and releases the job after its work on the backlog. */
const LONGEST_WAIT_MS = 90_000;
/** What 200 workers do in a second, and until a job is found that no worker has claimed although the queue is empty. */
const DONE_A_SECOND = 500;
const UNCLAIMED_MS = 20 * MINUTE_MS;

/**
 * For an hour nothing runs. Then the reconciler does, and later the workers. Every queued job is due in the index,
 * although its message waits. Between them is a job whose message was never sent, and one whose message is gone. On
 * another queue a new job comes each minute, and a held one becomes due.
 */
async function backlog(size: number): Promise<ScaleResult> {
  const runs = 2 + Math.ceil(size / MOVED_A_RUN);
  const reconciler = HOUR_MS + 6 * MINUTE_MS;
  const worker = reconciler + runs * MINUTE_MS;
  let freeAt = 0;
  const costMs = (call: string) => {
    const now = sample.now() - start;
    if (!call.startsWith('table.') || now < reconciler || now >= worker) return CALL_MS;
    freeAt = Math.max(now, freeAt) + 1_000 / CALLS_A_SECOND;
    return CALL_MS + freeAt - now;
  };
  const done = new Map<string, number>();
  const sample = startSample(({ id }) => void done.set(id, sample.now()), {
    ...{ concurrency: 200, beside: BESIDE, begins: { reconciler, worker }, costMs },
  });
  const { deps, after, now } = sample;
  const start = now();
  const accept = (n: number, queue: string) =>
    void submit({ ...deps, source: '/scale/api' }, { id: jobId(n), queue, type: TYPE, data: {}, group: `g${n}` });

  for (let n = 1; n <= size; n++) after((HOUR_MS * n) / size, () => accept(n, QUEUE));
  const [unsent, gone] = [size + 1, size + 2];
  // Later than most others, and not among the newest, at which a run looks first.
  after(0.7 * HOUR_MS, () => {
    void sample.hold(unsent, { state: inState('queued') });
    void sample.hold(gone, { state: inState('queued'), sentAt: now() });
  });
  let isFound = false;
  const { send } = deps.queues;
  deps.queues.send = async (url, message) => {
    isFound ||= message.body.includes(jobId(unsent));
    return send(url, message);
  };

  const others = new Map<string, number>();
  const next = () => {
    if (done.has(jobId(gone))) return;
    const n = size + 3 + others.size;
    for (const each of [n, n + 1]) others.set(jobId(each), now());
    accept(n, BESIDE);
    void sample.hold(n + 1, { reason: 'retry', retryAt: now() }, { queue: BESIDE });
    after(MINUTE_MS, next);
  };
  after(reconciler + MINUTE_MS / 3, next);

  const ofRuns: number[] = [];
  const countCalls = () => {
    const calls = [...sample.calls].map(([call, times]) => (call.startsWith('table.') ? times : 0));
    ofRuns.push(calls.reduce((sum, times) => sum + times, 0));
    if (ofRuns.length <= runs) after(MINUTE_MS, countCalls);
  };
  after(reconciler - 1, countCalls);

  function broken(): string | undefined {
    const late = [...others].find(([id, at]) => (done.get(id) ?? now()) - at > LONGEST_WAIT_MS);
    if (late) return `bystanders: ${late[0]} waits behind the backlog of another queue`;
    if (ofRuns.length <= runs) return undefined;
    if (!isFound) return `liveness: the lost job is not found in ${runs} runs`;
    const most = Math.max(...ofRuns.slice(1).map((calls, run) => calls - (ofRuns[run] ?? 0)));
    if (most > MOST_CALLS_A_RUN) return `calls: ${most} of the table in a run`;
    const all = (ofRuns.at(-1) ?? 0) - (ofRuns[0] ?? 0);
    if (all > CALLS_AN_ENTRY * size + MORE_CALLS_A_RUN * runs) return `calls: ${all} of the table for ${size} entries`;
    return undefined;
  }

  return sample.run({
    done: () => broken() ?? done.size >= size + 2 + others.size,
    withinMs: worker + (size / DONE_A_SECOND) * 1_000 + UNCLAIMED_MS,
  });
}

export const backlogPlan = scalePlan(
  'backlog',
  'queued jobs of an hour in which nothing ran, and two without a message',
  [5_000, 100_000],
  backlog,
);
