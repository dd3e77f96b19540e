import type { HeldReason } from '../../../../lib/engine/jobs/row';
import { type Decision, decide, type Situation } from '../../../../lib/engine/worker/decide';
import {
  AmbiguousError,
  PermanentError,
  StopError,
  StoreError,
  TransientError,
  VerdictError,
  WaitError,
} from '../../../../lib/platform/errors';

const details = { code: 'Code', message: 'message' };
const situation = (changes: Partial<Situation>): Situation => ({
  error: new TransientError(details),
  attempts: 0,
  openStep: false,
  asked: false,
  quickRetries: 2,
  waitedMs: 0,
  lastReceive: false,
  remainingMs: 30_000,
  retryWaits: [60, 900],
  fraction: () => 0.5,
  ...changes,
});

const retry = (waitMs: number, counts = true): Decision => ({ kind: 'retry', waitMs, counts });
const hold = (reason: HeldReason, waitMs = 0, counts = false): Decision => ({ kind: 'hold', reason, waitMs, counts });
const giveUp = (code: string): Decision => ({ kind: 'giveUp', code });
const paused = new StopError({ ...details, code: 'VendorPaused' });
const forbidden = new PermanentError({ ...details, status: 403 });
const again = (waitMs: number, quick = false): Decision => ({ kind: 'again', waitMs, quick });
const SUPERSEDED: Decision = { kind: 'cancel', reason: 'superseded', note: 'j' };
const SPENT: Decision = { kind: 'spent' };
const ambiguous = new AmbiguousError(details);
const wait = (waitMs: number) => new WaitError({ ...details, waitMs });
const outOfTime = new VerdictError('outOfTime');
const unknown = new VerdictError('unknown');

test.each<[string, Partial<Situation>, Decision]>([
  ['an unknown error is transient', { error: new Error('?') }, retry(60_000)],
  ['after a transient error the job first runs again in the same invocation', { quickRetries: 0 }, again(300, true)],
  ['… unless no time is left', { quickRetries: 0, remainingMs: 100 }, retry(60_000)],
  ['the second wait is longer', { attempts: 1 }, retry(900_000)],
  ['a wait is at least 90 % of its setting', { fraction: () => 0 }, retry(54_000)],
  ['… and at most 110 %', { fraction: () => 1 }, retry(66_000)],
  ['the third attempt is the last', { attempts: 2 }, SPENT],
  ['an ambiguous error counts like a transient one', { error: ambiguous }, retry(60_000)],
  ['… and after the last attempt, one more run asks the vendor', { error: ambiguous, attempts: 2 }, retry(900_000)],
  ['… also if it could not ask about a step of an earlier attempt', { openStep: true, attempts: 2 }, retry(900_000)],
  ['… but no second run', { error: ambiguous, openStep: true, asked: true, attempts: 3 }, SPENT],
  ['… nor for a call without a step', { error: ambiguous, attempts: 3 }, SPENT],
  ['… unless crashes or a shorter setting spent the attempts unasked', { openStep: true, attempts: 5 }, retry(900_000)],
  ['on the last receive the job is held for the same wait', { lastReceive: true }, hold('retry', 60_000, true)],
  ['… unless its attempts are spent', { lastReceive: true, attempts: 2 }, SPENT],
  ['a wait that fits into the invocation happens there', { error: wait(5_000) }, again(5_250)],
  ['… together with the waits before it', { error: wait(5_000), waitedMs: 10_001 }, hold('throttled', 5_000)],
  ['a longer wait holds the job', { error: wait(20_000) }, hold('throttled', 20_000)],
  ['… as does one that outlasts the invocation', { error: wait(5_000), remainingMs: 4_000 }, hold('throttled', 5_000)],
  ['a paused job is held at once, however much time is left', { error: new VerdictError('paused') }, hold('paused')],
  ['a cancelled job ends', { error: new VerdictError('cancelled') }, { kind: 'cancel', reason: 'operator' }],
  ['a job that a later command replaced ends', { error: new VerdictError('superseded', { by: 'j' }) }, SUPERSEDED],
  ['with too little time left the message comes back at once', { error: outOfTime }, retry(0, false)],
  ['… or the job is held if the message has no receive left', { error: outOfTime, lastReceive: true }, hold('retry')],
  ['if the vendor refuses us, the job is held as stopped', { error: new StopError(details) }, hold('stopped')],
  ['if the vendor refuses the job, the job is parked', { error: new PermanentError(details) }, { kind: 'park' }],
  ['an unknown step waits for evidence and counts as no failed attempt', { error: unknown }, hold('unknown')],
  ['if the store is down, the message goes back to SQS', { error: new StoreError(details) }, { kind: 'report' }],
  ['with only a mail left, spent attempts hold the job', { attempts: 9, owedMs: 90_000 }, hold('retry', 60_000, true)],
  ['… at most until its wait is over', { attempts: 9, owedMs: 1_000 }, hold('retry', 1_000, true)],
  ['… as does a vendor that refuses us', { error: new StopError(details), owedMs: 1 }, hold('stopped')],
  [
    '… as does a vendor that asks for a longer wait',
    { error: wait(600_000), owedMs: 90_000 },
    hold('throttled', 90_000),
  ],
  ['… whose mail is given up once the wait is over', { error: new StopError(details), owedMs: 0 }, giveUp('Code')],
  ['… but not while an operator pauses the vendor', { error: paused, owedMs: -1 }, hold('stopped')],
  ['… nor while too little time is left', { error: outOfTime, owedMs: 0 }, retry(0, false)],
  ['a mail that the vendor refuses is given up', { error: new PermanentError(details), owedMs: 9 }, giveUp('Code')],
  ['… unless the vendor may refuse us', { error: forbidden, owedMs: 90_000 }, hold('retry', 60_000, true)],
  [
    '… as is one that a later command replaced',
    { error: new VerdictError('superseded', { by: 'j' }), owedMs: 9 },
    giveUp('Superseded'),
  ],
  ['… and one that may have been sent', { error: unknown, owedMs: 9 }, giveUp('StepUnknown')],
])('%s', (_rule, changes, expected) => {
  expect(decide(situation(changes))).toEqual(expected);
});
