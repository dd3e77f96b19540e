import { CAMPAIGN_CHUNK, chunkId } from '../../../lib/emails/campaigns/chunk';
import { PermanentError } from '../../../lib/errors';
import { campaignKey } from '../../../lib/jobs/keys';
import type { Item, Objects, OutgoingMessage } from '../../../lib/ports';
import type { Plan } from '../draw/plan';
import { jobs, SECOND_MS } from '../scenarios/scenario';
import { campaignsOf, isCampaign } from '../world/campaigns';
import type { CallFault } from '../world/faults';
import type { Mutant, World } from '../world/types';
import { MARK } from '../world/watch';
import { isJob, type StoredRow, withTable } from './mutant';
import { describeMutants } from './mutant-cases';

type Change<T> = (item: T, world: World) => Item | undefined;

/** Changes what the workers read, or what all other processes read, such as the reconciler. */
const readBy =
  (reader: 'workers' | 'others') =>
  <T extends Item>(is: (item: Item) => item is T, change: Change<T>): Mutant =>
    withTable((table, { world, event }) => ({
      get: async (key) => {
        const item = await table.get(key);
        const meant = (reader === 'workers') === (event !== undefined);
        return meant && item && is(item) ? change(item, world) : item;
      },
    }));
const readByWorkers = readBy('workers');
const readByOthers = readBy('others');

const written = <T extends Item>(is: (item: Item) => item is T, change: (item: T) => Item): Mutant =>
  withTable((table) => ({ put: (item, expected) => table.put(is(item) ? change(item) : item, expected) }));

const withPut = (change: (objects: Objects) => Objects['put']): Mutant => ({
  ports: (ports) => ({ ...ports, objects: { ...ports.objects, put: change(ports.objects) } }),
});

function twin({ body, groupId: id = '' }: OutgoingMessage): OutgoingMessage {
  const other = chunkId(id, 0);
  return { body: body.replace(id, other), groupId: other, deduplicationId: other };
}

const isChunk = (item: Item): item is StoredRow => isJob(item) && item.type === CAMPAIGN_CHUNK;

const isUnknown = (item: Item): item is StoredRow => isChunk(item) && item.steps.send?.status === 'unknown';

const withAddressIn = (folder: string): Mutant =>
  withPut((objects) => (key, body, ...rest) => {
    const shown = key.includes(folder) ? String(body).replace('{', `{"email":"${MARK}@example.com",`) : body;
    return objects.put(key, shown, ...rest);
  });

const ONE: Partial<Plan> = { queue: 'campaigns', jobs: jobs('good') };
/** The second campaign begins two minutes later. */
const TWO: Partial<Plan> = { queue: 'campaigns', jobs: jobs(['good', { group: 1 }], 'good') };

const atSendgrid = (fault: CallFault['fault']): CallFault[] => [{ kind: 'sendgrid.send', nth: 1, fault }];

