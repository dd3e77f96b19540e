import { readdirSync, readFileSync } from 'node:fs';
import jsTokens from 'js-tokens';
import {
  dueTime,
  EVENT,
  hadOutcome,
  heardOf,
  heldSince,
  type Read,
  readEvent,
  sinceOpened,
} from '../../../lib/jobs/history';
import type { HistoryEntry, JobEvent, JobRow } from '../../../lib/jobs/row';
import { acceptedRow } from '../../support/accepted-row';

/** A history with one entry per second. The first is at 1 s. */
const history = (...events: (string | Partial<HistoryEntry<string>>)[]): HistoryEntry[] =>
  events.map((given, index) => {
    const entry = typeof given === 'string' ? { event: given } : given;
    return { at: (index + 1) * 1_000, ...entry } as HistoryEntry;
  });

/** The events that source code spells. A single word counts only behind `event`, and a log line does not count. */
function eventTexts(source: string): string[] {
  const found: string[] = [];
  const before: string[] = [];
  let template = '';
  for (const { type, value } of jsTokens(source)) {
    if (['WhiteSpace', 'LineTerminatorSequence', 'MultiLineComment', 'SingleLineComment'].includes(type)) continue;
    const inner = value.replace(/^[`}'"]|(\$\{|[`'"])$/g, '');
    if (type.startsWith('Template')) template = type === 'TemplateHead' ? `${inner}x` : `${template}${inner}x`;
    const text = type === 'TemplateTail' ? template.slice(0, -1) : inner;
    const whole = ['StringLiteral', 'NoSubstitutionTemplate', 'TemplateTail'].includes(type);
    const isLogged = before.at(-1) === '(' && ['info', 'warn', 'error'].includes(before.at(-2) ?? '');
    const isSingle = !text.includes(' ') && before.at(-2) !== 'event';
    if (whole && readEvent(text).kind !== 'other' && !isLogged && !isSingle) found.push(text);
    before.push(value);
  }
  return found;
}

const row = (changes: Partial<JobRow>): JobRow => ({ ...acceptedRow(1_000), createdAt: 1_000, ...changes });

test.each<[string, JobEvent, Read]>([
  ['accepted', EVENT.accepted, { kind: 'accepted' }],
  ['sent', EVENT.sent, { kind: 'sent' }],
  ['released', EVENT.released, { kind: 'released' }],
  ['returned untried', EVENT.returned, { kind: 'returned' }],
  ['started', EVENT.started, { kind: 'started' }],
  ['ended without outcome', EVENT.crashed, { kind: 'crashed' }],
  ['given back', EVENT.givenBack, { kind: 'givenBack' }],
  ['retry', EVENT.retry, { kind: 'retry' }],
  ['succeeded', EVENT.succeeded, { kind: 'succeeded' }],
  ['held (paused)', EVENT.held('paused'), { kind: 'held', reason: 'paused' }],
  ['held (throttled)', EVENT.held('throttled'), { kind: 'held', reason: 'throttled' }],
  ['held (retry)', EVENT.held('retry'), { kind: 'held', reason: 'retry' }],
  ['held (stopped)', EVENT.held('stopped'), { kind: 'held', reason: 'stopped' }],
  ['held (unknown)', EVENT.held('unknown'), { kind: 'held', reason: 'unknown' }],
  ['dead (error)', EVENT.dead('error'), { kind: 'dead', reason: 'error' }],
  ['dead (crash)', EVENT.dead('crash'), { kind: 'dead', reason: 'crash' }],
  ['dead (expired)', EVENT.dead('expired'), { kind: 'dead', reason: 'expired' }],
  ['cancelled (never-sent)', EVENT.cancelled('never-sent'), { kind: 'cancelled', reason: 'never-sent' }],
  ['cancelled (operator)', EVENT.cancelled('operator'), { kind: 'cancelled', reason: 'operator' }],
  ['cancelled (superseded)', EVENT.cancelled('superseded'), { kind: 'cancelled', reason: 'superseded' }],
  ['reopened', EVENT.reopened, { kind: 'reopened' }],
  ['reopened (operator)', EVENT.reopenedByOperator, { kind: 'reopened' }],
  ['redriven (operator)', EVENT.redriven, { kind: 'redriven' }],
  ['DLQ entry expired', EVENT.entryExpired, { kind: 'entryExpired' }],
  ['DLQ entry discarded (operator)', EVENT.entryDiscarded, { kind: 'entryDiscarded' }],
  ['replaced (operator)', EVENT.replaced, { kind: 'replaced' }],
  ['confirmation proven', EVENT.proven('confirmation'), { kind: 'proven', step: 'confirmation' }],
  ['send settled as done (operator)', EVENT.resolved('send', 'done'), { kind: 'resolved', step: 'send', as: 'done' }],
  [
    'send settled as skipped (operator)',
    EVENT.resolved('send', 'skipped'),
    { kind: 'resolved', step: 'send', as: 'skipped' },
  ],
])('the event %j is stored as this text and can be read', (text, made, expected) => {
  expect(made).toBe(text);
  expect(readEvent(text)).toEqual(expected);
});

test('no other file writes or compares the text of an event', () => {
  const files = ['lib', 'handlers'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  // The verifier shares no code with the service, so that it does not share its mistakes.
  const own = (file: string) => file === 'lib/jobs/history.ts' || file.startsWith('lib/verify/');
  const others = files.filter((file) => file.endsWith('.ts') && !own(file));

  // A cancelled job's place in the table of arrows has the same words as an event.
  const found = others.flatMap((file) =>
    eventTexts(readFileSync(file, 'utf8'))
      .filter((text) => file !== 'lib/jobs/arrows.ts' || !text.startsWith('cancelled ('))
      .map((text) => `${file}: ${text}`),
  );

  expect(found).toEqual([]);
});

test('an event of newer code changes no answer', () => {
  const known = history('accepted', 'started', 'held (stopped)', 'started');
  const newer = [...known, ...history({ at: 9_000, event: 'moved (elsewhere)' as JobEvent })];

  const answers = (entries: HistoryEntry[]) => [
    heldSince({ history: entries }),
    hadOutcome({ history: entries }, 5_000),
  ];

  expect(readEvent('moved (elsewhere)')).toEqual({ kind: 'other' });
  expect(readEvent('constructor')).toEqual({ kind: 'other' });
  expect(answers(newer)).toEqual(answers(known));
});

test('a hold with a reason of newer code still counts as a hold', () => {
  const entries = history('accepted', 'started', 'held (elsewhere)');

  expect(heldSince({ history: entries })).toBe(3_000);
});

test.each(['reopened', 'reopened (operator)'])(
  'the answers about a job that was %s start at that event',
  (reopened) => {
    const before = ['accepted', 'started', 'ended without outcome', 'held (stopped)', 'dead (error)'];
    const after = ['started', 'ended without outcome', 'started', 'held (retry)', 'started', 'held (unknown)'];
    const entries = history(...before, reopened, ...after);

    expect(sinceOpened(entries).map(({ event }) => event)).toEqual(after);
    expect(heldSince({ history: entries })).toBe(10_000);
  },
);

test.each([
  ['retry', true],
  ['held (throttled)', true],
  ['started', false],
  ['given back', false],
  ['released', false],
])('the event %s counts as an outcome: %s', (event, expected) => {
  expect(hadOutcome({ history: history(event) }, 1_000)).toBe(expected);
  expect(hadOutcome({ history: history(event) }, 1_001)).toBe(false);
});

test('an end counts as an outcome', () => {
  expect(hadOutcome({ history: [], endedAt: 5_000 }, 5_000)).toBe(true);
  expect(hadOutcome({ history: [], endedAt: 5_000 }, 5_001)).toBe(false);
});

test('the return of a message does not count as a run of the message', () => {
  const returned = { event: 'returned untried', messageId: 'm' } as const;

  expect(heardOf({ history: history(returned) }, 'm')).toBe(false);
  expect(heardOf({ history: history(returned, { event: 'started', messageId: 'm' }) }, 'm')).toBe(true);
  expect(heardOf({ history: history({ event: 'started', messageId: 'other' }) }, 'm')).toBe(false);
});

describe('the time when a job was due', () => {
  const delivery = (messageId: string, sentAt: number) => ({ messageId, sentAt, at: sentAt, receiveCount: 1 });

  test('is the time of its send, or the end of its wait', () => {
    expect(dueTime(row({ deliveries: [delivery('a', 500)] }))).toBe(500);
    expect(dueTime(row({ deliveries: [delivery('a', 500)], dueSince: 7_000 }))).toBe(7_000);
  });

  test('is the time of the send of the message that opened it again', () => {
    const opened = history('started', 'dead (error)', { event: 'reopened', messageId: 'b' }, 'started');
    const deliveries = [delivery('a', 1_000), delivery('b', 2_500)];

    expect(dueTime(row({ history: opened, deliveries }))).toBe(2_500);
  });

  test('is the time when an operator opened it again, whichever message then runs it', () => {
    const opened = history('sent', 'cancelled (operator)', 'reopened (operator)', 'started');

    expect(dueTime(row({ history: opened, deliveries: [delivery('a', 1_000)] }))).toBe(3_000);
  });

  test('an old copy that opens the job once more does not take it back to before a retry', () => {
    const opened = history('started', 'cancelled (operator)', 'reopened (operator)', {
      event: 'reopened',
      messageId: 'old',
    });

    expect(dueTime(row({ history: opened, deliveries: [delivery('old', 1_100)] }))).toBe(3_000);
  });

  test('is the time when it was opened again, if the delivery is no longer known', () => {
    const opened = history('started', 'dead (error)', { event: 'reopened', messageId: 'b' });

    expect(dueTime(row({ history: opened, deliveries: [delivery('a', 1_000)] }))).toBe(3_000);
  });
});
