import type * as z from 'zod';
import { toJSONSchema } from 'zod';
import { EVENT_SHAPE } from '../../../lib/analytics/message';
import { emailMessageSchema } from '../../../lib/emails/message';
import { recipientSchema } from '../../../lib/emails/recipients';
import { feedbackSchema } from '../../../lib/feedback/message';
import { dataPrefix, uploadsPrefix } from '../../../lib/jobs/keys';
import { inviteSchema, removeSchema } from '../../../lib/testflight/message';
import { placeOfKey } from '../../support/places';
import { jobs } from '../draw/build';
import { queueNamed } from '../queues/queues';
import { MARK } from '../world/watch';
import { scenario } from './scenario';

const NAMES = ['feedback', 'emails', 'testflight', 'analytics'];

/** Each job holds the mark in every field. A run fails if the mark is in a place that PLACES does not name. */
test.each([
  ['feedback', 'refused', 'bodies'],
  ['campaigns', 'one-refused', 'lists'],
  ['analytics', 'good', 'events'],
  ['analytics', 'good', 'rejected'],
] as const)('of %s, a job (%s) leaves personal data in %s', async (queue, kind, place) => {
  const { reached } = await scenario({ queue, jobs: jobs(kind) });

  expect(reached(`personal data in ${place}`)).toBeGreaterThan(0);
});

const good = { kind: 'attachment', at: 0, group: 0, retries: 0 } as const;
const sample = (queue: string) => queueNamed(queue).data(good, 0);
const schemaOf = (schema: z.ZodType): object => toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
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
