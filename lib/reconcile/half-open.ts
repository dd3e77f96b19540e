import type { Vendor } from '../errors';
import { todoKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import { isHalfOpen, isOpen, type OpenCircuit, VENDOR_STOPPED } from '../limits/circuit';
import type { Due } from '../ports';
import { eachDue, type ReconcileDeps } from './deps';
import { throughAll } from './each-of';
import { release } from './release';

const VENDORS: readonly Vendor[] = ['zendesk', 'sendgrid', 'app-store-connect'];
/** How long a queued message is waited for to make the trial call: it may be one that never calls the vendor. */
const PATIENCE_MS = 5 * 60_000;
const PAGE = 16;
const ALL = Number.MAX_SAFE_INTEGER;

/** Jobs that a vendor's circuit breaker holds: one of them for the trial call of an open circuit, all once it is closed. */
export async function releaseStopped(deps: ReconcileDeps, mayGoOn: () => boolean): Promise<void> {
  const trials: (() => Promise<void>)[] = [];
  const others: (() => Promise<void>)[] = [];
  for (const vendor of VENDORS) {
    const circuit = await deps.circuits.read(vendor);
    // 0 as well: an alarm has to know when it is over.
    deps.metrics.add('VendorStopped', isOpen(circuit) ? 1 : 0, 'Count', { vendor });
    if (isOpen(circuit)) trials.push(() => releaseTrial(deps, { vendor, circuit, mayGoOn }));
    else
      for (const queue of deps.queueNames)
        others.push(() =>
          eachDue(deps, { todo: todoKey(queue, 'stopped', vendor), mayGoOn }, (row) => release(deps, row)),
        );
  }
  // The many jobs of one vendor do not delay another vendor's trial.
  await throughAll([...trials, ...others], (work) => work());
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

/** Whether a message is on its way in a queue where jobs wait for the vendor. */
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
 * Held jobs in the order in which they are to make the trial call: the newest that has not called the vendor, then
 * the one whose call is the longest ago. A job that drew a 403 may be the cause itself, and comes last.
 */
async function* candidates(deps: ReconcileDeps, vendor: Vendor, mayGoOn: () => boolean): AsyncGenerator<JobRow> {
  const called: JobRow[] = [];
  for (const queue of deps.queueNames)
    for await (const row of newestFirst(deps, todoKey(queue, 'stopped', vendor), mayGoOn))
      if (row.error?.code === VENDOR_STOPPED && !drewForbidden(row)) yield row;
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
    const rows = await Promise.all(page.map(({ key }) => ledger.get(key)));
    for (const row of rows) if (row?.todo === todo) yield row;
    if (page.length < share) return;
    after = page.at(-1);
  }
}

const drewForbidden = ({ history }: JobRow): boolean => history.some(({ error }) => error?.status === 403);
