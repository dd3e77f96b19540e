import { calls, cancelAndRetry, HOUR_MS, jobs, load, MINUTE_MS, many, SECOND_MS } from '../../draw/build';
import type { Plan } from '../../draw/plan';
import { MARK } from '../../world/watch';
import { and, mutant, type SourceMutant } from '../source-mutant';

const LEDGER = 'lib/engine/jobs/ledger.ts';
const TRANSITIONS = 'lib/engine/jobs/transitions.ts';
const BATCH = 'lib/engine/worker/batch.ts';
const CLOSE = 'lib/engine/worker/close.ts';
const DECIDE = 'lib/engine/worker/decide.ts';
const CLAIM = 'lib/engine/worker/claim.ts';
const STEPS = 'lib/engine/worker/steps.ts';
const FEEDBACK = 'lib/queues/feedback/process.ts';
const MEASURE = 'lib/engine/reconcile/measure.ts';

const ERASURES = [{ at: 0, person: { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } }];
/** SendGrid refuses us for longer than the mail may wait. */
const REFUSED_MAIL: Partial<Plan> = {
  mailWait: 5 * MINUTE_MS,
  outages: [{ target: 'sendgrid', from: 0, until: 4 * HOUR_MS, fault: 'unauthorized' }],
};
/** Zendesk refuses our credentials for twenty minutes. */
const STOPPED: Partial<Plan> = {
  outages: [{ target: 'zendesk', from: 0, until: 20 * MINUTE_MS, fault: 'unauthorized' }],
};

const forged = (form: 'placeholder' | 'lost body', at = 30 * SECOND_MS) => [{ at, form, about: 0, times: 1 }];

const ended = (how: Plan['redrives'][number]['how']): Partial<Plan> => ({
  jobs: jobs('refused'),
  redrives: [{ nth: 1, after: 30 * SECOND_MS, how }],
});
const RAN_AGAIN = /^nothing twice: .* ran again, although an operator had ended it/;

/** SendGrid refuses this many first requests. An attempt makes three. */
const refused = (count: number) => calls('sendgrid.send', ...Array.from({ length: count }, () => 'refused' as const));

/** As the code once did, a claim parks every job whose attempts are used up, with its stored error. */
const attemptsAtClaim = (by: Partial<Plan>, breaks: RegExp): SourceMutant =>
  mutant(by, breaks, BATCH, {
    'const claimed = await claimJob(handling, content);': `const taken = await claimJob(handling, content);
      const spent = taken.kind === 'claimed' && taken.row.attempts > deps.retryWaits.length;
      const claimed = spent ? { ...taken, kind: 'crash loop' } : taken;`,
    "CRASH_LOOP, reason: 'crash'": "claimed.row.error ?? CRASH_LOOP, reason: claimed.row.error ? 'error' : 'crash'",
  });

/** SendGrid takes the mail and never answers, so only its event proves that. Seed 1 lets the event come. */
const SILENT: Partial<Plan> = { queue: 'emails', calls: calls('sendgrid.send', 'silent') };
const LEFT_UNKNOWN = /^nothing lost: the event about the mail of .* left its step unknown/;

const COMMANDS = 'lib/queues/testflight/commands.ts';

const ahead = (planned: { ahead: number; cancel?: number }): Partial<Plan> => ({ jobs: jobs(['good', { planned }]) });

/** Four processes of the API, each with a tracker. */
const TRACKED = (seed: number): Partial<Plan> => ({
  ...{ queue: 'analytics', seed, approximate: true },
  jobs: many(4, 'tracked', (n) => ({ at: n * 100 })),
});

