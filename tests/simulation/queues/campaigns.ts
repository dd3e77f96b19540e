import { EMAIL_CAMPAIGN } from '../../../lib/queues/emails/message';
import { campaignKey, EMAILS_QUEUE } from '../../../lib/queues/emails/queue';
import { createProducer } from '../../../packages/producer/client';
import { HOUR_MS, MINUTE_MS } from '../draw/build';
import { FOREIGN, type JobKind, type JobSpec } from '../draw/plan';
import { BAD_LIST, BOUNCES, NO_MAILBOX, REPORTS, UNSENDABLE } from '../vendors/vendors';
import { POISON, POISON_CHUNK } from '../world/poison';
import type { SimulatedQueue, World } from '../world/types';
import { MARK } from '../world/watch';
import { emails, emailsContractAt } from './emails';

/**
 * Recipients per second. A chunk of three takes ten seconds. Before the first send the reconciler does not know the
 * rate and releases two chunks, so one waits for its slot.
 */
const RATE = 0.3;
const CHUNK = 3;

/** Two to four chunks, or nine or more for a list that the guard has time to stop. The last one may be partly full. */
const chunksOf = ({ kind, group }: JobSpec): number => (kind === 'bad-list' ? 9 : 2) + group;

function nameOf({ kind, group }: JobSpec, number: number): string {
  if (kind === 'one-refused' && number === 1) return NO_MAILBOX;
  if (kind !== 'bad-list') return String(number);
  // Two lists are worse than a limit, and one is not.
  const share = [2, 3, 5][group] ?? 2;
  const fate = number % share === 0 ? (group === 1 ? REPORTS : BOUNCES) : '';
  return `${BAD_LIST}-${fate}-${number}`;
}

export function addressesOf(spec: JobSpec, index: number): string[] {
  const count = (chunksOf(spec) - 1) * CHUNK + 1 + (index % CHUNK);
  return Array.from({ length: count }, (_, number) => `${MARK}-${index}-${nameOf(spec, number)}@example.com`);
}

export function chunkKind({ kind }: JobSpec, number: number): JobKind {
  if (kind === 'unsendable') return 'refused';
  return POISON.find((poison) => number === POISON_CHUNK && kind === `chunk-${poison}`) ?? 'good';
}

/** The counts of a campaign's list. One entry is no address, and one is a duplicate. */
export function countsOf(spec: JobSpec, index: number) {
  const recipients = addressesOf(spec, index).length;
  return { requested: recipients + 2, duplicates: 1, rejected: 1, recipients, chunks: chunksOf(spec) };
}

function listOf(spec: JobSpec, index: number) {
  const addresses = addressesOf(spec, index);
  return [...addresses, addresses[0]?.toUpperCase() ?? '', `${MARK} nobody`].map((email, n) => ({
    ...{ email, name: `${MARK} ${n}`, data: { plan: `${MARK} plan` } },
  }));
}

const contentOf = ({ kind }: JobSpec) => ({
  from: { email: 'news@example.com' },
  subject: `${MARK} ${kind === 'unsendable' ? UNSENDABLE : 'news'}`,
  text: `${MARK} text`,
});

/** The start of a campaign. Every second campaign starts later than its acceptance. */
export const beginsAt = ({ plan }: Pick<World, 'plan'>, index: number): number =>
  index % 2 === 1 ? plan.start + 2 * MINUTE_MS : plan.start;

const sendAtOf = (world: World, index: number) =>
  index % 2 === 1 ? { sendAt: new Date(beginsAt(world, index)).toISOString() } : {};

/** The data of a stranger's message: a campaign without a list of recipients. */
const data = (spec: JobSpec, index: number) => ({
  name: spec.kind,
  manifest: { key: `jobs/_data/emails/${index}`, sha256: '0'.repeat(64) },
  ...countsOf(spec, index),
  chunkSize: CHUNK,
});

/** Campaigns: the job that starts each one, its chunks, and operators who control it. */
export const campaigns: SimulatedQueue = {
  name: 'campaigns',
  queue: EMAILS_QUEUE,
  settings: emails.settings,
  functionTimeoutMs: emails.functionTimeoutMs,
  batches: [1],
  mostJobs: 2,
  stayMs: 5_000,
  controlled: true,
  kinds: [
    ...(['good', 'one-refused', 'unsendable', 'bad-list', 'chunk-kills-before', 'chunk-kills-after'] as const),
    ...(['kills-before', 'kills-after', ...FOREIGN] as const),
  ],
  type: EMAIL_CAMPAIGN,
  contract: emailsContractAt(RATE),
  data,
  group: ({ group }) => `group-${group}`,
  // A call takes less than the minute.
  isLate: (world, index) => index % 2 === 1 && world.kernel.now() > beginsAt(world, index) + HOUR_MS - MINUTE_MS,
  submit: (deps, { spec, index, ...options }, world) => {
    const campaign = { name: spec.kind, ...sendAtOf(world, index), ...contentOf(spec), transactional: true } as const;
    // The chunks take the source from their campaign.
    const producer = createProducer({ ...deps, source: `/sim/${spec.kind}` });
    return producer.campaign(campaign, listOf(spec, index), { ...options, system: true, mostRejected: 100 });
  },
  provenBy: { send: 'mail' },
  wrong: ({ watch }, id) => (watch.items.has(campaignKey(id)) ? undefined : 'there is no campaign'),
};
