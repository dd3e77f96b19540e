import { campaignKeys } from '../../../lib/emails/manifest';
import { isBodyOf } from '../../../lib/jobs/body';
import { bodyKey, campaignKey, recordKey } from '../../../lib/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/jobs/row';
import { ROW_SCHEMA } from '../../../lib/jobs/row-schema';
import type { Item } from '../../../lib/ports';
import type { MemoryObjects } from '../../support/memory-objects';
import type { MemoryTable } from '../../support/memory-table';
import type { Damage } from '../draw/plan';
import { mainQueue, serviceQueue } from './names';
import type { World } from './types';

/** Attributes of a row that a damage takes or changes. */
const ATTRIBUTES = [
  'steps',
  'history',
  'spentMessageIds',
  'payloadHash',
  'state',
  'time',
  'attempts',
  'version',
  'lease',
] as const;

/** Starts the damages of the plan, and the newer code that writes rows. */
export function startDamages(world: World): void {
  const { plan, kernel, pending, trouble } = world;
  for (const damage of plan.damages) {
    pending.add(damage);
    kernel.setTimeout(() => {
      trouble();
      damageOne(world, damage);
      pending.delete(damage);
    }, damage.at);
  }
  const { future } = plan;
  if (!future) return;
  const deployed = {};
  pending.add(deployed);
  kernel.setTimeout(() => leaveNewerRows(world), future.from);
  kernel.setTimeout(() => {
    trouble();
    pending.delete(deployed);
  }, future.until);
}

/** The newest schema that a process knows which starts now. */
export const knownSchema = ({ plan, kernel }: Pick<World, 'plan' | 'kernel'>): number =>
  plan.future && kernel.now() >= plan.start + plan.future.until ? ROW_SCHEMA + 1 : ROW_SCHEMA;

function damageOne(world: World, { what, job, nth }: Damage): void {
  const { watch, reach, damaged } = world;
  const rows = watch.rows();
  const row = rows[job % Math.max(1, rows.length)];
  if (!row || (row.schema ?? 0) > ROW_SCHEMA) return;
  if (!DAMAGES[what](world, row, nth)) return;
  damaged.add(row.id);
  reach(`damaged ${what}`);
  if (row.reason === 'unknown') reach('damage while an operator is awaited');
}

/** Each answers whether there was something to damage. */
const DAMAGES: Record<Damage['what'], (world: World, row: JobRow, nth: number) => boolean> = {
  row(world, row, nth) {
    if (isEnd(row.state)) return false;
    const attribute = ATTRIBUTES[nth % ATTRIBUTES.length] ?? 'steps';
    // Nothing else says which of two bodies with one id is the job's, or that a body is the one that was sent.
    const { jobs, damages } = world.plan;
    const isHashNeeded =
      jobs.some(({ kind }) => kind === 'stolen-id') || damages.some((other) => other.what === 'body');
    if (attribute === 'payloadHash' && isHashNeeded) return false;
    const { [attribute]: _gone, ...rest } = itemAt(world, row.key);
    replace(world, { ...rest, ...(nth % 2 === 0 || attribute === 'lease' ? { [attribute]: true } : {}) } as Item);
    return true;
  },
  body({ stores, queue }, row, nth) {
    const objects = stores.objects as MemoryObjects;
    const key = bodyKey('jobs', serviceQueue({ queue }), row.id);
    if (!objects.keys().includes(key)) return false;
    const text = objects.text(key);
    void objects.put(key, nth % 2 === 0 ? text.slice(0, nth % text.length) : `${text} `.replace('}', ',"x":1}'), '');
    return true;
  },
  /** The row is gone, its record is damaged, and SQS delivers an old copy of the message. */
  record({ stores, watch, sqs, chance, kernel, queue, settings }, row) {
    const objects = stores.objects as MemoryObjects;
    const key = recordKey('jobs', row);
    const body = watch.bodies.get(row.id);
    if (
      queue.isDoneWithout ||
      row.state !== 'succeeded' ||
      !body ||
      !isBodyOf(body, row) ||
      !objects.keys().includes(key)
    )
      return false;
    if (kernel.now() - row.time < 24 * 3_600_000) return false;
    void objects.put(key, objects.text(key).slice(0, 80), '');
    void (stores.table as MemoryTable).delete(row.key, row.version);
    watch.removed(row.key);
    sqs.sendMessage({
      QueueUrl: mainQueue({ queue, settings }),
      MessageBody: body,
      ...(settings.type === 'fifo' ? { MessageGroupId: row.group ?? 'g', MessageDeduplicationId: chance.uuid() } : {}),
    });
    return true;
  },
  /** One of the objects that a campaign's caller has stored is truncated, or gone. */
  list({ stores, damaged }, { id, campaign = id }, nth) {
    const objects = stores.objects as MemoryObjects;
    const keys = objects.keys().filter((key) => key.startsWith(campaignKeys('jobs', campaign).home));
    const key = keys[nth % Math.max(1, keys.length)];
    if (key === undefined) return false;
    damaged.add(campaign);
    void (nth % 2 === 0 ? objects.put(key, objects.text(key).slice(0, nth), '') : objects.delete(key));
    return true;
  },
  campaign(world, { id, campaign = id }, nth) {
    const key = campaignKey(campaign);
    if (!world.watch.items.has(key)) return false;
    const attribute = OF_CAMPAIGNS[nth % OF_CAMPAIGNS.length] ?? 'status';
    const { [attribute]: _gone, ...rest } = itemAt(world, key);
    world.damaged.add(campaign);
    replace(world, { ...rest, ...(nth % 2 === 0 ? { [attribute]: true } : {}) } as Item);
    return true;
  },
};

const OF_CAMPAIGNS = [
  ...(['status', 'released', 'open', 'history', 'refusals', 'version'] as const),
  ...(['manifest', 'chunks', 'chunkSize', 'startsAt', 'requested'] as const),
] as const;

/** Code of the next release ran for a moment and wrote the rows of all live jobs. Then it was rolled back. */
function leaveNewerRows(world: World): void {
  const { watch, reach, trouble } = world;
  trouble();
  for (const row of watch.rows().filter(({ state }) => !isEnd(state))) {
    const item = itemAt(world, row.key);
    if (item.schema === undefined || typeof item.version !== 'number') continue;
    replace(world, { ...item, schema: ROW_SCHEMA + 1, version: item.version + 1, writer: 'newer' });
    reach('row of newer code');
    if (item.state !== 'processing') continue;
    // A run that had the row can no longer write what it did.
    reach('doubt');
    reach('run without outcome by newer code');
  }
}

const itemAt = ({ stores }: World, key: string): Item => (stores.table as MemoryTable).item(key) as Item;

/** Replaces an item as no function could. The memory table does it at once. */
function replace({ stores, watch }: World, item: Item): void {
  const table = stores.table as MemoryTable;
  void table.delete(item.key, table.item(item.key)?.version ?? -1);
  void table.put(item, 0);
  watch.replaced(item);
}
