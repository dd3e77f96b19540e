import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020';
import { completionOf } from '../../lib/jobs/record';
import { acceptedRow } from '../support/accepted-row';
import { inState } from '../support/in-state';
import { completionSchema } from './completion-schema';
import { pages } from './pages';
import { EVENT_SCHEMA } from './schemas';

const page = pages().find(({ file }) => file === 'docs/events.md');
const example = JSON.parse(page?.blocks.find(({ language }) => language === 'json')?.text ?? '');
const validate = new Ajv({ strict: false, validateFormats: false }).compile(
  JSON.parse(readFileSync(EVENT_SCHEMA, 'utf8')) as object,
);

test('the example of the page follows the schema, and the page explains every field', () => {
  expect(validate(example)).toBe(true);
  for (const field of Object.keys(completionSchema.shape))
    expect(page?.text).toMatch(new RegExp(`^\\| .*\`${field}\`.* \\|`, 'm'));
});

test.each(['succeeded', 'dead', 'cancelled'] as const)('the event of a job that is %s follows the schema', (state) => {
  const error = { class: 'permanent' as const, code: 'Rejected', message: 'no', field: 'data.subject' };
  const ends = { succeeded: {}, dead: { reason: 'error', error }, cancelled: { reason: 'operator' } } as const;
  const row = { ...acceptedRow(0), state: inState(state), ...ends[state], firstStartedAt: 1, endedAt: 2 };

  const detail = completionOf({ ...row, traceparent: 't', result: { ticketId: '7' }, correlationId: 'c' });

  expect(validate({ ...example, detail })).toBe(true);
});
