import { CAMPAIGN_CHUNK, chunkId } from '../../../lib/emails/campaigns/chunk';
import { PermanentError } from '../../../lib/errors';
import { campaignKey } from '../../../lib/jobs/keys';
import type { Item, Objects, OutgoingMessage } from '../../../lib/ports';
import { campaignsOf, isCampaign } from '../world/campaigns';
import type { Mutant, World } from '../world/types';
import { MARK } from '../world/watch';
import { isJob, type StoredRow, withTable } from './mutant';

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

/** The worker sends for every campaign as if it were running. */
export const stopUnheard = readByWorkers(isCampaign, (campaign) => ({ ...campaign, status: 'running' }));

/** The worker reads the campaign once, and not again when its turn comes. */
export const stopHeardOnce = withTable((table, { event }) => {
  const known = new Map<string, Promise<Item | undefined>>();
  return {
    get: (key) => {
      const item = known.get(key) ?? table.get(key);
      if (event && key.startsWith(campaignKey(''))) known.set(key, item);
      return item;
    },
  };
});

/** The reconciler treats jobs that are due within an hour as due. */
export const releasedTooSoon = withTable((table) => ({
  due: (todo, { until, ...page }) => table.due(todo, { until: until + 3_600_000, ...page }),
  get: async (key) => {
    const item = await table.get(key);
    return item && isCampaign(item) ? { ...item, todoAt: item.time } : item;
  },
}));

export const startForgotten = written(isCampaign, (campaign) => ({ ...campaign, startsAt: campaign.time }));

export const duplicatesTakenForRejected = written(isCampaign, ({ duplicates, rejected, ...campaign }) => ({
  ...campaign,
  duplicates: 0,
  rejected: rejected + duplicates,
}));

export const duplicatesForgotten = written(isCampaign, (campaign) => ({ ...campaign, duplicates: 0 }));

/** The reconciler releases each chunk as two jobs. */
export const releasedUnderTwoIds: Mutant = {
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
};

function twin({ body, groupId: id = '' }: OutgoingMessage): OutgoingMessage {
  const other = chunkId(id, 0);
  return { body: body.replace(id, other), groupId: other, deduplicationId: other };
}

/** The worker takes the recipients of every campaign from the first one. */
export const listOfFirst = readByWorkers(isCampaign, (campaign, world) => ({
  ...campaign,
  manifest: (campaignsOf(world)[0] ?? campaign).manifest,
}));

/** The reconciler counts chunks from one. */
export const firstChunkForgotten = readByOthers(isCampaign, (campaign) => ({
  ...campaign,
  released: Math.max(1, campaign.released),
}));

const isChunk = (item: Item): item is StoredRow => isJob(item) && item.type === CAMPAIGN_CHUNK;

/** The reconciler ignores a campaign once all its chunks are released. */
export const forgottenOnceReleased = withTable((table, { world }) => ({
  due: async (todo, options) => {
    const out = campaignsOf(world).filter(({ released, chunks }) => released === chunks);
    return (await table.due(todo, options)).filter((item) => !out.some(({ key }) => key === item.key));
  },
}));

/** Campaigns do not store which chunks are open. */
export const openForgotten = written(isCampaign, (campaign) => ({ ...campaign, open: [] }));

/** The reconciler does not look for a chunk whose release was not counted. */
export const chunkUncounted = readByOthers(isChunk, (row, world) => {
  const next = campaignsOf(world).map(({ id, released }) => chunkId(id, released));
  return next.includes(row.id) ? undefined : row;
});

export const cancelledUnasked = readByWorkers(isCampaign, (campaign) => ({ ...campaign, status: 'cancelled' }));

/** The worker gives up on the first failure, even if a retry could help. */
export const parkedAtFirstFailure: Mutant = {
  sendgrid: ({ code, message }) => new PermanentError({ code, message, vendor: 'sendgrid' }),
};

const isUnknown = (item: Item): item is StoredRow => isChunk(item) && item.steps.send?.status === 'unknown';

/** A chunk with an unknown step counts as sent. */
export const unknownTakenForSent = written(isUnknown, ({ steps, ...row }) => ({
  ...row,
  steps: { ...steps, send: { ...steps.send, status: 'done' } },
}));

/** A chunk with an unknown step is held, but its row forgets the step. */
export const stepForgotten = written(isUnknown, (row) => ({ ...row, steps: {} }));

export const eventsLost = withPut((objects) => async (key, ...object) => {
  if (!key.includes('/_events/')) await objects.put(key, ...object);
});

const withAddressIn = (folder: string): Mutant =>
  withPut((objects) => (key, body, ...rest) => {
    const shown = key.includes(folder) ? String(body).replace('{', `{"email":"${MARK}@example.com",`) : body;
    return objects.put(key, shown, ...rest);
  });

export const addressAmongRecipients = withAddressIn('/_recipients/');
export const addressAmongEvents = withAddressIn('/_events/');

export const addressInCampaign = written(isCampaign, (campaign) => ({ ...campaign, name: `${MARK}@example.com` }));

/** Mails name a job that does not exist. */
export const mailsOfNoJob: Mutant = {
  mail: ({ recipients, ...mail }) => ({
    ...mail,
    recipients: recipients.map(({ customArgs, ...recipient }) => ({
      ...recipient,
      customArgs: { ...customArgs, job: chunkId(customArgs.job ?? '', 0) },
    })),
  }),
};

/** Mails have another content than their campaign. */
export const otherWords: Mutant = { mail: (mail) => ({ ...mail, subject: 'other words' }) };