export const JOB_MUTANTS: Record<string, SourceMutant> = {
  // Gross faults, by which each promise is seen to break.
  jobIdAsDeduplicationId: mutant(
    { jobs: jobs('refused'), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] },
    /^liveness: .* entries in the DLQ do not match/,
    'lib/engine/jobs/keys.ts',
    { 'generation: number }): string =>': 'generation: number }): string => id ||' },
  ),
  recordBeforeOutcome: mutant({}, /^nothing lost: a record says succeeded/, CLOSE, {
    '  const closed = await lease.end((row) => {\n': `  const { recordKey } = require('../jobs/keys');
            const { recordOf } = require('../jobs/record');
            const ended = end.kind === 'succeed' ? succeed(lease.row(), { ...run, ...end }) : undefined;
            if (ended) await deps.objects.put(recordKey(deps.prefix, ended), recordOf(ended), 'application/json');
            const closed = await lease.end((row) => {\n`,
  }),
  neverAcknowledge: mutant({}, /^no bystanders: with failures alone/, BATCH, {
    'batchItemFailures: unfinished.map': 'batchItemFailures: event.Records.map',
  }),
  vendorsWords: mutant(
    { queue: 'campaigns', jobs: jobs('unsendable') },
    /^everything private stays in/,
    'lib/platform/http.ts',
    {
      'return dialect.refined?.(refused, answer, effect) ?? refused;':
        "return new PermanentError({ vendor: 'sendgrid', code: refused.code, message: JSON.stringify(error.answer().body) });",
    },
  ),
  otherQueuesForgotten: mutant(
    {
      beside: [load('emails', 'good')],
      outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS / 3, fault: 'unauthorized' }],
    },
    /^liveness: .* is held \(stopped\)/,
    'lib/engine/reconcile/release.ts',
    { 'mapEach(deps.queueNames,': 'mapEach(deps.queueNames.slice(0, 1),' },
  ),
  bodyNotErased: mutant(
    { jobs: jobs('refused'), erasures: ERASURES },
    /^the erased are gone: jobs\/_bodies\/feedback\/.* still has/,
    'lib/operate/ops/erase.ts',
    {
      'await objects.delete(bodyKey(prefix, queue, id));': '',
      'await deps.objects.delete(key);': '',
    },
  ),
  othersErased: mutant(
    { jobs: jobs(['good', { at: MINUTE_MS, group: 1 }]), erasures: ERASURES },
    /^the erased are gone: an erasure changed jobs\/feedback\/.*, which is not about the person/,
    'lib/operate/ops/person.ts',
    { 'hashes.includes(group),': "group !== 'none'," },
  ),
  entrySentTwice: mutant({ jobs: jobs('refused') }, /^nothing twice: the entry of .* is sent again/, CLOSE, {
    'await queues.send(deps.dlqUrl(row.queue), parkedMessage(':
      'for (const _ of [1, 2]) await queues.send(deps.dlqUrl(row.queue), parkedMessage(',
  }),
  entryExpiresAtOnce: mutant(
    { jobs: jobs('refused', ['good', { group: 1, planned: { ahead: 10 * MINUTE_MS } }]) },
    /^nothing lost: .* has left its DLQ by its row/,
    'lib/engine/reconcile/ends.ts',
    { 'at - deps.settings(queue).dlqRetention * 1000;': 'at;' },
  ),
  'end-marked-without-its-event': mutant(
    { events: true, calls: calls('events.publish', 'refused') },
    /^nothing lost: the end .* is not published/,
    CLOSE,
    { 'publish(completionOf(row));': 'publish(completionOf(row)).catch(() => {});' },
  ),

  // Mistakes of a claim that does not read the row first.
  /** It does not compare the row with the message, so another job with the same id runs as this one. */
  claimBelievesMessage: mutant(
    { jobs: jobs('good', ['stolen-id', { at: 5_000, group: 1 }]), starts: [{ nth: 1, fault: 'failed', ms: 0 }] },
    /^nothing twice: .* has a token, and a message without it opened/,
    LEDGER,
    {
      "...(before as Change['expected']),":
        "...(only(before, ['state', 'steps', 'spentMessageIds', 'deliveries']) as Change['expected']),",
      "'token', 'group', 'sequence', 'correlationId', 'parent', 'traceparent', ": '',
    },
  ),
  /** It does not look at what other runs have done. */
  claimIgnoresRuns: mutant(
    { jobs: jobs('good', ['copy', { at: 60_000, group: 1 }]) },
    /^everything explained: no arrow leads .* from succeeded/,
    LEDGER,
    {
      "...(before as Change['expected']),": 'payloadHash: blank.payloadHash,',
      'ABSENT.map((name) => [name, undefined])': '[]',
    },
  ),

  // What an operator ended for good stays ended, also if AWS's console redrives its entry.
  // A replaced job is discarded too.
  replacedJobRunsAgain: mutant(ended('move after replace'), RAN_AGAIN, CLAIM, {
    "if (row.discarded || row.replacedBy !== undefined) return 'late';": '',
  }),
  discardedJobRunsAgain: mutant(ended('move after discard'), RAN_AGAIN, CLAIM, {
    'row.discarded || row.replacedBy !== undefined': 'row.replacedBy !== undefined',
  }),

  // A table that fails is no crash. The plan table-refuses has more.
  everyCrashIsExcused: mutant(
    { jobs: jobs('kills-after') },
    /^everything explained: no run of .* left a witness/,
    CLAIM,
    {
      '(await hasWitness(deps, queue, last.token))': 'true',
    },
  ),

  // Faults of the rule that a sender may only send.
  // The job waits for its second attempt.
  randomIsNotCompared: mutant(
    { forgeries: forged('placeholder') },
    /^everything explained: .*, a placeholder of .*, was never refused/,
    CLAIM,
    { 'row.token !== attributes[ATTRIBUTE.token]': 'false' },
  ),
  nameOpensRowWithoutRandom: mutant(
    { jobs: jobs('event'), forgeries: forged('lost body') },
    /^everything explained: .* a lost body of .* was never refused/,
    CLAIM,
    { "if (row.token === undefined && payloadHash === undefined) return 'refused';": '' },
  ),
  // After a retry that fails too, an operator moves both entries before the reconciler deletes the first.
  earlierEntryOpensLaterEnd: mutant(
    {
      jobs: jobs('refused'),
      commands: [{ job: 0, what: 'retry', at: 5 * SECOND_MS }],
      redrives: [{ nth: 2, after: 15 * SECOND_MS, how: 'move' }],
    },
    /^nothing twice: .* is dead, and a message that is not the entry of that end opened it/,
    CLAIM,
    { '&& attributes[ATTRIBUTE.parkedFrom] === row.parkedFrom': '' },
  ),
  refusalIsNotCounted: mutant(
    { forgeries: forged('placeholder', MINUTE_MS) },
    /^everything explained: 1 messages opened nothing, and IllegalTransitions says 0/,
    CLAIM,
    { "metrics.add('IllegalTransitions', 1, 'Count', {});": '' },
  ),

  /** The claim starts a mail. A worker that dies before its call would leave it unknown. */
  mailBegunByClaim: mutant({ queue: 'emails' }, /^nothing twice: .* starts send/, 'lib/queues/emails/process.ts', {
    'schema: emailMessageSchema,': "schema: emailMessageSchema, first: () => 'send',",
  }),
  /** A clock that is far ahead takes the job from a run that is still at work. */
  lostLeaseWrites: mutant(
    { seed: 4, skew: 10 * MINUTE_MS, starts: [1, 2].map((nth) => ({ nth, fault: 'twice', ms: 20 })) },
    /^nothing twice: 2 × mail/,
    STEPS,
    { 'row?.lease?.token === token ? row : undefined': 'row?.lease ? row : undefined' },
  ),
  refusalForgetsEarlierCall: mutant(
    {
      seed: 8,
      jobs: jobs('good', ['good', { group: 1 }]),
      calls: calls('zendesk.createTicket', 'late', 'late', 'forbidden'),
      redrives: [{ nth: 1, after: 135 * MINUTE_MS, how: 'move' }],
    },
    /^nothing twice: 2 × ticket/,
    STEPS,
    {
      "if (before?.status !== 'started') forget(name);\n      else set(":
        'forget(name);\n      if (before === null) set(',
    },
  ),
  unknownTakenForFailed: and(
    attemptsAtClaim(
      { queue: 'emails', calls: [...refused(6), { kind: 'sendgrid.send', nth: 7, fault: 'silent' }] },
      /^no bystanders: .*its step may have taken effect/,
    ),
    DECIDE,
    { "reason: 'unknown', ...now": "reason: 'unknown', ...now, counts: true" },
  ),
  lastAnswerNotAskedFor: mutant(
    {
      queue: 'testflight',
      waits: { at: 20 * MINUTE_MS, from: [60], to: [60] },
      // The second job succeeds, which shows that Apple works. Then Apple answers no question about the first one.
      jobs: jobs('good', ['good', { at: 40_000, group: 1 }]),
      outages: [
        { target: 'apple', from: 0, until: MINUTE_MS / 2, fault: 'refused' },
        { target: 'apple', from: 70_000, until: 3 * MINUTE_MS, fault: 'refused' },
      ],
      calls: calls('apple.invite', 'lost'),
    },
    /^no bystanders: .*invitation took effect/,
    DECIDE,
    { 'asks ? retryWaits.at(-1) : retryWaits[attempts]': 'retryWaits[attempts]' },
  ),
  openStepNotAsked: mutant(
    {
      queue: 'testflight',
      jobs: jobs('good', ['good', { at: 5 * MINUTE_MS, group: 1 }]),
      calls: calls('apple.invite', 'lost'),
      outages: [
        { target: 'apple', from: 1_500, until: 3 * MINUTE_MS, fault: 'refused' },
        { target: 'apple', from: 10 * MINUTE_MS, until: 20 * MINUTE_MS, fault: 'refused' },
      ],
    },
    /^no bystanders: .*invitation took effect/,
    DECIDE,
    { '(openStep || error instanceof AmbiguousError)': 'error instanceof AmbiguousError' },
  ),
  spentAttemptsParkedUntried: attemptsAtClaim(
    { seed: 2, queue: 'emails', calls: refused(6), waits: { at: 5 * MINUTE_MS, from: [60, 900], to: [60] } },
    /^no bystanders: .*it was parked without the run that failed/,
  ),
  // The operator cancels the held job. After the retry its first attempt fails, so it ends a minute later.
  retriesOfOperatorsForgotten: mutant(
    {
      queue: 'emails',
      calls: calls('sendgrid.send', 'retry-after', 'refused', 'refused', 'refused'),
      commands: cancelAndRetry(0, 30_000, 60 * MINUTE_MS),
    },
    /^everything explained: TimeToFinish says/,
    TRANSITIONS,
    { 'generation: row.generation + 1, dueSince: entry.at }': 'generation: row.generation + 1 }' },
  ),

  // This put to the table is the reconciler's to the row.
  'evidence-deleted-before-its-row': mutant(
    { ...SILENT, calls: [...calls('sendgrid.send', 'silent'), { kind: 'table.put', nth: 11, fault: 'killed-before' }] },
    LEFT_UNKNOWN,
    'lib/engine/reconcile/ends.ts',
    { 'const evidence =': 'await deps.table.delete(key, item.version); const evidence =' },
  ),
  'evidence-kept-and-forgotten': mutant(SILENT, LEFT_UNKNOWN, 'lib/queues/emails/events/webhook.ts', {
    'todo: todoKey(queue, kind),': "...(kind === 'reports' ? { todo: todoKey(queue, kind) } : {}),",
  }),

  heldCommandUndoesLaterOne: mutant(
    {
      queue: 'testflight',
      jobs: jobs('joins', ['build', { group: 1 }], ['leaves', { at: 1_000 }]),
      calls: calls('apple.createTester', 'throttled'),
    },
    /^later wins: .* the tester is in the group/,
    COMMANDS,
    {
      "if ('by' in left) throw new VerdictError('superseded', { by: left.by });":
        "if ('by' in left) return wanted.groups ?? [];",
    },
  ),
  everyCommandIsSuperseded: mutant(
    { queue: 'testflight', jobs: jobs('joins', ['joins', { at: 1_000 }]) },
    /^later wins: .* is superseded, and no later command covers it/,
    COMMANDS,
    { 'bySequence(a.place, b.place) > 0': 'a.job !== b.job' },
  ),

  // SQS deletes the message of the first run, and gives that of the second one to another worker.
  runsUntilItsMessageExpires: mutant(
    {
      queue: 'testflight',
      jobs: jobs(['leaves', { at: 100 }], 'joins', 'good'),
      unpolled: { from: 0, until: HOUR_MS },
      retention: 3_600,
    },
    /^later wins: .* the tester is in the group/,
    'lib/engine/worker/run.ts',
    { '< EXPIRES_SOON_MS': '< -EXPIRES_SOON_MS' },
  ),
  // Faults of jobs that wait for their time. The arrow `plan` has its own (arrows.ts).
  'planned-without-its-body': mutant(
    ahead({ ahead: HOUR_MS }),
    /^no bystanders: .* its body was never deleted/,
    'lib/engine/submit/submit.ts',
    { 'await objects.put(bodyKey': 'void (bodyKey' },
  ),
  // The reconciler measures while it releases the other job.
  'planned-held-since-its-acceptance': mutant(
    {
      queue: 'emails',
      jobs: jobs(['good', { planned: { ahead: HOUR_MS } }], ['good', { at: 10 * MINUTE_MS }]),
      calls: calls('sendgrid.send', 'retry-after'),
    },
    /^everything explained: OldestHeld says/,
    MEASURE,
    {
      'row.heldSince ?? row.dueSince ?? row.updatedAt': 'row.heldSince ?? row.updatedAt',
      'Math.max(since, row.retryAt ?? 0)': 'since',
      '? now :': '? Number.MAX_SAFE_INTEGER :',
    },
  ),
  'planned-late-since-its-acceptance': mutant(
    ahead({ ahead: HOUR_MS }),
    /^everything explained: TimeTo\w+ says/,
    TRANSITIONS,
    {
      "reason === 'throttled' || reason === 'retry' ? retryAt : at": 'row.createdAt',
      'dueSince: Math.max(start, at)': 'dueSince: at',
    },
  ),
  'cancelled-but-not-stored': mutant(
    ahead({ ahead: HOUR_MS, cancel: 10 * MINUTE_MS }),
    /^planned jobs are kept: .* is not cancelled/,
    'packages/producer/jobs.ts',
    { '{ item: row = found } = await ledger.update(found.key, withdrawn, found)': 'row = withdrawn(found) ?? found' },
  ),

  // A tracker packs the events of a session into messages that SQS takes in part.
  'later-shards-overtake': mutant(TRACKED(12), /^nothing lost: a session tracked/, 'packages/producer/tracker.ts', {
    '    wave++;\n': '',
  }),
  'refused-message-is-dropped': mutant(
    { queue: 'analytics', jobs: jobs('tracked'), calls: calls('queues.sendBatch', 'refused') },
    /^liveness: api 0 got no answer/,
    'packages/producer/sender.ts',
    {
      '    if (entries[place]?.sent) {\n      waiting.shift();':
        '    waiting.shift();\n    if (entries[place]?.sent) {',
    },
  ),
  'old-age-seals-the-next-message': mutant(
    TRACKED(5),
    /^nothing lost: a session tracked/,
    'packages/producer/tracker.ts',
    {
      'if (shards.get(group) !== open) return;': 'if (!shards.get(group)) return;',
    },
  ),

  // Faults that no job, row or record shows: in the order of returns, in waits beside others, and in metrics.
  untriedAreReturnedLastFirst: mutant(
    {
      jobs: many(3, 'good', (index) => ({ at: 10 * index })),
      broken: { from: 0, until: 41 * MINUTE_MS },
    },
    /^order kept: .* was returned after a message that came later/,
    'lib/engine/reconcile/returns.ts',
    {
      '.sort((a, b) => timesReturned(a) - timesReturned(b) || a.message.sentAt - b.message.sentAt)':
        '.reverse().sort((a, b) => timesReturned(a) - timesReturned(b))',
    },
  ),
  oneFailureOpensTheCircuit: mutant(
    { calls: calls('zendesk.createTicket', 'refused', 'refused', 'refused') },
    /^no bystanders: .* is held \(stopped\), but zendesk failed 3 times/,
    'lib/engine/worker/circuit.ts',
    { 'const MOST_TRANSIENTS = 5;': 'const MOST_TRANSIENTS = 1;' },
  ),
  heldCountsAsDead: mutant(STOPPED, /^everything explained: JobsDead of feedback says 1, but 0 rows say so/, BATCH, {
    "|| outcome === 'dead') countEnd(metrics, { ...row, queue, state: outcome })":
      "|| outcome === 'held') countEnd(metrics, { ...row, queue, state: outcome === 'held' ? 'dead' : outcome })",
  }),
  // The job of each trial call ends in its run. The others wait for the reconciler.
  mailIsNotGivenUp: mutant(
    { ...REFUSED_MAIL, jobs: many(8, 'good', (index) => ({ group: index })) },
    /^nothing missing in silence: .* waited \d+ ms for its mail/,
    'lib/engine/reconcile/release.ts',
    {
      'if (owed.until <= now)': 'if (owed.until <= 0)',
    },
  ),
  pauseCountsAsWait: mutant(
    {
      ...REFUSED_MAIL,
      mailWait: 30 * MINUTE_MS,
      limits: [{ at: 2 * MINUTE_MS, vendor: 'sendgrid', lasts: HOUR_MS, ends: 'by resume' }],
    },
    /^nothing missing in silence: .* gave its mail up/,
    'lib/engine/worker/circuit.ts',
    { 'until: until + pausedMs - known': 'until' },
  ),
  spentAttemptsEndTheWait: mutant(
    { mailWait: 24 * HOUR_MS, outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS, fault: 'failed' }] },
    /^nothing missing in silence: .* gave its mail up/,
    DECIDE,
    { 'owedMs === undefined ? usual': 'owedMs !== null ? usual' },
  ),
  resendIsPublished: mutant(
    { ...REFUSED_MAIL, events: true, resend: { after: 5 * HOUR_MS } },
    /^nothing twice: .* is published again/,
    'lib/engine/worker/close.ts',
    { ' && !row.resends': '' },
  ),
  'reduction-is-not-stored': mutant(
    { jobs: jobs('reduced-once'), calls: [{ kind: 'zendesk.createTicket', nth: 2, fault: 'killed-after' }] },
    /^nothing lost: .* succeeded, and it is without/,
    FEEDBACK,
    {
      '  for (;;) {\n    const reduced': '  const noted = {};\n  for (;;) {\n    const reduced',
      'steps.peek(name)?.result as Reduction': 'noted[name] as Reduction',
      'steps.found(name, next);': 'noted[name] = next;',
    },
  ),
  'one-reduction': mutant(
    { jobs: jobs('reduced') },
    /^no bystanders: .* is dead \(error, ZendeskRejected\)/,
    FEEDBACK,
    { ", 'reduced-2'] as const": '] as const' },
  ),
  'second-reduction-by-name': mutant(
    { jobs: jobs('reduced') },
    /^nothing lost: .* it is without customFields,requester,file-1/,
    FEEDBACK,
    {
      'reductions === 0': 'reductions < 2',
    },
  ),
  deadIsNotCounted: mutant({ jobs: jobs('refused') }, /^everything explained: feedback JobsDead says 0 in/, BATCH, {
    "outcome === 'succeeded' || outcome === 'dead'": "outcome === 'succeeded'",
  }),
  unknownIsNotHeld: mutant(
    {
      queue: 'campaigns',
      jobs: jobs(['good', { again: 10 }]),
      calls: calls('sendgrid.send', 'lost'),
      events: true,
    },
    /^everything explained: OldestHeld says 0 ms, but a job is held for/,
    MEASURE,
    { "[todoKey(queue, 'unknown'), ...held, todoKey(queue, 'planned')]": 'held' },
  ),
  factIsOnlyStored: mutant(
    { ...STOPPED, facts: true },
    /^everything explained: the fact circuit-open#zendesk#VendorRefuses was never sent/,
    'lib/engine/reconcile/facts.ts',
    { 'sent: await published(first, true)': 'sent: true' },
  ),
};
