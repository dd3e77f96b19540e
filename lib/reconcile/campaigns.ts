import { CAMPAIGN_QUEUE, type Campaign, campaigns } from '../jobs/campaign';
import { chunkEnvelope, chunkId, chunkRecipients } from '../jobs/chunk';
import { deduplicationId, jobKey, rateKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import { newRow } from '../jobs/new-row';
import type { RateItem } from '../jobs/rate';
import { isEnd, type JobRow } from '../jobs/row';
import { everyDue, type ReconcileDeps } from './deps';
import { eachOf, throughAll } from './each-of';
import { release } from './release';

/** Work for the senders until the next look, and some for the time in which nobody looks. */
const BUDGET_SECONDS = 20;
const AT_ONCE = 8;

/**
 * Looks at every campaign that has not ended: brings back what was held for a pause, releases chunks up to the budget,
 * notes the end. Answers whether there is a campaign that may have more to release soon.
 */
export async function releaseCampaigns(deps: ReconcileDeps, mayGoOn: () => boolean): Promise<boolean> {
  if (!deps.queueNames.includes(CAMPAIGN_QUEUE)) return false;
  const todo = todoKey(CAMPAIGN_QUEUE, 'campaign');
  const running: Campaign[] = [];
  let outstanding = 0;
  try {
    await throughAll(everyDue(deps, { todo, mayGoOn }), (keys) =>
      throughAll(keys, async (key) => {
        const campaign = (await readItem(deps, key)) as Campaign | undefined;
        if (campaign?.todo !== todo || !mayGoOn()) return;
        if (campaign.endedAt !== undefined) return missEvents(deps, campaign);
        const looked = await look(deps, await caughtUp(deps, campaign));
        outstanding += looked.outstanding;
        if (looked.campaign.status === 'running') running.push(looked.campaign);
      }),
    );
  } finally {
    // Also where one could not be looked at: the others have nothing to do with it.
    if (running.length > 0) await spend(deps, { running, outstanding, mayGoOn });
  }
  return running.length > 0;
}

/**
 * Counts the chunk whose release was lost before the cursor was written, but after its row or its worker's: a pause or a
 * cancel in between would leave it uncounted, and the campaign would end without it.
 */
async function caughtUp(deps: ReconcileDeps, campaign: Campaign): Promise<Campaign> {
  const { id, released, chunks } = campaign;
  if (released === chunks) return campaign;
  const row = await deps.ledger.get(jobKey(CAMPAIGN_QUEUE, chunkId(id, released)));
  return (row && (await countReleased(deps, { id, number: released }))) ?? campaign;
}

const countReleased = (deps: ReconcileDeps, { id, number }: { id: string; number: number }) =>
  campaigns(deps).change(id, (stored) =>
    stored.released === number ? { ...stored, released: number + 1, open: [...stored.open, number] } : undefined,
  );

/** What became of the released chunks; the end, where nothing more will come. */
async function look(deps: ReconcileDeps, campaign: Campaign): Promise<{ campaign: Campaign; outstanding: number }> {
  const rows = await rowsOf(deps, campaign, campaign.open);
  if (campaign.status !== 'paused')
    for (const row of rows.values()) if (row?.state === 'held' && row.reason === 'paused') await release(deps, row);
  const open = campaign.open.filter((number) => !isEnded(rows.get(number)));
  const waiting = open.filter((number) => takesPart(rows.get(number), campaign));
  const done = open.length === 0 && (campaign.status === 'cancelled' || campaign.released === campaign.chunks);
  const changed =
    done || open.length < campaign.open.length
      ? await campaigns(deps).change(campaign.id, (now) => ({
          ...now,
          open,
          ...(done ? ended(now, deps.clock.now()) : {}),
        }))
      : campaign;
  return {
    campaign: changed ?? campaign,
    outstanding: waiting.reduce((sum, number) => sum + chunkRecipients(campaign, number), 0),
  };
}

const isEnded = (row: JobRow | undefined): boolean => row !== undefined && isEnd(row.state);

/** Whether a chunk will still ask for a part of the rate: one that nobody can tell about will not, nor a paused one. */
const takesPart = (row: JobRow | undefined, { status }: Campaign): boolean =>
  !(row?.state === 'held' && (row.reason === 'unknown' || (row.reason === 'paused' && status === 'paused')));

const ended = (campaign: Campaign, at: number): Pick<Campaign, 'status' | 'endedAt'> => ({
  status: campaign.status === 'cancelled' ? 'cancelled' : 'ended',
  endedAt: at,
});

async function rowsOf(
  { ledger }: ReconcileDeps,
  campaign: Campaign,
  numbers: readonly number[],
): Promise<Map<number, JobRow | undefined>> {
  const rows = new Map<number, JobRow | undefined>();
  await eachOf([...numbers], AT_ONCE, async (number) => {
    rows.set(number, await ledger.get(jobKey(CAMPAIGN_QUEUE, chunkId(campaign.id, number))));
  });
  return rows;
}

/** Releases chunks, one of each campaign in turn, while what is released and has not ended stays below the budget. */
async function spend(
  deps: ReconcileDeps,
  { running, outstanding, mayGoOn }: { running: Campaign[]; outstanding: number; mayGoOn: () => boolean },
): Promise<void> {
  let under = outstanding;
  let open = running.filter(({ released, chunks }) => released < chunks);
  const rate = await rateOf(deps, open);
  while (open.length > 0 && mayGoOn()) {
    const next: Campaign[] = [];
    for (const campaign of open) {
      const size = chunkRecipients(campaign, campaign.released);
      // One chunk is always let go, however large it is.
      if (under > 0 && under + size > rate * BUDGET_SECONDS) return;
      const after = await releaseChunk(deps, campaign);
      under += size;
      if (after?.status === 'running' && after.released < after.chunks) next.push(after);
    }
    open = next;
  }
}

/** What the senders go by now; before the first has sent, what the campaign was cut for. */
async function rateOf(deps: ReconcileDeps, [first]: readonly Campaign[]): Promise<number> {
  const stored = (await readItem(deps, rateKey('sendgrid'))) as RateItem | undefined;
  return stored?.rate || (first ? first.chunkSize / 10 : 1);
}

/**
 * Message, then row, then the campaign's cursor, which alone says what was released. Whatever is lost in between is done
 * again, to the same job: its id follows from the number.
 */
async function releaseChunk(deps: ReconcileDeps, campaign: Campaign): Promise<Campaign | undefined> {
  const { queues, ledger, clock, random, log } = deps;
  const number = campaign.released;
  const envelope = chunkEnvelope(campaign, number);
  const fifo = deps.settings(CAMPAIGN_QUEUE).type === 'fifo';
  const { messageId } = await queues.send(deps.queueUrl(CAMPAIGN_QUEUE), {
    body: JSON.stringify(envelope),
    ...(fifo ? { groupId: envelope.id, deduplicationId: deduplicationId.sent(envelope.id) } : {}),
  });
  const now = clock.now();
  const row = newRow({ queue: CAMPAIGN_QUEUE, envelope, group: envelope.id, now, random });
  // Where its worker was faster, the row is there already and says more.
  await ledger.write({ ...row, sentAt: now, history: [{ at: now, event: 'released', messageId }] }, 0);
  log.info('released', { queue: CAMPAIGN_QUEUE, jobId: envelope.id, correlationId: campaign.id, messageId });
  return countReleased(deps, { id: campaign.id, number });
}

/** Counts accepted chunks of which no event has come: their webhook is deaf, or the vendor has lost them. */
async function missEvents(deps: ReconcileDeps, campaign: Campaign): Promise<void> {
  const numbers = Array.from({ length: campaign.released }, (_, number) => number);
  const rows = await rowsOf(deps, campaign, numbers);
  const silent = [...rows.values()].filter((row) => row?.state === 'succeeded' && row.evidence?.send === undefined);
  if (silent.length > 0) {
    deps.metrics.add('ChunksWithoutEvents', silent.length, 'Count', { queue: CAMPAIGN_QUEUE });
    deps.log.warn('accepted chunks without events', { correlationId: campaign.id, count: silent.length });
  }
  await campaigns(deps).change(campaign.id, (stored) => ({ ...stored, eventsChecked: true }));
}
