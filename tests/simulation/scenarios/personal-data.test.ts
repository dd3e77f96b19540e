import type * as z from 'zod';
import { toJSONSchema } from 'zod';
import { EVENT_SHAPE } from '../../../lib/analytics/message';
import { emailMessageSchema } from '../../../lib/emails/message';
import { recipientSchema } from '../../../lib/emails/recipients';
import { feedbackSchema } from '../../../lib/feedback/message';
import { dataPrefix, uploadsPrefix } from '../../../lib/jobs/keys';
import { placeOfItem, placeOfKey } from '../../../lib/ops/places';
import { inviteSchema, removeSchema } from '../../../lib/testflight/message';
import type { MemoryTable } from '../../support/memory-table';
import type { Plan } from '../draw/plan';
import { queueNamed } from '../queues/queues';
import { MARK } from '../world/watch';
import { HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS, scenario } from './scenario';

const NAMES = ['feedback', 'emails', 'testflight', 'analytics'];

/** Each job holds the mark in every field. watch.ts fails a run where the mark is in a place that PLACES does not name. */
const RUNS: Record<string, { plan: Partial<Plan>; reaches: string[] }> = {
  'success, park, redrive, discard, cancel and a plan of feedback': {
    plan: {
      jobs: jobs(
        ...(['good', 'attachment', 'opted-out', 'refused', 'forbidden', 'bad-data', 'not-json'] as const),
        ['good', { planned: { ahead: HOUR_MS } }],
        ['good', { planned: { ahead: HOUR_MS, cancel: MINUTE_MS } }],
      ),
      redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }],
      commands: [{ job: 4, what: 'discard', at: 10 * MINUTE_MS }],
      facts: true,
      events: true,
    },
    reaches: ['bodies'],
  },
  'retry and hold, while vendors fail': {
    plan: {
      jobs: jobs('good', 'attachment'),
      beside: [load('emails', 'good', 'unverified'), load('testflight', 'good', 'removal', 'resend', 'refused')],
      outages: (['zendesk', 'sendgrid', 'apple'] as const).map((target) => ({
        ...{ target, from: 0, until: 20 * MINUTE_MS, fault: 'failed' as const },
      })),
      facts: true,
      events: true,
    },
    reaches: ['bodies'],
  },
  'a campaign that is paused and resumed': {
    plan: {
      queue: 'campaigns',
      jobs: jobs('one-refused', 'unsendable'),
      controls: [
        { at: 3 * SECOND_MS, what: 'pause', campaign: 0 },
        { at: 10 * MINUTE_MS, what: 'resume', campaign: 0 },
      ],
    },
    reaches: ['lists'],
  },
  'events, with rejected ones': {
    plan: { queue: 'analytics', batch: 3, jobs: jobs('good', 'kills-after', 'bad-data', 'good') },
    reaches: ['events', 'rejected'],
  },
};

test.each(Object.entries(RUNS))('%s leave personal data only where the table says', async (_name, run) => {
  const { world, reached } = await scenario(run.plan);

  for (const place of run.reaches) expect(reached(`personal data in ${place}`)).toBeGreaterThan(0);
  const items = (world.stores.table as MemoryTable).items().filter((item) => /#/.test(item.key));
  const unnamed = items.filter(({ key }) => !/^(canary|rate|lease|returns|trial)#/.test(key));
  expect(unnamed.filter(({ key }) => placeOfItem(key, NAMES) === undefined)).toEqual([]);
});

const good = { kind: 'attachment', at: 0, group: 0, retries: 0 } as const;
const sample = (queue: string) => queueNamed(queue).data(good, 0);
const recipient = { email: MARK, name: MARK, data: MARK };

test.each<[string, Record<string, unknown>, object, string[]]>([
  ['feedback', sample('feedback'), schemaOf(feedbackSchema), ['type', 'priority', 'locale']],
  ['a mail', sample('emails'), schemaOf(emailMessageSchema), ['templateId', 'data']],
  ['a recipient', recipient, schemaOf(recipientSchema), []],
  ['an invitation', sample('testflight'), schemaOf(inviteSchema), ['app', 'groups']],
  ['a removal', { email: MARK }, schemaOf(removeSchema.options[1]), ['app', 'groups', 'from']],
  ['an event', (sample('analytics').events as [Record<string, unknown>])[0], EVENT_SHAPE, ['id', 'name', 'time']],
])('the mark is in every field of %s that may be personal', (_what, data, schema, others) => {
  const { properties = {} } = schema as { properties?: Record<string, unknown> };
  const texts = Object.keys(properties).filter((name) => /string|object/.test(JSON.stringify(properties[name])));

  const unmarked = texts.filter((name) => !JSON.stringify(data[name] ?? null).includes(MARK));

  expect(unmarked.filter((name) => !others.includes(name))).toEqual([]);
});

test('claim checks, uploads and files have places of their own', () => {
  const place = (key: string) => placeOfKey(key, 'jobs', NAMES);

  expect(place(`${dataPrefix('jobs', 'feedback')}an-id/a-hash`)).toBe('data');
  expect(place(`${uploadsPrefix('jobs', 'emails')}a-principal/a-list.csv`)).toBe('uploads');
  expect(place('jobs/_attachments/feedback/a-file')).toBe('files');
  expect(place('jobs/_elsewhere/a-file')).toBeUndefined();
});

function schemaOf(schema: z.ZodType): object {
  return toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}
