import { createLedger } from '../../../lib/jobs/ledger';
import type { JobRow } from '../../../lib/jobs/row';
import type { Plan } from '../draw/plan';
import { laneOf } from '../world/names';
import type { World } from '../world/types';
import { releasedUntil } from '../world/versions';
import { DAY_MS, HOUR_MS, jobs, MINUTE_MS, scenario } from './scenario';

const TODAY = 'today';

/** The row's state and what its steps are, e.g. `processing, ticket started`. */
const shown = ({ state, reason, steps }: JobRow): string[] => {
  const place = reason === undefined ? state : `${state} (${reason})`;
  return [place, ...Object.entries(steps).map(([name, { status }]) => `${place}, ${name} ${status}`)];
};

/**
 * Today's ledger reads and writes every row that the released code stores. Answers what the released code then
 * continued from.
 */
function passThroughToday(world: World, meant: (row: JobRow) => boolean): ReadonlySet<string> {
  const { stores, watch, kernel, plan } = world;
  const written = new Map<string, JobRow>();
  const continued = new Set<string>();
  let writes = 0;
  const ledger = createLedger({
    table: {
      ...stores.table,
      put: async (item, expected) => {
        const answer = await stores.table.put(item, expected);
        if (answer === 'written') watch.stored(item, { released: false });
        return answer;
      },
    },
    clock: { now: kernel.now, sleep: async () => {} },
    random: { uuid: () => `${TODAY} ${++writes}`, fraction: () => 0 },
    settings: (queue) => laneOf(world, queue).settings,
  });
  world.onRow.push((row) => {
    if (row.writer.startsWith(TODAY)) written.set(row.key, row);
    else if (kernel.now() < plan.start + releasedUntil(plan)) {
      const before = written.get(row.key);
      for (const what of before ? shown(before) : []) continued.add(what);
      if (meant(row)) void ledger.update(row.key, (stored) => stored);
    }
  });
  return continued;
}

const resolution = { after: HOUR_MS };
const redrives: Plan['redrives'] = [{ nth: 1, after: HOUR_MS, how: 'command' }];
const any = () => true;
/** The released code finds queued rows under its own keys only. */
const notQueued = ({ state }: JobRow) => state !== 'queued';

const RUNS: [string, Partial<Plan>, (row: JobRow) => boolean, string[]][] = [
  [
    'feedback',
    {
      jobs: jobs(['refused', { group: 1 }], ['good', { at: 5 * MINUTE_MS }]),
      outages: [{ target: 'zendesk', from: 4 * MINUTE_MS, until: HOUR_MS, fault: 'throttled' }],
      redrives,
    },
    any,
    [
      'queued',
      'processing, ticket started',
      'processing, ticket done',
      'held (throttled)',
      'dead (error)',
      'succeeded',
    ],
  ],
  [
    'a vendor that refuses the key',
    { outages: [{ target: 'zendesk', from: 0, until: 2 * HOUR_MS, fault: 'unauthorized' }] },
    any,
    ['held (stopped)', 'succeeded, ticket done'],
  ],
  [
    'e-mails',
    { queue: 'emails', calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'mute' }], resolution },
    any,
    ['processing, send started', 'held (unknown), send unknown'],
  ],
  [
    'a cancelled job',
    {
      outages: [{ target: 'zendesk', from: 0, until: HOUR_MS, fault: 'throttled' }],
      commands: [
        { at: 30 * MINUTE_MS, what: 'cancel', job: 0 },
        { at: 2 * HOUR_MS, what: 'retry', job: 0 },
      ],
    },
    any,
    ['held (throttled)', 'cancelled (operator)', 'succeeded'],
  ],
  [
    'a paused campaign',
    {
      queue: 'campaigns',
      outages: [{ target: 'sendgrid', from: 0, until: 10 * MINUTE_MS, fault: 'throttled' }],
      controls: [
        { at: 5 * MINUTE_MS, what: 'pause', campaign: 0 },
        { at: HOUR_MS, what: 'resume', campaign: 0 },
      ],
    },
    any,
    ['held (paused)', 'succeeded, send done'],
  ],
  [
    'an ordered queue',
    {
      queue: 'testflight',
      jobs: jobs('resend', ['good', { at: 1_000 }]),
      calls: [{ kind: 'apple.invite', nth: 1, fault: 'mute' }],
      resolution,
    },
    any,
    ['held (unknown)', 'held (behind)'],
  ],
  [
    'crashes',
    { queue: 'bulk', batch: 10, jobs: jobs('kills-after', ['fails', { group: 2 }]), redrives },
    any,
    ['processing', 'queued', 'dead (crash)', 'dead (error)'],
  ],
  [
    'a failure at the last receive',
    {
      queue: 'bulk',
      jobs: jobs('fails'),
      starts: [
        { nth: 1, fault: 'failed', ms: 0 },
        { nth: 2, fault: 'failed', ms: 0 },
      ],
    },
    any,
    ['held (retry)', 'dead (error)'],
  ],
  [
    'a message that was never sent',
    { calls: [{ kind: 'queues.send', nth: 1, fault: 'refused' }] },
    notQueued,
    ['cancelled (never-sent)'],
  ],
  [
    'a message that expires',
    { retention: 2 * 3600, unpolled: { from: 0, until: 6 * HOUR_MS } },
    notQueued,
    ['dead (expired)'],
  ],
];

test.each(RUNS)(
  "%s: the released code runs each of its rows after today's code has read and written it",
  async (_name, plan, meant, states) => {
    let continued: ReadonlySet<string> = new Set();
    await scenario(
      { ...plan, versions: [{ until: 2 * DAY_MS, released: 1 }] },
      {
        prepare: (world) => {
          continued = passThroughToday(world, meant);
        },
      },
    );

    expect([...continued]).toEqual(expect.arrayContaining(states));
  },
);
