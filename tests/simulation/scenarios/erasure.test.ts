import type { Person } from '../../../lib/operate/ops/search';
import { placeOfKey } from '../../support/places';
import { HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS } from '../draw/build';
import { aPlan, type Plan } from '../draw/plan';
import { textsOf, wordsOf } from '../promises/erased-are-gone';
import { runPlan } from '../runs/run';
import { deadLetterQueue, mainQueue, serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { MARK } from '../world/watch';

/** Of feedback by its group, of mails and testers by their place in the plan. */
const PERSON: Person = { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` };
/** Of a campaign the first recipient of the first chunk. */
const RECIPIENT: Person = { email: `${MARK}-0-0@example.com` };

const OTHER = [`${MARK}-1@example.com`, `${MARK}-user-1`];

/** `others`: texts about another person. `times`: when the person is erased, in seconds after the start. */
const run = (plan: Partial<Plan>, person = PERSON, others = OTHER, times = [1, 30, 300, 900]) => ({
  ...{ plan, person, others, times },
});

const PAUSED: Partial<Plan> = {
  queue: 'campaigns',
  jobs: jobs('good', 'one-refused'),
  controls: [
    { at: 4 * SECOND_MS, what: 'pause', campaign: 0 },
    { at: 20 * MINUTE_MS, what: 'resume', campaign: 0 },
  ],
};

const RUNS: Record<string, ReturnType<typeof run>> = {
  'retries, holds and plans': run({
    jobs: jobs('good', 'attachment', 'refused', ['good', { planned: { ahead: HOUR_MS } }], ['good', { group: 1 }]),
    beside: [load('emails', 'good', 'good'), load('testflight', 'good', 'joins', 'leaves')],
    outages: [{ target: 'zendesk', from: 0, until: 20 * MINUTE_MS, fault: 'failed' }],
  }),
  'deaths, redrives and a cancel': run({
    jobs: jobs('refused', 'forbidden', 'bad-data', 'kills-after', ['refused', { group: 1 }]),
    redrives: [
      { nth: 1, after: 2 * MINUTE_MS, how: 'move' },
      { nth: 2, after: 4 * MINUTE_MS, how: 'command' },
    ],
    commands: [{ job: 1, what: 'cancel', at: 10 * SECOND_MS }],
  }),
  // After 30 s its row says that it is erased, and SQS moves its DLQ entry back before the reconciler deletes it.
  'a redrive of a job that is dead': run({
    jobs: jobs('refused'),
    redrives: [{ nth: 1, after: 30 * SECOND_MS, how: 'move' }],
  }),
  'a paused campaign': run(PAUSED, RECIPIENT, [`${MARK}-0-1@example.com`], [1, 3, 5, 8, 12, 30, 2_000]),
};

/** The first erasure comes in the middle, the second as the report says: once all messages have come. */
const twice = (at: number, person: Person) => [at, 40 * HOUR_MS].map((each) => ({ at: each, person }));

/** Where the run still holds one of these words, in the table, the bucket and the queues. */
function placesOf({ stores, sqs, lanes }: World, words: readonly string[]): string[] {
  const queues = lanes.flatMap((lane) => [mainQueue(lane), deadLetterQueue(lane)]);
  const messages = queues.flatMap((queue) => sqs.messages(queue).map(({ body }) => [queue, body] as const));
  return [...textsOf(stores), ...messages]
    .filter(([, text]) => words.some((word) => text.includes(word)))
    .map(([where]) => where);
}

/** Nothing says whose the files are. */
const leftOf = (world: World, person = PERSON): string[] =>
  placesOf(world, wordsOf(person)).filter((key) => placeOfKey(key, 'jobs', world.lanes.map(serviceQueue)) !== 'files');

test.each(Object.entries(RUNS))(
  'after %s, a person who is erased at any time is in no erasable place, and others are where they were',
  async (_name, { plan, person, others, times }) => {
    const mailed = (of: World) => of.vendors.sendgrid.mails.flatMap(({ to }) => to).filter((to) => to !== person.email);
    const untouched = await runPlan(aPlan(plan));
    for (const at of times) {
      const { violation, world } = await runPlan(aPlan({ ...plan, erasures: twice(at * SECOND_MS, person) }));

      expect([at, violation, leftOf(world, person)]).toEqual([at, undefined, []]);
      expect(placesOf(world, others)).toEqual(placesOf(untouched.world, others));
      expect(mailed(world).sort()).toEqual(mailed(untouched.world).sort());
    }
  },
);

test('a worker that keeps the body of a cancelled job while its person is erased deletes it again', async () => {
  const plan = aPlan({
    unpolled: { from: 0, until: MINUTE_MS },
    commands: [{ job: 0, what: 'cancel', at: 5 * SECOND_MS }],
    // The body arrives after the erasure has deleted it.
    calls: [{ kind: 'objects.put', nth: 1, fault: 'slow' }],
    erasures: [{ at: MINUTE_MS - 100, person: PERSON }],
  });

  const { violation, world } = await runPlan(plan);

  expect([violation, leftOf(world)]).toEqual([undefined, []]);
});
