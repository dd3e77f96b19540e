import { sha256 } from '../../jobs/envelope';
import { eventsPartition, jobKey } from '../../jobs/keys';
import type { Ledger } from '../../jobs/ledger';
import type { Evidence } from '../../jobs/row';
import type { Clock, Objects } from '../../ports';
import { EMAILS_QUEUE } from '../message';
import { SEND } from '../request';
import { eventKey, type OwnEvent, parseEvent, type StoredEvent } from './event';

export interface EventDeps {
  objects: Pick<Objects, 'put'>;
  ledger: Ledger;
  clock: Clock;
  prefix: string;
}

/** Folder of a campaign's events; single mails have one together. A partition to query engines, as the hour is. */
export const campaignEvents = (
  prefix: string,
  { time, campaign }: { time: number; campaign?: string | undefined },
): string => `${eventsPartition(prefix, EMAILS_QUEUE, time)}campaign=${campaign ?? 'none'}/`;

const AT_ONCE = 10;

/**
 * Keeps the events about our mails: first in the bucket, under a name that follows from them, then as evidence on their
 * jobs' rows. Taking them again is harmless. Answers how many were ours.
 */
export async function takeEvents(deps: EventDeps, events: readonly unknown[]): Promise<number> {
  const own = events.map(parseEvent).filter((event) => event !== undefined);
  const unique = [...new Map(own.map((event) => [eventKey(event.stored), event])).values()];
  const folders = Map.groupBy(unique, ({ time, stored: { campaign } }) =>
    campaignEvents(deps.prefix, { time, campaign }),
  );
  for (const [folder, group] of folders) await store(deps, folder, group);
  const first = [...Map.groupBy(unique, ({ stored: { job } }) => job).values()].flatMap(([event]) => event ?? []);
  for (let at = 0; at < first.length; at += AT_ONCE)
    await Promise.all(first.slice(at, at + AT_ONCE).map(({ stored }) => witness(deps, stored)));
  return own.length;
}

async function store({ objects }: EventDeps, folder: string, events: OwnEvent[]): Promise<void> {
  const body = `${events.map(({ stored }) => JSON.stringify(stored)).join('\n')}\n`;
  await objects.put(`${folder}${sha256(body)}.ndjson`, body, 'application/x-ndjson');
}

/** Any event proves that SendGrid has the request. Noted once for each job, whatever state it is in. */
async function witness({ ledger, clock }: EventDeps, { job, event, messageId }: StoredEvent): Promise<void> {
  const key = jobKey(EMAILS_QUEUE, job);
  const row = await ledger.get(key);
  if (!row || row.evidence?.[SEND]) return;
  const evidence: Evidence = { at: clock.now(), event, ...(messageId ? { messageId: requestId(messageId) } : {}) };
  await ledger.update(key, (now) =>
    now.evidence?.[SEND] ? undefined : { ...now, evidence: { ...now.evidence, [SEND]: evidence } },
  );
}

/** The id of the request, `x-message-id`, begins the id of each of its mails. */
const requestId = (messageId: string): string => messageId.split('.')[0] ?? messageId;
