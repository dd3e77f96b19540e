import { calls, cancelAndRetry, HOUR_MS, jobs, MINUTE_MS, SECOND_MS } from '../../draw/build';
import { MARK } from '../../world/watch';
import { and, mutant, type SourceMutant } from '../source-mutant';

const CHUNKS = 'lib/queues/emails/campaigns/chunks.ts';

/** Faults that random runs found in the service. */
export const FOUND_MUTANTS: Record<string, SourceMutant> = {
  chunkThatDoesNotParseStopsItsCampaign: mutant(
    { queue: 'campaigns', jobs: jobs(['good', { group: 2 }]), damages: [{ at: 60_130, job: 1 }] },
    /^liveness: .* campaign .* is running/,
    CHUNKS,
    { '  row === undefined ||\n': '  row !== undefined &&\n' },
  ),
  unsentChunkLosesItsBody: mutant(
    {
      queue: 'campaigns',
      calls: [{ kind: 'queues.send', nth: 2, fault: 'refused', times: 3 }],
      damages: [{ at: 61_000, job: 1, restored: 20 * MINUTE_MS }],
    },
    /^liveness: .* has not checked the events of campaign/,
    CHUNKS,
    { 'await keepBody(deps, made, body);': '' },
  ),
  cancelledChunkLosesItsBody: mutant(
    {
      queue: 'campaigns',
      calls: calls('queues.send', 'slow', 'killed-before'),
      commands: cancelAndRetry(1, 70 * SECOND_MS, 10 * MINUTE_MS),
    },
    /^liveness: it came to rest/,
    CHUNKS,
    { 'if (row && !(await keepCancelled(': "if (body === '' && row && !(await keepCancelled(" },
  ),
  // The release dies before it counts the chunk, and then the campaign is paused.
  uncountedChunkStopsItsPausedCampaign: mutant(
    {
      queue: 'campaigns',
      calls: [{ kind: 'queues.send', nth: 2, fault: 'killed-after' }],
      controls: [{ at: 61_000, what: 'pause', campaign: 0 }],
    },
    /^liveness: .* campaign .* is paused, 0 of 2 chunks released/,
    CHUNKS,
    { "(status === 'running' && !mayJoin) || released": "status !== 'cancelled' || released" },
  ),
  // Its place in the index comes before its message can have expired.
  earlyPlaceEndsTheJob: mutant(
    { jobs: jobs('good'), unpolled: { from: 0, until: HOUR_MS } },
    /^no bystanders: .* is dead \(expired, Expired\): SQS had its message/,
    'lib/engine/reconcile/ends.ts',
    { 'next && next.todoAt > now': 'next && next.todoAt < now' },
  ),
  // A release dies before it counts its chunk, and chunks from before the resume join the wave.
  uncountedChunkMakesRoomInTheWave: mutant(
    {
      queue: 'campaigns',
      jobs: jobs(['good', { group: 2 }]),
      calls: [
        { kind: 'queues.send', nth: 4, fault: 'silent', times: 3 },
        { kind: 'objects.get', nth: 2, fault: 'refused', times: 3 },
      ],
      lostDeletes: [1],
      controls: [
        { at: 60_189, what: 'pause', campaign: 0 },
        { at: 120_100, what: 'resume', campaign: 0 },
      ],
      events: true,
      warm: true,
    },
    /^the guard: the first wave of campaign .* has 7 mails/,
    CHUNKS,
    { "(status === 'running' && !mayJoin)": "status === 'running'" },
  ),
  damagedRowOfTheLastReturnStopsTheNext: mutant(
    {
      jobs: jobs('good', 'good'),
      damages: [{ at: 960_441, job: 0 }],
      broken: { from: 0, until: HOUR_MS },
    },
    /^liveness: .* is queued/,
    'lib/engine/reconcile/returns.ts',
    { 'last.watched.map((key) => ledger.known(key))': 'last.watched.map((key) => ledger.get(key))' },
  ),
  // The sender gets no answer for the first message, and sends another after the later command.
  placeIsThatOfTheLastMessage: mutant(
    {
      queue: 'testflight',
      jobs: jobs(['leaves', { again: 6 * MINUTE_MS }], ['joins', { at: SECOND_MS }]),
      calls: calls('queues.send', 'silent'),
      unpolled: { from: 0, until: 10 * MINUTE_MS },
    },
    /^later wins: .* is superseded, and no later command covers it/,
    'lib/queues/testflight/commands.ts',
    { 'row.firstSequence, row.deliveries[0]?.sequence': 'row.firstSequence ?? row.deliveries[0]?.sequence' },
  ),
  cancelledCommandLosesItsPlace: mutant(
    {
      seed: 1937519335,
      queue: 'testflight',
      jobs: jobs('leaves', ['joins', { at: 44 }]),
      calls: calls('queues.send', 'killed-late'),
      commands: cancelAndRetry(0, 66, 2 * HOUR_MS),
    },
    /^later wins: .* was accepted last, and the tester is not in the group/,
    'lib/engine/worker/close.ts',
    { 'sequence === undefined ? {} : { firstSequence: sequence }': '{}' },
  ),
  // The caller repeats its call after the planned time.
  lateAcceptanceIsDueSinceThePlannedTime: mutant(
    {
      jobs: jobs(['good', { again: 2 * HOUR_MS, planned: { ahead: 5 * SECOND_MS } }]),
      calls: [{ kind: 'objects.get', nth: 1, fault: 'refused', times: 3 }],
      outages: [{ target: 'table', from: 0, until: MINUTE_MS, fault: 'refused' }],
      indexLag: SECOND_MS,
    },
    /^everything explained: OldestHeld says/,
    'lib/engine/jobs/transitions.ts',
    { 'dueSince: Math.max(start, at),': 'dueSince: start,' },
  ),
  erasedJobIsOpenedByItsCaller: mutant(
    {
      jobs: jobs(['good', { planned: { ahead: 3 * HOUR_MS }, again: 2 * HOUR_MS }]),
      calls: [{ nth: 2, fault: 'refused' }],
      erasures: [{ at: 16 * MINUTE_MS, person: { email: `${MARK}-0@example.com` } }],
    },
    /^liveness: it came to rest/,
    'lib/engine/submit/submit.ts',
    { 'row.erased || isSentFromKept(row)': 'isSentFromKept(row)' },
  ),

  // A stranger's own job comes in two message groups.
  groupOfAnotherPersonIsStored: mutant(
    {
      seed: 33,
      jobs: jobs(['good', { at: 462 }], 'good', ['good', { at: 55 }]),
      calls: [{ kind: 'zendesk.createTicket', nth: 2, fault: 'failed', times: 3 }],
      commands: [{ job: 0, what: 'cancel', at: 0 }],
      forgeries: [{ at: 462, form: 'event of its own', about: 2, times: 2 }],
      erasures: [{ at: 2 * HOUR_MS, person: { email: `${MARK}-2@example.com`, user: `${MARK}-user-2` } }],
    },
    /^the erased are gone: .* still has/,
    'lib/engine/jobs/transitions.ts',
    { 'isOther ? { ...delivery, otherGroup: true } : delivery': 'isOther ? { ...delivery, group } : delivery' },
  ),
  // The oracle says by itself which ends are final.
  everyEndIsFinal: mutant(
    { jobs: jobs('refused'), events: true },
    /^everything explained: the event .* differs from the row/,
    'lib/engine/jobs/record.ts',
    { 'final: isFinal(row),': 'final: true,' },
  ),
  // The campaign is counted while its name is damaged.
  damagedCampaignIsBelieved: mutant(
    {
      queue: 'campaigns',
      jobs: jobs(['good', { group: 2 }]),
      damages: [{ at: 90_000, campaign: 0, field: 0, form: 'null', restored: 20 * MINUTE_MS }],
    },
    /^nothing lost: campaign.* was written while its name did not parse/,
    'lib/queues/emails/campaigns/campaign.ts',
    {
      'next(sound(storedCampaignSchema, stored))': 'next(stored)',
      'sound<Campaign>(storedCampaignSchema, stored)': '(stored as unknown as Campaign)',
    },
  ),
  // Lambda runs a message twice at once.
  anotherRunsLeaseIsIgnored: mutant(
    { starts: [1, 2].map((nth) => ({ nth, fault: 'twice', ms: 20 })) },
    /^nothing twice: .* was taken from a run whose lease had not ended/,
    'lib/engine/worker/claim.ts',
    { 'last.until > clock.now()': 'last.until > clock.now() && Number.isNaN(last.until)' },
  ),

  // Mistakes that only a second fault shows: the first one brings the job to the place, the second one hits it there.
  jobIsHeldBeforeItsBodyIsKept: mutant(
    {
      queue: 'emails',
      calls: [...calls('sendgrid.send', 'retry-after'), ...calls('objects.put', 'killed-before')],
    },
    /^no bystanders: /,
    'lib/engine/worker/close.ts',
    {
      "const leaves = end.kind === 'hold' || end": 'const leaves = end',
      '  return finish(deps, closed, content).catch(':
        "  if (end.kind === 'hold') await keepBody(deps, { queue, id }, content.body);\n  return finish(deps, closed, content).catch(",
    },
  ),
  // The first run dies after its claim and the second one in the call, so the confirmation is all that the job lacks.
  startedMailCountsAsUnsent: mutant(
    { calls: [...calls('table.update', 'hung'), ...calls('sendgrid.send', 'killed-late')] },
    /^nothing missing in silence: .* says CrashLoop, but its mail was sent/,
    'lib/engine/jobs/transitions.ts',
    { "tried?.status === 'started' || tried?.status === 'unknown'": "tried?.status === 'unknown'" },
  ),
  // An operator's pause lasts longer than SQS keeps a message. Then the first send of the released job is refused.
  releasedJobExpiresWithItsLastMessage: mutant(
    {
      retention: 3_600,
      limits: [{ at: 0, vendor: 'zendesk', lasts: 4 * HOUR_MS, ends: 'by resume' }],
      calls: [{ kind: 'queues.send', nth: 2, fault: 'refused' }],
    },
    /^no bystanders: .* is dead \(expired, Expired\): SQS had its message/,
    'lib/engine/jobs/transitions.ts',
    { 'const { sentAt: _sentAt, ...released } = withoutEnd(row);': 'const released = withoutEnd(row);' },
  ),
  // The run sends the confirmation and cannot store the end until it has no time left. Its message then expires.
  sentMailCountsAsLacked: mutant(
    {
      retention: 3_600,
      calls: [{ kind: 'table.put', nth: 6, fault: 'refused', times: 56 }],
      unpolled: { from: SECOND_MS, until: 3 * HOUR_MS },
    },
    /^nothing missing in silence: .* says Expired, but its mail was sent/,
    'lib/engine/jobs/transitions.ts',
    { "tried?.status === 'done' ? undefined : {": '{' },
  ),
  // The worker cannot know whether the confirmation went, and gets no answer when it keeps the body. The next claim
  // stores the start of the first step again.
  claimStartsStepsAnew: mutant(
    { seed: 2, calls: [...calls('sendgrid.send', 'lost'), ...calls('objects.put', 'silent')] },
    /^nothing twice: 2 × mail/,
    'lib/engine/worker/claim.ts',
    { 'Object.keys(row.steps).length > 0 || row.crashes > 0': 'Object.keys(row.steps).length <= 0 || row.crashes > 0' },
  ),
  // Apple asks the join to wait when it makes an unanswered call again. Meanwhile the tester leaves.
  commandWithAnOpenCallIsNotCompared: mutant(
    {
      queue: 'testflight',
      jobs: jobs('joins', ['leaves', { at: SECOND_MS }]),
      calls: calls('apple.createTester', 'mute', 'throttled'),
    },
    /^later wins: .* was accepted last, and the tester is in the group/,
    'lib/queues/testflight/commands.ts',
    { "step !== undefined && step.status !== 'started'": 'step !== undefined' },
  ),
  // Apple does not answer the invitation, and then not the question about it.
  noAnswerMeansNotInvited: mutant(
    {
      queue: 'testflight',
      calls: [...calls('apple.invite', 'lost'), { kind: 'apple.findTester', nth: 3, fault: 'refused' }],
    },
    /^nothing twice: 2 × invitation/,
    'lib/queues/testflight/invite.ts',
    {
      "await whenShown('invitation', state)": "await whenShown('invitation', () => state().catch(() => 'NOT_INVITED'))",
    },
  ),
  // The answer to the claim is lost, and a person damages the row for ten seconds. The next run meets a newer release.
  runsThatCannotReadTheirRowCountAsCrashed: and(
    mutant(
      {
        queue: 'testflight',
        start: Date.UTC(2026, 0, 1),
        concurrency: 2,
        skew: MINUTE_MS,
        calls: calls('table.update', 'silent'),
        limits: [{ at: 0, vendor: 'zendesk', lasts: 3_000, ends: 'by itself' }],
        damages: [{ at: 50, job: 0, restored: 10 * SECOND_MS }],
        forgeries: [{ at: 50, form: 'placeholder', about: 0, times: 1 }],
        unpolled: { from: 120_402, until: 720_402 },
        future: { from: 120_482, until: 720_482 },
      },
      /^no bystanders: /,
      'lib/engine/worker/close.ts',
      { 'error instanceof UnreadableRowError && token': 'error === token' },
    ),
    'lib/engine/worker/claim.ts',
    { 'await (isNew ? read.catch(orWitness) : read)': 'await read' },
  ),
};
