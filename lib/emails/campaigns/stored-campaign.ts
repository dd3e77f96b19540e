import * as z from 'zod';
import { campaignKey } from '../../jobs/keys';
import { expectedOf } from '../../jobs/stored-row';
import type { Item } from '../../ports';

/** The reason of a campaign that stopped because its stored item is damaged. */
export const CAMPAIGN_DAMAGED = 'CampaignDamaged';

const count = z.int().min(0);
const time = z.number().min(0).max(8.64e15);
const text = z.string();

/** Without one of these, no chunk can be made again as it was. */
const PLAN = {
  source: text.min(1),
  time,
  startsAt: time,
  manifest: z.object({ key: text, sha256: text }),
  chunkSize: count.min(1),
  recipients: count,
  chunks: count.min(1),
};

/** What the item of every campaign has, whichever version wrote it. Other attributes are allowed. */
const schema = z.object({
  ...PLAN,
  id: text,
  requested: count,
  duplicates: count,
  rejected: count,
  status: z.enum(['running', 'paused', 'cancelled', 'ended']),
  released: count,
  open: z.array(count),
  refusals: count,
  history: z.array(z.object({ at: time, event: text })),
  reason: text.optional(),
  turn: z.number().optional(),
  endedAt: time.optional(),
  eventsChecked: z.boolean().optional(),
  eventsSought: z.object({ checked: count, silent: count }).optional(),
});

type Stored = z.infer<typeof schema> & Item & { damage?: string };

const BLANK = {
  ...{ source: '', time: 0, startsAt: 0, manifest: { key: '', sha256: '' }, chunkSize: 0, recipients: 0, chunks: 0 },
  ...{ requested: 0, duplicates: 0, rejected: 0, released: 0, refusals: 0, history: [], status: 'paused' as const },
};

const STATUS_AFTER = new Map<string, Stored['status']>([
  ['accepted', 'running'],
  ['resumed', 'running'],
  ['paused', 'paused'],
  ['cancelled', 'cancelled'],
]);

/**
 * A stored campaign with all its attributes. A damaged one comes with `damage`, the first attribute that is lost, and
 * goes on if it can. The status comes from the history. If that is lost too, the campaign is paused. What was released
 * comes from the rows of its chunks. Without its plan, the campaign is cancelled.
 */
export function wholeCampaign(item: Item): Item {
  const { error } = schema.safeParse(item);
  if (!error) return item;
  const lost = new Set(error.issues.map(({ path: [attribute] }) => String(attribute)));
  const sound = Object.fromEntries(Object.entries(item).filter(([name]) => !lost.has(name))) as Partial<Stored>;
  const { damage = [...lost][0] ?? '', released = 0 } = sound;
  const whole: Stored = {
    ...BLANK,
    open: Array.from({ length: released }, (_, number) => number),
    ...sound,
    key: item.key,
    id: item.key.slice(campaignKey('').length),
    version: expectedOf(item),
    writer: item.writer,
    damage,
  };
  if (lost.has('status')) whole.status = statusOf(whole);
  const isOver = whole.endedAt !== undefined || whole.status === 'cancelled';
  if (!isOver && Object.keys(PLAN).some((name) => lost.has(name)))
    return { ...whole, status: 'cancelled', reason: CAMPAIGN_DAMAGED };
  return lost.has('status') && whole.status === 'paused' ? { ...whole, reason: CAMPAIGN_DAMAGED } : whole;
}

function statusOf({ endedAt, history }: Stored): Stored['status'] {
  const last = history.findLast(({ event }) => STATUS_AFTER.has(event));
  const status = STATUS_AFTER.get(last?.event ?? '') ?? 'paused';
  return endedAt !== undefined && status !== 'cancelled' ? 'ended' : status;
}
