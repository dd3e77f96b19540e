import fc from 'fast-check';
import {
  AmbiguousError,
  CancelledError,
  PausedError,
  PermanentError,
  StopError,
  StoreError,
  TransientError,
  WaitError,
} from '../../../lib/errors';
import { decide, OutOfTimeError, type Situation } from '../../../lib/worker/decide';
import { StepUnknownError } from '../../../lib/worker/steps';

const details = { code: 'Code', message: 'message' };
const situation = (changes: Partial<Situation>): Situation => ({
  error: new TransientError(details),
  attempts: 0,
  quickRetries: 2,
  lastReceive: false,
  remainingMs: 30_000,
  retryWaits: [60, 900],
  fraction: () => 0.5,
  ...changes,
});

test.each<[string, Partial<Situation>, unknown]>([
  ['an unknown error is transient', { error: new Error('?') }, { kind: 'retry', waitMs: 60_000, counts: true }],
  ['a transient error is tried again inside first', { quickRetries: 0 }, { kind: 'again', waitMs: 300, quick: true }],
  [
    '… unless no time is left for it',
    { quickRetries: 0, remainingMs: 100 },
    { kind: 'retry', waitMs: 60_000, counts: true },
  ],
  ['the second wait is the longer one', { attempts: 1 }, { kind: 'retry', waitMs: 900_000, counts: true }],
  ['the third attempt is the last', { attempts: 2 }, { kind: 'park' }],
  [
    'an ambiguous error counts alike',
    { error: new AmbiguousError(details) },
    { kind: 'retry', waitMs: 60_000, counts: true },
  ],
  [
    '… but is not asked about before its effect can show',
    { error: new AmbiguousError({ ...details, askAfterMs: 90_000 }), quickRetries: 0 },
    { kind: 'retry', waitMs: 90_000, counts: true },
  ],
  [
    '… and where the last attempt ends so, one more run asks',
    { error: new AmbiguousError({ ...details, askAfterMs: 30_000 }), attempts: 2 },
    { kind: 'retry', waitMs: 900_000, counts: true },
  ],
  ['… but no further one', { error: new AmbiguousError(details), attempts: 3 }, { kind: 'park' }],
  [
    'on the last receive the job is held for the same wait',
    { lastReceive: true },
    { kind: 'hold', reason: 'retry', waitMs: 60_000, counts: true },
  ],
  ['… unless its attempts are spent', { lastReceive: true, attempts: 2 }, { kind: 'park' }],
  [
    'a wait that fits is waited for',
    { error: new WaitError({ ...details, waitMs: 5_000 }) },
    { kind: 'again', waitMs: 5_000, quick: false },
  ],
  [
    'a longer one holds the job',
    { error: new WaitError({ ...details, waitMs: 20_000 }) },
    { kind: 'hold', reason: 'throttled', waitMs: 20_000, counts: false },
  ],
  [
    'one that outlasts the invocation holds the job',
    { error: new WaitError({ ...details, waitMs: 5_000 }), remainingMs: 4_000 },
    { kind: 'hold', reason: 'throttled', waitMs: 5_000, counts: false },
  ],
  [
    'a paused job waits until somebody says so, however much time is left',
    { error: new PausedError() },
    { kind: 'hold', reason: 'paused', waitMs: 0, counts: false },
  ],
  ['a cancelled one ends', { error: new CancelledError() }, { kind: 'cancel' }],
  [
    'too little time brings the message back at once',
    { error: new OutOfTimeError() },
    { kind: 'retry', waitMs: 0, counts: false },
  ],
  [
    '… or holds the job where that would be a receive too many',
    { error: new OutOfTimeError(), lastReceive: true },
    { kind: 'hold', reason: 'retry', waitMs: 0, counts: false },
  ],
  [
    'a refusal of ours stops',
    { error: new StopError(details) },
    { kind: 'hold', reason: 'stopped', waitMs: 0, counts: false },
  ],
  ['a refusal of the job parks', { error: new PermanentError(details) }, { kind: 'park' }],
  [
    'an unknown step waits for evidence, and is no failed attempt',
    { error: new StepUnknownError('send') },
    { kind: 'hold', reason: 'unknown', waitMs: 0, counts: false },
  ],
  ['a store that is down is reported', { error: new StoreError(details) }, { kind: 'report' }],
])('%s', (_rule, changes, expected) => {
  expect(decide(situation(changes))).toEqual(expected);
});

test('the waits outlast an outage of a quarter of an hour, and are spread by no more than a tenth', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.constantFrom(0, 1),
      (fraction, attempts) => {
        const decision = decide(situation({ attempts, fraction: () => fraction }));
        const wanted = attempts === 0 ? 60_000 : 900_000;
        if (decision.kind !== 'retry') return false;
        return decision.waitMs >= wanted * 0.9 && decision.waitMs <= wanted * 1.1;
      },
    ),
  );
});