// The reconciler releases two chunks at a time after a minute. The second one waits ten seconds for its turn.
describeMutants({
  // The worker sends for every campaign as if it were running.
  stopUnheard: {
    mutant: readByWorkers(isCampaign, (campaign) => ({ ...campaign, status: 'running' })),
    // The operator pauses the campaign while its chunks wait in the queue.
    plan: {
      ...ONE,
      unpolled: { from: 30 * SECOND_MS, until: 66 * SECOND_MS },
      controls: [{ at: 65 * SECOND_MS, what: 'pause', campaign: 0 }],
    },
    breaks: /^campaigns are kept: chunk .* was sent 1\d{3} ms after its campaign was stopped/,
  },
  // The worker reads the campaign once, and not again when its turn comes.
  stopHeardOnce: {
    mutant: withTable((table, { event }) => {
      const known = new Map<string, Promise<Item | undefined>>();
      return {
        get: (key) => {
          const item = known.get(key) ?? table.get(key);
          if (event && key.startsWith(campaignKey(''))) known.set(key, item);
          return item;
        },
      };
    }),
    plan: { ...ONE, controls: [{ at: 62 * SECOND_MS, what: 'cancel', campaign: 0 }] },
    breaks: /^campaigns are kept: chunk .* was sent .* after its campaign was stopped/,
  },
  // The reconciler treats jobs that are due within an hour as due.
  releasedTooSoon: {
    mutant: withTable((table) => ({
      due: (todo, { until, ...page }) => table.due(todo, { until: until + 3_600_000, ...page }),
      get: async (key) => {
        const item = await table.get(key);
        return item && isCampaign(item) ? { ...item, todoAt: item.time } : item;
      },
    })),
    plan: TWO,
    breaks: /^campaigns are kept: chunk .* was sent before its campaign begins/,
  },
  startForgotten: {
    mutant: written(isCampaign, (campaign) => ({ ...campaign, startsAt: campaign.time })),
    plan: TWO,
    breaks: /^campaigns are kept: campaign .* begins before its requested time/,
  },
  duplicatesTakenForRejected: {
    mutant: written(isCampaign, ({ duplicates, rejected, ...campaign }) => ({
      ...campaign,
      duplicates: 0,
      rejected: rejected + duplicates,
    })),
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has {.*"duplicates":0,"rejected":2/,
  },
  duplicatesForgotten: {
    mutant: written(isCampaign, (campaign) => ({ ...campaign, duplicates: 0 })),
    // The caller dies before it gets the acceptance.
    plan: { ...ONE, calls: [{ kind: 'queues.send', nth: 1, fault: 'killed-after' }] },
    breaks: /^campaigns are kept: campaign .* says .* of 4$/,
  },
  // The reconciler releases each chunk as two jobs.
  releasedUnderTwoIds: {
    mutant: {
      ports: (ports, { event }) => ({
        ...ports,
        queues: {
          ...ports.queues,
          send: async (url, message) => {
            if (!event && message.body.includes(CAMPAIGN_CHUNK)) await ports.queues.send(url, twin(message));
            return ports.queues.send(url, message);
          },
        },
      }),
    },
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has sent one address two mails/,
  },
  // The worker takes the recipients of every campaign from the first one.
  listOfFirst: {
    mutant: readByWorkers(isCampaign, (campaign, world) => ({
      ...campaign,
      manifest: (campaignsOf(world)[0] ?? campaign).manifest,
    })),
    plan: TWO,
    breaks: /^campaigns are kept: campaign .* has sent a mail to a stranger/,
  },
  // The reconciler counts chunks from one.
  firstChunkForgotten: {
    mutant: readByOthers(isCampaign, (campaign) => ({
      ...campaign,
      released: Math.max(1, campaign.released),
    })),
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has released chunk 0, which has no row/,
  },
  // The reconciler ignores a campaign once all its chunks are released.
  forgottenOnceReleased: {
    mutant: withTable((table, { world }) => ({
      due: async (todo, options) => {
        const out = campaignsOf(world).filter(({ released, chunks }) => released === chunks);
        return (await table.due(todo, options)).filter((item) => !out.some(({ key }) => key === item.key));
      },
    })),
    plan: ONE,
    breaks: /^liveness: .*campaign .* is running, 2 of 2 chunks released, 0,1 open/,
  },
  // Campaigns do not store which chunks are open.
  openForgotten: {
    mutant: written(isCampaign, (campaign) => ({ ...campaign, open: [] })),
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* ended before chunk 1/,
  },
  // The reconciler does not look for a chunk whose release was not counted.
  chunkUncounted: {
    mutant: readByOthers(isChunk, (row, world) => {
      const next = campaignsOf(world).map(({ id, released }) => chunkId(id, released));
      return next.includes(row.id) ? undefined : row;
    }),
    // A chunk has an unknown step, its release was never counted, and its campaign is cancelled.
    plan: {
      ...ONE,
      calls: [...atSendgrid('mute'), { kind: 'queues.send', nth: 2, fault: 'killed-after' }],
      controls: [{ at: 90 * SECOND_MS, what: 'cancel', campaign: 0 }],
      // With clocks apart, `OldestHeld` need not show the hidden chunk.
      skew: SECOND_MS,
    },
    breaks: /^campaigns are kept: campaign .* has ended without chunk 0, which is held \(unknown\)/,
  },
  cancelledUnasked: {
    mutant: readByWorkers(isCampaign, (campaign) => ({ ...campaign, status: 'cancelled' })),
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has lost chunk 0: it is cancelled/,
  },
  // The worker gives up on the first failure, even if a retry could help.
  parkedAtFirstFailure: {
    mutant: {
      sendgrid: ({ code, message }) => new PermanentError({ code, message, vendor: 'sendgrid' }),
    },
    plan: { ...ONE, calls: atSendgrid('refused') },
    breaks: /^campaigns are kept: campaign .* has chunk 0 dead .*: it had 1 attempts/,
  },
  // A chunk with an unknown step counts as sent.
  unknownTakenForSent: {
    mutant: written(isUnknown, ({ steps, ...row }) => ({
      ...row,
      steps: { ...steps, send: { ...steps.send, status: 'done' } },
    })),
    plan: { ...ONE, calls: atSendgrid('mute') },
    breaks: /^campaigns are kept: campaign .* says .*, but SendGrid accepted 1/,
  },
  // A chunk with an unknown step is held, but its row forgets the step.
  stepForgotten: {
    mutant: written(isUnknown, (row) => ({ ...row, steps: {} })),
    plan: { ...ONE, calls: atSendgrid('mute') },
    breaks: /^campaigns are kept: campaign .* says .*"underWay":3.*, although nothing is under way/,
  },
  eventsLost: {
    mutant: withPut((objects) => async (key, ...object) => {
      if (!key.includes('/_events/')) await objects.put(key, ...object);
    }),
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* says .*, and SendGrid reported [1-9]/,
  },
  addressAmongRecipients: {
    mutant: withAddressIn('/_recipients/'),
    plan: ONE,
    breaks: /^everything private stays in: jobs\/_recipients\/.* shows it/,
  },
  addressAmongEvents: {
    mutant: withAddressIn('/_events/'),
    plan: ONE,
    breaks: /^everything private stays in: jobs\/_events\/.* shows it/,
  },
  addressInCampaign: {
    mutant: written(isCampaign, (campaign) => ({ ...campaign, name: `${MARK}@example.com` })),
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* shows something private/,
  },
  // Mails name a job that does not exist.
  mailsOfNoJob: {
    mutant: {
      mail: ({ recipients, ...mail }) => ({
        ...mail,
        recipients: recipients.map(({ customArgs, ...recipient }) => ({
          ...recipient,
          customArgs: { ...customArgs, job: chunkId(customArgs.job ?? '', 0) },
        })),
      }),
    },
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has a chunk of another campaign/,
  },
  // Mails have another content than their campaign.
  otherWords: {
    mutant: { mail: (mail) => ({ ...mail, subject: 'other words' }) },
    plan: { ...ONE, jobs: jobs('unsendable') },
    breaks: /^campaigns are kept: campaign .* has chunk 0 succeeded .*: a refused chunk cannot succeed/,
  },
});
