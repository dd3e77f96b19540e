import { throughAll } from '../concurrency';
import { VENDORS, type Vendor } from '../errors';
import { todoKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import { isHalfOpen, isOpen, type OpenCircuit, VENDOR_DOWN, VENDOR_STOPPED } from '../limits/circuit';
import type { Due } from '../ports';
import type { ReconcileDeps } from './deps';
import { release, releaseEach } from './release';
import type { ReconcileRun } from './run';

/** The codes of jobs that an open circuit refused. */
const STOPPED = new Set([VENDOR_STOPPED, VENDOR_DOWN]);

/** How long to wait for a queued message to make the trial call. That message may never call the vendor. */
const PATIENCE_MS = 5 * 60_000;
const PAGE = 16;
const ALL = Number.MAX_SAFE_INTEGER;

/** Releases one job for the trial call of each half-open circuit. */
export async function releaseTrials(deps: ReconcileRun, mayGoOn: () => boolean): Promise<void> {
  await throughAll(VENDORS, async (vendor) => {
    const circuit = await deps.circuits.read(vendor);
    if (!isOpen(circuit)) return;
    await deps.tell({ kind: 'circuit-open', subject: vendor, code: circuit.code });
    await releaseTrial(deps, { vendor, circuit, mayGoOn });
  });
}

/** Releases the jobs of every circuit that has closed. */
export async function releaseStopped(deps: ReconcileRun, mayGoOn: () => boolean): Promise<void> {
  await throughAll(VENDORS, async (vendor) => {
    if (isOpen(await deps.circuits.read(vendor))) return;
    await throughAll(deps.queueNames, (queue) =>
      releaseEach(deps, { queue, todo: todoKey(queue, 'stopped', vendor), mayGoOn }),
    );
  });
}

/** Releases one job of a half-open circuit, unless a queued message will make the trial call anyway. */
async function releaseTrial(
  deps: ReconcileDeps,
  { vendor, circuit, mayGoOn }: { vendor: Vendor; circuit: OpenCircuit; mayGoOn: () => boolean },
): Promise<void> {
  const now = deps.clock.now();
  if (!isHalfOpen(circuit, now)) return;
  const overdue = now - (circuit.retryAt ?? circuit.stoppedAt) >= PATIENCE_MS;
  if (!overdue && (await isQueued(deps, vendor))) return;

  let released = false;
  const wanted = () => !released && mayGoOn();
  await throughAll(candidates(deps, vendor, wanted), async (row) => {
    if (!wanted()) return;
    await release(deps, row);
    released = true;
  });
}

/** Whether a message is queued in a queue whose jobs wait for the vendor. */
async function isQueued(deps: ReconcileDeps, vendor: Vendor): Promise<boolean> {
  for (const queue of deps.queueNames) {
    const [held] = await deps.table.due(todoKey(queue, 'stopped', vendor), { until: ALL, limit: 1 });
    if (!held) continue;
    const { visible, inFlight } = await deps.queues.depth(deps.queueUrl(queue));
    if (visible + inFlight > 0) return true;
  }
  return false;
}

/**
 * Held jobs in the order in which they may make the trial call. The newest job that has not called the vendor comes
 * first, then the one with the oldest call. A job that drew a 403 comes last, because it may be the cause.
 */
async function* candidates(deps: ReconcileDeps, vendor: Vendor, mayGoOn: () => boolean): AsyncGenerator<JobRow> {
  const called: JobRow[] = [];
  for (const queue of deps.queueNames)
    for await (const row of newestFirst(deps, todoKey(queue, 'stopped', vendor), mayGoOn))
      if (STOPPED.has(row.error?.code ?? '') && !drewForbidden(row)) yield row;
      else called.push(row);
  yield* called.sort(
    (a, b) => Number(drewForbidden(a)) - Number(drewForbidden(b)) || (a.todoAt ?? 0) - (b.todoAt ?? 0),
  );
}

async function* newestFirst(
  { table, ledger, share = PAGE }: ReconcileDeps,
  todo: string,
  mayGoOn: () => boolean,
): AsyncGenerator<JobRow> {
  for (let after: Due | undefined; mayGoOn(); ) {
    const page = await table.due(todo, { until: ALL, after, limit: share, newestFirst: true });
    const rows = await Promise.all(page.map(({ key }) => ledger.known(key)));
    for (const row of rows) if (row?.todo === todo) yield row;
    if (page.length < share) return;
    after = page.at(-1);
  }
}

const drewForbidden = ({ history }: JobRow): boolean => history.some(({ error }) => error?.status === 403);
