import { feedbackPerson } from '../../../lib/feedback/message';
import { personOf } from '../../../lib/jobs/person-hash';
import { type PlaceName, placeOfKey } from '../../../lib/ops/places';
import type { Person } from '../../../lib/ops/search';
import { hashed } from '../../support/hash-people';
import type { MemoryObjects } from '../../support/memory-objects';
import type { MemoryTable } from '../../support/memory-table';
import { aPlan, type Plan } from '../draw/plan';
import { runPlan } from '../runs/run';
import { deadLetterQueue, mainQueue } from '../world/names';
import type { World } from '../world/types';
import { MARK, textOf } from '../world/watch';
import { HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS } from './scenario';

const NAMES = ['feedback', 'emails', 'testflight', 'analytics'];
/** Of feedback by its group, of mails and testers by their place in the plan. */
const PERSON = { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } satisfies Person;
const HASHES = [personOf(PERSON.email), feedbackPerson({ user: { id: PERSON.user, email: '' } })].map(
  (of) => hashed(of)[0],
);
const OTHER = [`${MARK}-1@example.com`, `${MARK}-user-1`];
/** These hold a mark that is not the person's, and nothing says whose they are. */
const NOT_ERASABLE: readonly (PlaceName | undefined)[] = ['files'];

/** Of a campaign the first recipient of the first chunk, and the second. */
const RECIPIENT = { email: `${MARK}-0-0@example.com` } satisfies Person;
const ITS_OTHERS = [`${MARK}-0-1@example.com`];

/** Where the run still holds a text of the person, and the texts of others that are stored. */
async function rest({ stores, sqs, lanes }: World, [erased, others] = [[PERSON.email, PERSON.user, ...HASHES], OTHER]) {
  const objects = stores.objects as MemoryObjects;
  const texts = objects.keys().map((key) => [key, textOf(objects.bytes(key))] as const);
  const items = (stores.table as MemoryTable).items().map((item) => [item.key, JSON.stringify(item)] as const);
  const messages = lanes
    .flatMap((lane) => [mainQueue(lane), deadLetterQueue(lane)])
    .flatMap((queue) => sqs.messages(queue).map(({ body }) => [queue, body] as const));
  const all = [...texts, ...items, ...messages];
  const holds = (words: readonly string[]) =>
    all.filter(([, text]) => words.some((word) => text.includes(word))).map(([where]) => where);
  return {
    person: holds(erased).filter((key) => !NOT_ERASABLE.includes(placeOfKey(key, 'jobs', NAMES))),
    others: holds(others),
  };
}

/** The first erasure comes in the middle, the second as the report says: once all messages have come. */
const twice = (at: number, person: Person = PERSON) => [
  { at, person },
  { at: 40 * HOUR_MS, person },
];

const RUNS: Record<string, Partial<Plan>> = {
  'retries, holds and plans': {
    jobs: jobs('good', 'attachment', 'refused', ['good', { planned: { ahead: HOUR_MS } }], ['good', { group: 1 }]),
    beside: [load('emails', 'good', 'good'), load('testflight', 'good', 'joins', 'leaves')],
    outages: [{ target: 'zendesk', from: 0, until: 20 * MINUTE_MS, fault: 'failed' }],
  },
  'deaths, redrives and a cancel': {
    jobs: jobs('refused', 'forbidden', 'bad-data', 'kills-after', ['refused', { group: 1 }]),
    redrives: [
      { nth: 1, after: 2 * MINUTE_MS, how: 'move' },
      { nth: 2, after: 4 * MINUTE_MS, how: 'command' },
    ],
    commands: [{ job: 1, what: 'cancel', at: 10 * SECOND_MS }],
  },
  // After 30 s its row says that it is erased, and SQS moves its DLQ entry back before the reconciler deletes it.
  'a redrive of a job that is dead': {
    jobs: jobs('refused'),
    redrives: [{ nth: 1, after: 30 * SECOND_MS, how: 'move' }],
  },
};

test.each(Object.entries(RUNS).flatMap(([name, plan]) => [1, 30, 300, 900].map((at) => [name, at, plan] as const)))(
  'after %s, a person who is erased %i s after the start is in no erasable place, and others are where they were',
  async (_name, at, changes) => {
    const untouched = await runPlan(aPlan(changes));
    const { violation, world } = await runPlan(aPlan({ ...changes, erasures: twice(at * SECOND_MS) }));

    expect(violation).toBeUndefined();
    const { person, others } = await rest(world);
    expect(person).toEqual([]);
    expect(others).toEqual((await rest(untouched.world)).others);
  },
);

test.each([1, 3, 5, 8, 12, 30, 2_000])(
  'a recipient who is erased %i s after the start leaves the list, and all others get their mail once',
  async (at) => {
    const plan = aPlan({
      queue: 'campaigns',
      jobs: jobs('good', 'one-refused'),
      controls: [
        { at: 4 * SECOND_MS, what: 'pause', campaign: 0 },
        { at: 20 * MINUTE_MS, what: 'resume', campaign: 0 },
      ],
    });
    const words: [string[], string[]] = [[RECIPIENT.email], ITS_OTHERS];
    const untouched = await runPlan(plan);

    const { violation, world } = await runPlan({ ...plan, erasures: twice(at * SECOND_MS, RECIPIENT) });

    expect(violation).toBeUndefined();
    const { person, others } = await rest(world, words);
    expect(person).toEqual([]);
    expect(others).toEqual((await rest(untouched.world, words)).others);
    const mailed = (of: World) => of.vendors.sendgrid.mails.flatMap(({ to }) => to).sort();
    expect(mailed(world).filter((to) => to !== RECIPIENT.email)).toEqual(
      mailed(untouched.world).filter((to) => to !== RECIPIENT.email),
    );
  },
);

test('an erasure that is interrupted at any of its calls is completed by the next', async () => {
  const changes = RUNS['retries, holds and plans'] ?? {};
  let calls = 0;
  let first = 0;
  await runPlan(aPlan({ ...changes, erasures: twice(MINUTE_MS) }), {
    prepare: ({ onCall }) =>
      onCall.push(({ name }) => {
        calls++;
        if (name === 'operator') first ||= calls;
      }),
  });
  for (let nth = first; nth < first + 160; nth += 3) {
    const fault = nth % 2 === 0 ? ('killed-after' as const) : ('killed-before' as const);
    const plan = aPlan({ ...changes, erasures: twice(MINUTE_MS), calls: [{ nth, fault }] });
    const { violation, world } = await runPlan(plan);
    expect([nth, violation, (await rest(world)).person]).toEqual([nth, undefined, []]);
  }
});

test('a worker that keeps the body of a cancelled job while its person is erased deletes it again', async () => {
  const plan = aPlan({
    jobs: jobs('good'),
    unpolled: { from: 0, until: MINUTE_MS },
    commands: [{ job: 0, what: 'cancel', at: 5 * SECOND_MS }],
    // The body arrives after the erasure has deleted it.
    calls: [{ kind: 'objects.put', nth: 1, fault: 'slow' }],
    erasures: [{ at: MINUTE_MS - 100, person: PERSON }],
  });

  const { violation, world } = await runPlan(plan);

  expect(violation).toBeUndefined();
  expect((await rest(world)).person).toEqual([]);
});
