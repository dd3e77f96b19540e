import type { Envelope } from '../../../lib/engine/jobs/envelope';
import { invalidId, jobKey, vendorKey } from '../../../lib/engine/jobs/keys';
import { ROW_DAMAGED, ROW_SCHEMA } from '../../../lib/engine/jobs/ledger';
import { isEnd } from '../../../lib/engine/jobs/row';
import type { Vendor } from '../../../lib/platform/errors';
import type { Item } from '../../../lib/platform/ports';
import { jsonOf } from '../../../lib/platform/text';
import type { Damage } from '../draw/plan';
import { later } from './acts';
import { type Message, serviceQueue } from './names';
import type { World } from './types';

/** Starts the damages of the plan, and the newer code that writes rows. */
export function startDamages(world: World): void {
  const { damages, future } = world.plan;
  for (const damage of damages)
    later(world, damage.at, () => {
      const restore = damageOne(world, damage);
      if (restore && damage.restored !== undefined) later(world, damage.restored, restore);
    });
  if (!future) return;
  later(world, future.from, () => leaveNewerRows(world));
  later(world, future.until, () => {});
}

/** The newest schema that a process knows which starts now. */
export const knownSchema = ({ plan, kernel }: Pick<World, 'plan' | 'kernel'>): number =>
  plan.future && kernel.now() >= plan.start + plan.future.until ? ROW_SCHEMA + 1 : ROW_SCHEMA;

/** Damages an item. Returns what restores it, if it is still damaged by then. */
function damageOne(world: World, { job = 0, vendor }: Damage): (() => void) | undefined {
  const { watch, reach, damaged } = world;
  if (vendor) return damageCircuit(world, vendor);
  const rows = watch.rows();
  const row = rows[job % Math.max(1, rows.length)];
  if (!row || isEnd(row.state) || (row.schema ?? 0) > ROW_SCHEMA) return undefined;
  const item = itemAt(world, row.key);
  damaged.add(row.id);
  reach('damaged row');
  replace(world, { ...item, generation: true });
  return () => {
    // A later damage is not undone: the row said more by then.
    if (!watch.broken.has(row.key) || itemAt(world, row.key).version !== item.version) return;
    reach('restored row');
    replace(world, item);
  };
}

function damageCircuit(world: World, vendor: Vendor): (() => void) | undefined {
  const item = world.watch.items.get(vendorKey(vendor));
  if (!item) return undefined;
  world.reach('damaged circuit');
  const { forbidden: _gone, ...rest } = item;
  replace(world, rest as Item);
  return () => {
    // A run that had read it before may have written a whole one.
    if ('forbidden' in itemAt(world, item.key)) return;
    world.reach('restored circuit');
    replace(world, item);
  };
}

/**
 * Whether the job of a message in the DLQ has a row that does not parse, so that the message waits for a person.
 */
export function waitsForRow(world: World, { attributes, body }: Message): boolean {
  const { code, job = '', messageId = '' } = attributes;
  if (code !== ROW_DAMAGED) return false;
  const { id = '' } = (jsonOf(body) ?? {}) as Partial<Envelope>;
  const ids = [job, invalidId(messageId), id];
  return ids.some((one) => world.watch.broken.has(jobKey(serviceQueue(world), one)));
}

/** Code of the next release ran for a moment and wrote the rows of all live jobs. Then it was rolled back. */
function leaveNewerRows(world: World): void {
  const { watch, reach } = world;
  for (const row of watch.rows().filter(({ state }) => !isEnd(state))) {
    const item = itemAt(world, row.key);
    if (item.schema === undefined) continue;
    replace(world, { ...item, schema: ROW_SCHEMA + 1, version: item.version + 1, writer: 'newer' });
    reach('row of newer code');
    if (item.state !== 'processing') continue;
    // A run that had the row can no longer write what it did.
    reach('doubt');
    reach('run without outcome by newer code');
  }
}

const itemAt = ({ stores }: World, key: string): Item => stores.table.item(key) as Item;

/** Replaces an item as no function could. The memory table does it at once. */
function replace({ stores: { table }, watch }: World, item: Item): void {
  void table.delete(item.key, table.item(item.key)?.version ?? 0);
  void table.put(item, 0);
  watch.replaced(item);
}
