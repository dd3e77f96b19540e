import type { Vendor } from '../errors';
import { todoKey } from '../jobs/keys';
import { ANYONE } from '../limits/circuit';
import { eachDue, type ReconcileDeps, SHARE } from './deps';
import { release } from './release';

const VENDORS: readonly Vendor[] = ['zendesk', 'sendgrid', 'app-store-connect'];

/** Jobs that a stopped vendor holds: one of them probes it, the longest held first; when it is well, all are released. */
export async function releaseStopped(deps: ReconcileDeps, mayGoOn: () => boolean): Promise<void> {
  for (const vendor of VENDORS) {
    const circuit = await deps.circuits.read(vendor);
    // 0 as well: an alarm has to know when it is over.
    deps.metrics.add('VendorStopped', circuit?.stoppedAt === undefined ? 0 : 1, 'Count', { vendor });
    if (circuit?.stoppedAt !== undefined) await probe(deps, vendor);
    else
      for (const queue of deps.queueNames)
        await eachDue(deps, { todo: todoKey(queue, 'stopped', vendor), mayGoOn }, (row) => release(deps, row));
  }
}

async function probe(deps: ReconcileDeps, vendor: Vendor): Promise<void> {
  const until = deps.clock.now();
  const waiting = await Promise.all(
    deps.queueNames.map((queue) => deps.table.due(todoKey(queue, 'stopped', vendor), { until, limit: SHARE })),
  );
  const oldestFirst = waiting.flat().sort((a, b) => a.todoAt - b.todoAt);
  for (const { key } of oldestFirst) {
    const row = await deps.ledger.get(key);
    if (row?.state !== 'held' || row.vendor !== vendor) continue;
    await deps.circuits.probe(vendor, row.id);
    return release(deps, row);
  }
  // Nobody waits for it (a best-effort step goes on without): whoever comes next may try.
  await deps.circuits.probe(vendor, ANYONE);
}
