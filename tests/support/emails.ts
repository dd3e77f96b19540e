import { tokenOf } from '../../lib/engine/jobs/messages';
import { type JobRow, newRow } from '../../lib/engine/jobs/row';
import type { CircuitBreakers } from '../../lib/engine/worker/circuit';
import { rateKey, sharedRate } from '../../lib/mail/rate';
import { suppressionList } from '../../lib/mail/suppression';
import type { SendingLimits } from '../../lib/platform/config/functions';
import { type Campaign, campaigns, chunkEnvelope, chunkId } from '../../lib/queues/emails/campaigns/campaign';
import { takeEvents } from '../../lib/queues/emails/events/webhook';
import { writeManifest } from '../../lib/queues/emails/manifest';
import { type CampaignContent, campaignContentSchema } from '../../lib/queues/emails/message';
import { emailsContract } from '../../lib/queues/emails/process';
import { fromIterable } from '../../lib/queues/emails/recipients';
import { campaignReport } from '../../lib/queues/emails/report';
import { type EventKeys, eventsOf, type SendgridEvent, startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { anEnvelope, type EngineOptions, jobId, memoryEngine, PREFIX } from './engine';
import { hashPeople } from './hash-people';
import { memoryClock } from './memory-clock';
import { watchedSendgrid } from './watched-sendgrid';

const TEMPLATE = `d-${'0'.repeat(32)}`;
export const CAMPAIGN = jobId(100);

/** `bad`: the fake SendGrid bounces every mail to one in so many. */
const someone = (n: number, bad = Number.POSITIVE_INFINITY) => ({
  email: `user-${n}@${n % bad === bad - 1 ? 'bounce.' : ''}example.com`,
  name: `User ${n}`,
  data: { n, token: `t-${n}` },
});

export const aContent = (changes: Partial<CampaignContent> = {}): CampaignContent =>
  campaignContentSchema.parse({
    from: { email: 'news@example.com', name: 'News' },
    templateId: TEMPLATE,
    categories: ['spring'],
    ...changes,
  });

/** The emails worker over the real adapter and HTTP, against a fake SendGrid on loopback; the rest is in memory. */
export async function startEmails(
  given: EngineOptions & { rate?: number; senderDomains?: string[]; keys?: EventKeys; limits?: SendingLimits } = {},
) {
  const { rate = 100, senderDomains = [], keys, limits, ...options } = given;
  const { clock = memoryClock() } = options;
  const sendgrid = await startFakeSendgrid({ now: clock.now, ...(keys && { keys }) });
  let circuits: CircuitBreakers | undefined;
  const engine = memoryEngine(
    (ports) =>
      emailsContract({
        ...{ clock, senderDomains, prefix: PREFIX, objects: ports.objects, campaigns: campaigns(ports) },
        suppression: suppressionList({ objects: ports.objects, prefix: PREFIX, hashPeople }),
        rate: sharedRate({ ...ports, rate, limits, override: () => circuits?.rate('sendgrid') }, 'sendgrid'),
        sendgrid: watchedSendgrid(sendgrid.url, clock.now, options),
      }),
    { timeoutMs: 100_000, ...options, clock, settings: { visibility: 600, ...options.settings } },
  );
  circuits = engine.deps.circuits;
  const store = campaigns({ table: engine.table, clock, random: engine.deps.random });
  engine.deps.limits = limits;
  const suppression = suppressionList({ objects: engine.objects, prefix: PREFIX, hashPeople });
  engine.deps.suppression = suppression;
  // The instance has sent before, so the reconciler knows the senders' rate.
  const times = { campaigns: 0, alone: 0, messages: 0, whole: 0, messageAt: 0, blockedUntil: 0 };
  await engine.table.put({ key: rateKey('sendgrid'), version: 1, writer: '', rate, ...times }, 0);

  return {
    engine,
    sendgrid,
    suppression,
    campaigns: store,
    /** Stores an accepted and started campaign in the bucket and the table. */
    async campaign({
      recipients = 30,
      chunkSize = 10,
      content = aContent(),
      id = CAMPAIGN,
      name = undefined as string | undefined,
      bad = undefined as number | undefined,
    } = {}): Promise<Campaign> {
      const people = fromIterable(Array.from({ length: recipients }, (_, n) => someone(n, bad)));
      const { rejectedKeys: _keys, ...written } = await writeManifest(
        { objects: engine.objects, prefix: PREFIX },
        { campaign: id, content, recipients: people, chunkSize },
      );
      const time = clock.now();
      const made = await store.start({ ...written, id, name, source: '/my/api', time, startsAt: time, chunkSize });
      if (!made) throw new Error('the campaign was not made');
      return made;
    },
    sendChunk(campaign: Campaign, number: number): void {
      const envelope = chunkEnvelope(campaign, number);
      const { random } = engine.deps;
      const made = newRow({ queue: 'emails', envelope, group: envelope.id, now: clock.now(), random });
      const row = (engine.table.item(made.key) as JobRow | undefined) ?? made;
      if (row === made) void engine.deps.ledger.write(made, 0);
      engine.send(JSON.stringify(envelope), { group: envelope.id, attributes: tokenOf(row) });
    },
    async report(id = CAMPAIGN) {
      const campaign = await store.read(id);
      if (!campaign) throw new Error('there is no campaign');
      return campaignReport(engine.deps, campaign);
    },
    events: (event = 'delivered') => sendgrid.mails.flatMap((mail) => eventsOf(mail, event, engine.clock.now())),
    tell: (events: readonly SendgridEvent[]) => takeEvents({ ...engine.deps, clock: engine.clock }, events),
    chunk: (number: number, id = CAMPAIGN) => engine.row(chunkId(id, number)),
    /** Lets workers handle the messages of the queue one by one. */
    work: () => engine.work(1),
    /** Runs the reconciler and the workers for this many minutes. */
    async minutes(count: number): Promise<void> {
      for (let minute = 0; minute < count; minute++) {
        await engine.reconcile();
        await this.work();
        engine.clock.advance(60_000);
      }
    },
    close: () => sendgrid.close(),
  };
}

export type Emails = Awaited<ReturnType<typeof startEmails>>;

export function messageBody(changes: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): string {
  const people = { from: { email: 'team@example.com' }, to: { email: 'user@example.com' } };
  const data = { ...people, subject: 'S', text: 'T', ...changes };
  return JSON.stringify(anEnvelope({ type: 'email.message.v1', data, ...envelope }));
}
