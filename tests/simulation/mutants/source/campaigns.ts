import type { SendingLimits } from '../../../../lib/platform/config/functions';
import { calls, jobs, MINUTE_MS, SECOND_MS } from '../../draw/build';
import type { Plan } from '../../draw/plan';
import { MARK } from '../../world/watch';
import { and, mutant, type SourceMutant } from '../source-mutant';

const CAMPAIGN = 'lib/queues/emails/campaigns/campaign.ts';
const RELEASE = 'lib/queues/emails/campaigns/release.ts';
const CHUNKS = 'lib/queues/emails/campaigns/chunks.ts';
const GUARD = 'lib/queues/emails/campaigns/guard.ts';
const PROCESS = 'lib/queues/emails/process.ts';
const REQUEST = 'lib/queues/emails/request.ts';
const TAKE = 'lib/queues/emails/events/webhook.ts';
const WAVE = 'lib/queues/emails/campaigns/wave.ts';
const LIST = 'lib/mail/suppression.ts';
const RATE = 'lib/mail/rate.ts';

const WAITS = /^fairness: the newest campaign waits for more than 30 s/;

const ONE: Partial<Plan> = { queue: 'campaigns', jobs: jobs('good') };
/** The second campaign begins two minutes later. */
const TWO: Partial<Plan> = { queue: 'campaigns', jobs: jobs(['good', { group: 1 }], 'good') };
/** SendGrid's events about it come. */
const HEARD: Partial<Plan> = { ...ONE, jobs: jobs(['good', { group: 1 }]) };
const MUTE: Partial<Plan> = { ...ONE, calls: calls('sendgrid.send', 'mute') };
const suppressedAt = (...times: number[]): Partial<Plan> => ({
  ...ONE,
  controls: times.map((at, n) => ({ at: at * SECOND_MS + n, what: 'suppress', campaign: 0 })),
});

/** A campaign breaks its promise in these words. */
const kept = (words: string) => new RegExp(`^campaigns are kept: ${words}`);

/** Of 30 recipients every second one bounces. An operator resumes the campaign again and again. */
const BAD_LIST: Partial<Plan> = {
  queue: 'campaigns',
  jobs: jobs('bad-list'),
  controls: [3, 6, 9].map((minute) => ({ at: minute * MINUTE_MS, what: 'resume', campaign: 0 })),
};
/** The campaign goes on long enough for a mail that no run before the resume can have sent. */
const RESUMED: Partial<Plan> = {
  queue: 'campaigns',
  jobs: jobs(['bad-list', { group: 2 }]),
  controls: (['pause', 'resume'] as const).map((what, n) => ({ at: 70_000 + n * 3_000, what, campaign: 0 })),
};
/** A caller notes the first address: by the last digit 1 that it unsubscribes, by 3 that it subscribes again. */
const notedAt = (...times: number[]): Partial<Plan> => ({
  ...ONE,
  controls: times.map((at) => ({ at, what: 'suppress', campaign: 0 })),
});
/** An address subscribes, and leaves again while the fold writes that and a bounce into the list. */
const MEANWHILE: Partial<Plan> = {
  queue: 'campaigns',
  jobs: jobs('bad-list'),
  controls: [118_771, 120_021].map((at) => ({ at, what: 'suppress', campaign: 0 })),
  calls: calls('objects.create', ...Array.from({ length: 24 }, () => 'slow' as const)),
};
/** An address that bounced subscribes again. */
const RESUBSCRIBED: Partial<Plan> = {
  queue: 'campaigns',
  jobs: jobs('bad-list'),
  controls: [{ at: 360_231, what: 'suppress', campaign: 0 }],
};
/** A chunk takes a minute, so the window closes before a released one is sent. */
const within = (sending: Omit<SendingLimits, 'zone'>): Partial<Plan> => ({
  queue: 'campaigns',
  jobs: jobs(['good', { group: 2 }], ['good', { group: 2 }]),
  limits: [{ at: 0, vendor: 'sendgrid', lasts: 60 * MINUTE_MS, ends: 'by itself', perSecond: 0.05 }],
  sending: { zone: 'Europe/Berlin', ...sending },
});
const COUNTS = /^the guard: campaign .* counts/;

