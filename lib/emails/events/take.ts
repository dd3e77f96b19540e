import { groupBy } from '../../group-by';
import { sha256 } from '../../jobs/envelope';
import { eventsPartition, jobKey } from '../../jobs/keys';
import type { Ledger } from '../../jobs/ledger';
import { MAIL_STEPS, type MailQueue } from '../../jobs/mail';
import type { Evidence } from '../../jobs/row';
import type { Clock, Objects } from '../../ports';
import { eventKey, type OwnEvent, parseEvent } from './event';

export interface EventDeps {
  objects: Pick<Objects, 'put'>;
  ledger: Ledger;
  clock: Clock;
  prefix: string;
}

/** The folder of a campaign's events. Mails without a campaign share one. Query engines see it as a partition. */
export const eventFolder = (
  prefix: string,
  { queue, time, campaign }: { queue: MailQueue; time: number; campaign?: string | undefined },
): string => `${eventsPartition(prefix, queue, time)}campaign=${campaign ?? 'none'}/`;

const AT_ONCE = 10;

/**
 * Keeps the events about our mails. It stores them in the bucket under a name that follows from their content, then as
 * evidence on the rows of their jobs. A repeat is harmless. Returns how many were ours, by queue.
 */
export async function takeEvents(deps: EventDeps, events: readonly unknown[]): Promise<Map<MailQueue, number>> {
  const own = events.map(parseEvent).filter((event) => event !== undefined);
  const unique = [...new Map(own.map((event) => [eventKey(event.stored), event])).values()];
  const folders = groupBy(unique, ({ queue, time, stored: { campaign } }) =>
    eventFolder(deps.prefix, { queue, time, campaign }),
  );
  for (const [folder, group] of folders) await store(deps, folder, group);
  const first = [...groupBy(unique, jobOf).values()].flatMap(([event]) => event ?? []);
  for (let at = 0; at < first.length; at += AT_ONCE)
    await Promise.all(first.slice(at, at + AT_ONCE).map((event) => witness(deps, event)));
  return new Map([...groupBy(own, ({ queue }) => queue)].map(([queue, group]) => [queue, group.length]));
}

const jobOf = ({ queue, stored: { job } }: OwnEvent): string => jobKey(queue, job);

async function store({ objects }: EventDeps, folder: string, events: OwnEvent[]): Promise<void> {
  const body = `${events.map(({ stored }) => JSON.stringify(stored)).join('\n')}\n`;
  await objects.put(`${folder}${sha256(body)}.ndjson`, body, 'application/x-ndjson');
}

/** Notes once for each job, in any state, that SendGrid has the request. Any event proves that. */
async function witness({ ledger, clock }: EventDeps, event: OwnEvent): Promise<void> {
  const key = jobOf(event);
  const step = MAIL_STEPS[event.queue];
  const row = await ledger.get(key);
  if (!row || row.evidence?.[step]) return;
  const { event: seen, messageId } = event.stored;
  const evidence: Evidence = {
    at: clock.now(),
    event: seen,
    ...(messageId ? { messageId: requestId(messageId) } : {}),
  };
  await ledger.update(key, (now) =>
    now.evidence?.[step] ? undefined : { ...now, evidence: { ...now.evidence, [step]: evidence } },
  );
}

/** The id of each mail begins with the id of its request, `x-message-id`. */
const requestId = (messageId: string): string => messageId.split('.')[0] ?? messageId;
