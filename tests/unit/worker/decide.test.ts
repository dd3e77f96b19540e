import fc from 'fast-check';
import {
  AmbiguousError,
  CancelledError,
  PausedError,
  PermanentError,
  StopError,
  StoreError,
  SupersededError,
  TransientError,
  WaitError,
} from '../../../lib/errors';
import { decide, OutOfTimeError, type Situation } from '../../../lib/worker/decide';
import { StepUnknownError } from '../../../lib/worker/steps';

const details = { code: 'Code', message: 'message' };
const situation = (changes: Partial<Situation>): Situation => ({
  error: new TransientError(details),
  attempts: 0,
  openStep: false,
  quickRetries: 2,
  lastReceive: false,
  remainingMs: 30_000,
  retryWaits: [60, 900],
  fraction: () => 0.5,
  ...changes,
});

test.each<[string, Partial<Situation>, unknown]>([
  ['an unknown error is transient', { error: new Error('?') }, { kind: 'retry', waitMs: 60_000, counts: true }],
  [
    'after a transient error the job first runs again in the same invocation',
    { quickRetries: 0 },
    { kind: 'again', waitMs: 300, quick: true },
  ],
  ['… unless no time is left', { quickRetries: 0, remainingMs: 100 }, { kind: 'retry', waitMs: 60_000, counts: true }],
  ['the second wait is longer', { attempts: 1 }, { kind: 'retry', waitMs: 900_000, counts: true }],
  ['the third attempt is the last', { attempts: 2 }, { kind: 'spent' }],
  [
    'an ambiguous error counts like a transient one',
    { error: new AmbiguousError(details) },
    { kind: 'retry', waitMs: 60_000, counts: true },
  ],
  [
    '… and if the last attempt ends like this, one more run asks the vendor',
    { error: new AmbiguousError(details), attempts: 2 },
    { kind: 'retry', waitMs: 900_000, counts: true },
  ],
  [
    '… and also if it could not ask about a step of an earlier attempt',
    { openStep: true, attempts: 2 },
    { kind: 'retry', waitMs: 900_000, counts: true },
  ],
  ['… but no second run', { error: new AmbiguousError(details), openStep: true, attempts: 3 }, { kind: 'spent' }],
  [
    'on the last receive the job is held for the same wait',
    { lastReceive: true },
    { kind: 'hold', reason: 'retry', waitMs: 60_000, counts: true },
  ],
  ['… unless its attempts are spent', { lastReceive: true, attempts: 2 }, { kind: 'spent' }],
  [
    'a wait that fits into the invocation happens there',
    { error: new WaitError({ ...details, waitMs: 5_000 }) },
    { kind: 'again', waitMs: 5_000, quick: false },
  ],
  [
    'a longer wait holds the job',
    { error: new WaitError({ ...details, waitMs: 20_000 }) },
    { kind: 'hold', reason: 'throttled', waitMs: 20_000, counts: false },
  ],
  [
    'a wait that outlasts the invocation holds the job',
    { error: new WaitError({ ...details, waitMs: 5_000 }), remainingMs: 4_000 },
    { kind: 'hold', reason: 'throttled', waitMs: 5_000, counts: false },
  ],
  [
    'a paused job is held at once, however much time is left',
    { error: new PausedError() },
    { kind: 'hold', reason: 'paused', waitMs: 0, counts: false },
  ],
  ['a cancelled job ends', { error: new CancelledError() }, { kind: 'cancel', reason: 'operator' }],
  [
    'a job that a later command replaced ends',
    { error: new SupersededError('j') },
    { kind: 'cancel', reason: 'superseded', note: 'j' },
  ],
  [
    'with too little time left the message comes back at once',
    { error: new OutOfTimeError() },
    { kind: 'retry', waitMs: 0, counts: false },
  ],
  [
    '… or the job is held if the message has no receive left',
    { error: new OutOfTimeError(), lastReceive: true },
    { kind: 'hold', reason: 'retry', waitMs: 0, counts: false },
  ],
  [
    'if the vendor refuses us, the job is held as stopped',
    { error: new StopError(details) },
    { kind: 'hold', reason: 'stopped', waitMs: 0, counts: false },
  ],
  ['if the vendor refuses the job, the job is parked', { error: new PermanentError(details) }, { kind: 'park' }],
  [
    'an unknown step waits for evidence and counts as no failed attempt',
    { error: new StepUnknownError('send') },
    { kind: 'hold', reason: 'unknown', waitMs: 0, counts: false },
  ],
  ['if the store is down, the message goes back to SQS', { error: new StoreError(details) }, { kind: 'report' }],
])('%s', (_rule, changes, expected) => {
  expect(decide(situation(changes))).toEqual(expected);
});

test('the waits outlast an outage of 15 minutes, and differ by at most 10 %', () => {
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
