import { GONE, PLACEHOLDER } from '../../../lib/engine/jobs/messages';
import type { JobRow } from '../../../lib/engine/jobs/row';
import { ROW_DAMAGED } from '../../../lib/engine/jobs/row-schema';
import { canaryEnvelope } from '../../../lib/engine/reconcile/measure';
import { toSqs } from '../../../lib/platform/aws/sqs-messages';
import type { OutgoingMessage } from '../../../lib/platform/ports';
import { CAMPAIGN_CHUNK, chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import { aJob, type ForgedForm, type Forgery } from '../draw/plan';
import { later } from './acts';
import { campaignsOf } from './campaigns';
import { idOf, mainQueue, serviceQueue, uuidOf } from './names';
import type { World } from './types';

/** The attribute that tells a stranger's messages from ours. The service knows no such attribute, and SQS keeps it. */
export const MARKED = 'stranger';
/** A token that no row has, except those that the stranger's own messages make. */
export const FORGED = '00000000-0000-4000-8000-0000deadbeef';
const SOURCE = '/stranger';

/** What a stranger knows: the id of a job, from an answer of the API or from the caller's key, and all forms. */
interface Known {
  world: World;
  job: string;
  /** The place of the job in the plan. */
  index: number;
}

type Form = (known: Known) => Pick<OutgoingMessage, 'body' | 'attributes'>;

const FORMS: Record<ForgedForm, Form> = {
  placeholder: ({ job }) => ({ body: PLACEHOLDER, attributes: { job } }),
  'lost body': ({ job }) => ({ body: GONE, attributes: { job } }),
  'DLQ entry': ({ job }) => ({
    body: PLACEHOLDER,
    attributes: { job, code: 'Rejected', reason: 'error', messageId: FORGED, token: FORGED },
  }),
  return: ({ world, job }) => ({
    body: PLACEHOLDER,
    attributes: { job, returned: '2', returnedAt: String(world.kernel.now()), token: FORGED },
  }),
  'entry of a damaged row': ({ job }) => ({ body: GONE, attributes: { job, code: ROW_DAMAGED, messageId: FORGED } }),
  'id of ours': (known) => ({ body: event(known, { id: ownable(known) }) }),
  'id and random': (known) => ({ body: event(known, { id: ownable(known) }), attributes: { token: FORGED } }),
  // An envelope of ours also has a hash that no caller knows.
  'job as its caller knows it': (known) => ({
    body: event(known, { id: ownable(known), data: dataOf(known, known.index) }),
    attributes: { job: known.job, token: FORGED },
  }),
  'event of its own': (known) => ({
    body: event(known, { id: uuidOf(`stranger ${known.world.queue.name}`, known.index) }),
  }),
  canary: ({ world, job }) => ({
    body: JSON.stringify({ ...canaryEnvelope({ id: job, at: world.kernel.now() }), source: SOURCE }),
  }),
  chunk: (known) => ({ body: chunk(known, chunkId) }),
  'chunk under another id': (known) => ({ body: chunk(known, known.world.chance.uuid) }),
  'no JSON': () => ({ body: '{"specversion":"1.0","id":' }),
  'no time': (known) => ({ body: event(known, { time: '9999-12-31T23:59:59-01:00' }) }),
};

/** Forms that only name a job of ours, and cannot know its token. They open nothing, whatever the state of the job. */
const NAMING: readonly ForgedForm[] = ['placeholder', 'lost body', 'DLQ entry', 'return', 'entry of a damaged row'];
export const opensNothing = (form: ForgedForm): boolean => NAMING.includes(form);

/**
 * Whether this row may be left over from a message of a stranger that took an id of ours. If no run could handle it
 * before the job of that id had a row, the message then gets another row. A row that was held has a token of ours.
 */
export const isLeftOver = ({ plan }: World, { source, token }: JobRow): boolean =>
  source === SOURCE &&
  (token === undefined || token === FORGED) &&
  plan.forgeries.some(({ form }) => TAKING.includes(form));

const TAKING: readonly ForgedForm[] = ['id of ours', 'id and random', 'job as its caller knows it', 'canary', 'chunk'];

const dataOf = ({ world: { plan, queue } }: Known, index: number) =>
  queue.data(aJob('good', { group: plan.jobs[index]?.group ?? 0 }), index);

/** Work without a row believes the first message of an id, so only there the stranger must not know the ids. */
const ownable = ({ world: { queue, chance }, job }: Known): string => (queue.isDoneWithout ? chance.uuid() : job);

/** An event of the queue's type, as another sender makes it. */
export const eventOf = ({ queue, kernel }: World, changes: Record<string, unknown>): string =>
  JSON.stringify({ specversion: '1.0', type: queue.type, time: new Date(kernel.now()).toISOString(), ...changes });

const event = (known: Known, changes: Record<string, unknown>): string =>
  eventOf(known.world, { source: SOURCE, data: dataOf(known, 500 + known.index), ...changes });

/** A chunk of a campaign that the API answered with, perhaps before the reconciler releases it. */
function chunk(known: Known, idOf: (campaign: string, number: number) => string): string {
  const { world, index, job } = known;
  const campaigns = campaignsOf(world);
  const campaign = campaigns[index % Math.max(1, campaigns.length)]?.id ?? job;
  const number = world.chance.between(0, 3);
  const data = { campaign, number, recipients: 3 };
  return event(known, { id: idOf(campaign, number), type: CAMPAIGN_CHUNK, campaign, data });
}

/** Starts the strangers of the plan. All that they may do is to send to the queue. */
export function startStrangers(world: World): void {
  for (const forgery of world.plan.forgeries) later(world, forgery.at, () => forge(world, forgery));
}

function forge(world: World, { form, about, times }: Forgery): void {
  const { sqs, queue, settings, chance, watch, plan, trace, reach, forged } = world;
  const row = watch.rows()[about];
  const index = about % Math.max(1, plan.jobs.length);
  const job = row?.id ?? idOf(world, index);
  const { body, attributes = {} } = FORMS[form]({ world, job, index });
  for (let sent = 0; sent < times; sent++) {
    const mark = String(forged.size);
    const before = sqs.messages(mainQueue(world)).length;
    const inGroup = settings.type === 'fifo' && {
      groupId: chance.pick(['stranger', row?.group ?? 'group', queue.group(aJob('good', { group: index }))]),
      deduplicationId: chance.pick([
        chance.uuid(),
        ...[job, `${job}:1`, `${job}:${(row?.version ?? 0) + 1}`, `${job}:p:1`],
      ]),
    };
    const message = { body, attributes: { ...attributes, [MARKED]: mark }, ...inGroup };
    const { MessageId: messageId = '' } = sqs.sendMessage(toSqs(mainQueue(world), message));
    trace.add({ who: 'stranger', what: 'forged', detail: () => `${form} of ${job} ${messageId.slice(-4)}` });
    reach('forged message');
    // SQS takes a repeat of a deduplication id, and drops it.
    if (sqs.messages(mainQueue(world)).length === before) continue;
    reach(`forged ${form}`);
    forged.set(mark, { form, queue: serviceQueue(world), job, messageId, refusals: 0 });
  }
}