export const CAMPAIGN_MUTANTS: Record<string, SourceMutant> = {
  // Faults that let one campaign take more than its share of the rate.
  oldestCampaignFirst: mutant('campaigns-slow', WAITS, RELEASE, {
    'nextStartTag(a, time) - nextStartTag(b, time)': 'a.startsAt - b.startsAt',
  }),
  newCampaignCatchesUp: mutant('campaigns-fast', /^fairness: the large campaign sent \d+ recipients/, RELEASE, {
    'startTag === undefined ? time': 'startTag === undefined ? 0',
    'Math.max(time, startTag + chunkSize)': 'startTag + chunkSize',
  }),
  chunksOfTenSeconds: mutant('campaigns-slow', WAITS, CAMPAIGN, { 'CHUNK_SECONDS = 0.5': 'CHUNK_SECONDS = 10' }),
  moreIsAlwaysLeft: mutant('mails-slow', /^fairness: \d+\.\d % of the rate was used/, RATE, {
    'loadOf(item, now) > MANY': 'true',
  }),
  releasedFarAhead: mutant('campaigns-slow', WAITS, RELEASE, { 'AHEAD_MS = 1_000': 'AHEAD_MS = 20_000' }),
  largeChunkIsPassedOver: mutant('campaigns-old', /^fairness: /, RELEASE, {
    'contenders.delete(next);\n':
      'contenders.delete(next);\nif ((chunkRecipients(next.campaign, next.campaign.released) / rate) * 1000 > forMs) continue;\n',
  }),
  firstThatMayNotReleaseEndsTheRelease: mutant('campaigns-failing', /^fairness: /, RELEASE, {
    'new Set(running.filter(mayRelease))': 'new Set(running)',
    'if (!next) return;': 'if (!next || !mayRelease(next)) return;',
    'if (mayRelease(next)) contenders.add(next);': 'contenders.add(next);',
  }),
  retriesTakeTheOthersPlace: mutant('campaigns-failing', /^fairness: /, CHUNKS, {
    '  return !(isRetry && (row?.retryAt ?? 0) > now);\n': '  return isRetry || now > 0;\n',
  }),

  // * Faults in a campaign's plan, chunks, mails and report. The reconciler releases two chunks at a time after a minute.
  // The second one waits ten seconds for its slot.
  stopUnheard: mutant(
    {
      ...ONE,
      // The operator pauses the campaign while its chunks wait in the queue.
      unpolled: { from: 30 * SECOND_MS, until: 66 * SECOND_MS },
      controls: [{ at: 65 * SECOND_MS, what: 'pause', campaign: 0 }],
    },
    kept('chunk .* was sent 1\\d{3} ms after its campaign was stopped'),
    PROCESS,
    { "status === 'paused' || isBehindWave(campaign, chunk)": 'isBehindWave(campaign, chunk)' },
  ),
  stopHeardOnce: mutant(
    { ...ONE, controls: [{ at: 62 * SECOND_MS, what: 'cancel', campaign: 0 }] },
    kept('chunk .* was sent .* after its campaign was stopped'),
    PROCESS,
    {
      'refuseIfStopped(await readCampaign(campaigns, data.campaign), data.number)':
        'refuseIfStopped(campaign, data.number)',
    },
  ),
  listUnread: mutant(suppressedAt(30), /^suppressed is never mailed/, 'lib/queues/emails/send.ts', {
    'if (reason === undefined ||': "if (reason !== 'erased' ||",
  }),
  // The third entry comes while the reconciler folds the second one.
  listRead: mutant(suppressedAt(59, 59.5, 60.06), /^suppressed is never mailed/, LIST, {
    'objects.replace(...object, etag)': "objects.replace(...object, etag).then(() => 'replaced' as const)",
  }),
  releasedTooSoon: and(
    mutant(TWO, kept('chunk .* was sent before its campaign begins'), RELEASE, {
      'campaign?.todo !== todo || (campaign.todoAt ?? 0) > begun': 'campaign?.todo !== todo',
    }),
    'lib/engine/jobs/items.ts',
    { 'until = clock.now(), position': "until = todo.endsWith('campaign') ? 9e12 : clock.now(), position" },
  ),
  startForgotten: mutant(TWO, kept('campaign .* begins before its requested time'), PROCESS, {
    'Math.max(row.time, sendAt === undefined ? 0 : Date.parse(sendAt))': 'row.time',
  }),
  duplicatesTakenForRejected: mutant(ONE, kept('campaign .* has {.*"duplicates":0,"rejected":2'), CAMPAIGN, {
    '{ ...plan, ...keys,': '{ ...plan, duplicates: 0, rejected: plan.rejected + plan.duplicates, ...keys,',
  }),
  // The caller dies before it gets the acceptance.
  duplicatesForgotten: mutant(
    { ...ONE, calls: calls('queues.send', 'killed-after') },
    kept('campaign .* says .* of 4$'),
    CAMPAIGN,
    { '{ ...plan, ...keys,': '{ ...plan, duplicates: 0, ...keys,' },
  ),
  sentUnderAnyId: mutant(
    {
      ...ONE,
      // Each names one of four chunks by chance, and the campaign has two.
      forgeries: [10, 20].map((at) => ({ at: at * SECOND_MS, form: 'chunk under another id', about: 2, times: 1 })),
    },
    // Both have the mails of a chunk that comes later by itself.
    /^the guard: the first wave of campaign .* has 7 mails/,
    PROCESS,
    { 'if (id !== chunkId(data.campaign, data.number))': "if (id === '')" },
  ),
  listOfFirst: mutant(TWO, kept('campaign .* has sent a mail to a stranger'), PROCESS, {
    'readManifest(deps, reference)': 'readManifest(deps, (globalThis.firstManifest ??= reference))',
  }),
  firstChunkForgotten: mutant(ONE, kept('campaign .* has released chunk 0, which has no row'), CAMPAIGN, {
    'released: 0, open: []': 'released: 1, open: []',
  }),
  forgottenOnceReleased: mutant(ONE, /^liveness: .*campaign .* is running, 2 of 2 chunks released, 0,1 open/, RELEASE, {
    'if (campaign.endedAt': 'if (campaign.released === campaign.chunks) return;\n    if (campaign.endedAt',
  }),
  openForgotten: mutant(ONE, kept('campaign .* ended before chunk 1'), CHUNKS, {
    'open: [...stored.open, number]': 'open: []',
  }),
  // A chunk has an unknown step, its release was never counted, and its campaign is cancelled.
  chunkUncounted: mutant(
    {
      ...ONE,
      calls: [...calls('sendgrid.send', 'mute'), { kind: 'queues.send', nth: 2, fault: 'killed-after' }],
      controls: [{ at: 90 * SECOND_MS, what: 'cancel', campaign: 0 }],
    },
    kept('campaign .* has ended without chunk 0, which is held \\(unknown\\)'),
    CHUNKS,
    { "(status === 'running' && !mayJoin) || released === campaign.chunks": 'id || mayJoin || released' },
  ),
  cancelledUnasked: mutant(ONE, kept('campaign .* has lost chunk 0: it is cancelled'), PROCESS, {
    "if (status === 'cancelled') throw": 'throw',
  }),
  parkedAtFirstFailure: mutant(
    { ...ONE, calls: calls('sendgrid.send', 'refused') },
    kept('campaign .* has chunk 0 dead .*: it had 1 attempts'),
    PROCESS,
    {
      'await pauseIfNeeded(deps, campaign, error);':
        "throw new PermanentError({ code: error.code, message: error.message, vendor: 'sendgrid' });",
    },
  ),
  unknownTakenForSent: mutant(
    MUTE,
    /^the guard: the first wave of campaign .* counts 4 of 1 mails/,
    'lib/engine/worker/steps.ts',
    {
      "status: 'unknown',": "status: 'done',",
    },
  ),
  unknownTakenForUnderWay: mutant(MUTE, kept('campaign .* says .*"underWay":3'), 'lib/queues/emails/report.ts', {
    "if (step === 'unknown' || (step": 'if ((step',
  }),
  eventsLost: mutant(HEARD, kept('campaign .* says .*, and SendGrid reported [1-9]'), TAKE, {
    'await deps.objects.put(': 'await deps.objects.get(',
  }),
  addressAmongEvents: mutant(HEARD, /^everything private stays in: outcomes has jobs\/_events\//, TAKE, {
    'JSON.stringify(stored)': `JSON.stringify({ ...stored, email: '${MARK}' })`,
  }),
  addressInCampaign: mutant(ONE, kept('campaign .* shows something private'), CAMPAIGN, {
    '{ ...plan, ...keys,': `{ ...plan, name: '${MARK}', ...keys,`,
  }),
  mailsOfNoJob: mutant(ONE, kept('campaign .* has a chunk of another campaign'), REQUEST, {
    'mailArgs({ id,': "mailArgs({ id: id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),",
  }),
  otherWords: mutant(
    { ...ONE, jobs: jobs('unsendable') },
    kept('campaign .* has chunk 0 succeeded .*: a refused chunk cannot succeed'),
    REQUEST,
    { '    categories:': "    subject: 'other words',\n    categories:" },
  ),

  'bits-replaced': mutant(BAD_LIST, COUNTS, GUARD, { '(before[kind] | ': '((before[kind] * 0n) | ' }),
  'notes-deleted-first': mutant(
    { ...BAD_LIST, calls: [{ kind: 'table.delete', nth: 3, fault: 'killed-after' }] },
    COUNTS,
    GUARD,
    {
      '  const store = campaigns(deps);\n':
        '  const store = campaigns(deps);\n  await mapEach(notes, AT_ONCE, ({ key, version }) => deps.table.delete(key, version));\n',
    },
  ),
  'a-resume-counts-on': mutant(BAD_LIST, /^the guard: /, CAMPAIGN, { 'round: rest.round + 1': 'round: rest.round' }),
  'mails-without-their-round': mutant(RESUMED, /^the guard: a mail of campaign/, PROCESS, {
    'first, round,': 'first, round: 0,',
  }),
  'late-events-count-again': mutant(
    {
      ...BAD_LIST,
      controls: [242, 422, 602].map((second) => ({ at: second * SECOND_MS, what: 'resume', campaign: 0 })),
    },
    COUNTS,
    GUARD,
    { 'await setBits(deps, campaign, round, notes);': 'await setBits(deps, campaign, campaign.round, notes);' },
  ),
  'no-pause': mutant(BAD_LIST, /^the guard: campaign .* is running/, CAMPAIGN, {
    "counted?.status === 'running' && deps.guard": "counted?.status === 'paused' && deps.guard",
  }),
  // * Faults in a first wave, and in how notes about addresses come into the list.
  waveOfTheStartOnly: mutant(RESUMED, /^the guard: campaign .* runs without a first wave/, CAMPAIGN, {
    'const wave = waveFrom(rest.released);': 'const wave = undefined;',
  }),
  waveWithoutSize: mutant(BAD_LIST, /^the guard: the first wave of campaign .* has 9 mails/, WAVE, {
    'taken + size(number) <= first': 'taken <= first',
  }),
  waveOfRecipients: mutant(suppressedAt(30), /^the guard: the first wave of campaign .* counts/, CHUNKS, {
    'wave.mails += mails;': 'wave.mails += chunkRecipients(campaign, number);',
  }),
  notesEndBeforeTheList: mutant(
    { ...notedAt(31_001), calls: calls('objects.create', 'refused', 'refused', 'refused') },
    /^suppressed is never mailed/,
    LIST,
    {
      '    await suppression.fold(list, group);\n':
        '    await mapEach(group, AT_ONCE, ({ todo: _a, todoAt: _b, ...note }) => writeItem(deps, note, note.version));\n    await suppression.fold(list, group);\n',
    },
  ),
  noteOfMeanwhileEnds: mutant(MEANWHILE, /^the list fills itself/, LIST, {
    'writeItem(deps, note, note.version)':
      'suppressionNotes.update(deps, note.key, (now) => now && { ...note, version: now.version })',
  }),
  resubscribedAfterABounce: mutant(RESUBSCRIBED, /^the list fills itself/, LIST, {
    'weightOf(a.reason) > weightOf(b.reason);': 'a.at > b.at;',
    '!ended.has(one)': '!ended.has(one & ~REASON)',
  }),
  'window-of-the-release-only': mutant(within({ between: '12:10–01:00' }), kept('chunk .* was sent at'), RATE, {
    "counted && use === 'campaign' ?": 'counted && !use ?',
  }),
  'cap-of-each-chunk': mutant(within({ dailyCap: 6 }), kept('chunk .* was sent after'), RATE, {
    ': sent > dailyCap;': ': false;',
  }),
};
