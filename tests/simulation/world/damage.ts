import type { Envelope } from '../../../lib/engine/jobs/envelope';
import { invalidId, jobKey, pauseKey, vendorKey } from '../../../lib/engine/jobs/keys';
import { isEnd } from '../../../lib/engine/jobs/row';
import { ROW_DAMAGED, ROW_SCHEMA } from '../../../lib/engine/jobs/row-schema';
import type { Item } from '../../../lib/platform/ports';
import { jsonOf } from '../../../lib/platform/text';
import { campaignKey } from '../../../lib/queues/emails/queue';
import type { Damage, DamagedForm } from '../draw/plan';
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
function damageOne(world: World, damage: Damage): (() => void) | undefined {
  const { job = 0, vendor, campaign, pause } = damage;
  const { watch, reach, damaged } = world;
  if (vendor) return damageShared(world, 'circuit', watch.items.get(vendorKey(vendor)), damage);
  if (campaign !== undefined) {
    const stored = [...watch.items.values()].filter(({ key }) => key.startsWith(campaignKey('')));
    const live = stored.filter(({ endedAt }) => endedAt === undefined);
    return damageShared(world, 'campaign', live[campaign % Math.max(1, live.length)], damage);
  }
  if (pause) return damagePause(world, damage);
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

/** What the items of the table have beside the attributes of their kind, and what any number fits. */
const NOT_OF_ITS_KIND = ['key', 'version', 'writer', 'todo', 'todoAt', 'accepted', 'expiresAt', 'startTag'];

function damagedForm(value: unknown, form: DamagedForm): unknown {
  if (form === 'null' || (form === 'out of range' && typeof value !== 'number')) return null;
  return form === 'out of range' ? Number.MAX_VALUE : typeof value === 'string' ? 7 : 'damaged';
}

/** Nothing changes the item until it is restored. So the observer of the table goes on with what it was. */
function damageShared(
  world: World,
  what: 'circuit' | 'campaign',
  item: Item | undefined,
  { field, form = 'null' }: Damage,
): (() => void) | undefined {
  const { watch, reach, stores } = world;
  if (!item || stores.table.item(item.key)?.version !== item.version) return undefined;
  reach(`damaged ${what}`);
  const names = Object.keys(item).filter((name) => !NOT_OF_ITS_KIND.includes(name));
  const name = names[(field ?? 0) % names.length] ?? '';
  const { forbidden: _gone, ...without } = item;
  const broken = (field === undefined ? without : { ...item, [name]: damagedForm(item[name], form) }) as Item;
  put(world, broken);
  return () => {
    const now = itemAt(world, item.key);
    // A run that had read it before may have written a whole one.
    if (now.version === item.version) {
      reach(`restored ${what}`);
      put(world, item);
    } else if (field !== undefined && now[name] === broken[name])
      watch.violated(`nothing lost: ${item.key} was written while its ${name} did not parse`);
  };
}

/** No run of the service needs the pause. It must tell it, and leave it to a person. */
function damagePause(world: World, { form = 'null' }: Damage): (() => void) | undefined {
  const { stores, reach, watch } = world;
  const pause = {
    key: pauseKey(serviceQueue(world)),
    version: 1,
    writer: 'operator',
    by: 'operator',
    reason: 'a drill',
  };
  // The pause of another damage.
  if (stores.table.item(pause.key)) return undefined;
  const broken = { ...pause, at: damagedForm(1, form) } as Item;
  if (stores.table.item(pause.key)) return undefined;
  put(world, broken);
  reach('damaged pause');
  return () => {
    if (stores.table.item(pause.key)?.at !== broken.at)
      watch.violated(`nothing lost: ${pause.key} was written while it did not parse`);
    reach('restored pause');
    void stores.table.delete(pause.key, pause.version);
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
function put({ stores: { table } }: World, item: Item): void {
  void table.delete(item.key, table.item(item.key)?.version ?? 0);
  void table.put(item, 0);
}

function replace(world: World, item: Item): void {
  put(world, item);
  world.watch.replaced(item);
}
