import type { Plan } from '../../draw/plan';
import { jobs, SECOND_MS } from '../../scenarios/scenario';
import type { CallFault } from '../../world/faults';
import { MARK } from '../../world/watch';
import type { SourceMutant } from '../source-mutant';

const CAMPAIGN = 'lib/emails/campaigns/campaign.ts';
const RELEASE = 'lib/emails/campaigns/release.ts';
const CHUNKS = 'lib/emails/campaigns/chunks.ts';
const PROCESS = 'lib/emails/process.ts';
const STEPS = 'lib/worker/steps.ts';
const REQUEST = 'lib/emails/request.ts';
const TAKE = 'lib/emails/events/webhook.ts';

const ONE: Partial<Plan> = { queue: 'campaigns', jobs: jobs('good') };
/** The second campaign begins two minutes later. */
const TWO: Partial<Plan> = { queue: 'campaigns', jobs: jobs(['good', { group: 1 }], 'good') };

const atSendgrid = (fault: CallFault['fault']): CallFault[] => [{ kind: 'sendgrid.send', nth: 1, fault }];

/** One line is other than it should be, and the run of this plan shows it. */
const line = (file: string, find: string, replace: string, breaks: RegExp, plan: Partial<Plan> = ONE) =>
  ({ changes: [{ file, find, replace }], breaks, by: { plan } }) satisfies SourceMutant;

/**
 * Faults in a campaign's plan, chunks, mails and report. The reconciler releases two chunks at a time after a minute.
 * The second one waits ten seconds for its slot.
 */
export const CHUNK_MUTANTS: Record<string, SourceMutant> = {
  stopUnheard: line(
    PROCESS,
    "  if (status === 'paused') throw new PausedError();\n",
    '',
    /^campaigns are kept: chunk .* was sent 1\d{3} ms after its campaign was stopped/,
    {
      ...ONE,
      // The operator pauses the campaign while its chunks wait in the queue.
      unpolled: { from: 30 * SECOND_MS, until: 66 * SECOND_MS },
      controls: [{ at: 65 * SECOND_MS, what: 'pause', campaign: 0 }],
    },
  ),
  stopHeardOnce: line(
    PROCESS,
    'check: async () => refuseIfStopped(await readCampaign(campaigns, data.campaign)),',
    'check: async () => refuseIfStopped(campaign),',
    /^campaigns are kept: chunk .* was sent .* after its campaign was stopped/,
    { ...ONE, controls: [{ at: 62 * SECOND_MS, what: 'cancel', campaign: 0 }] },
  ),
  listUnread: line(
    'lib/emails/send.ts',
    'if (reason === undefined ||',
    "if (reason !== 'erased' ||",
    /^suppressed is never mailed/,
    { ...ONE, controls: [{ at: 30 * SECOND_MS, what: 'suppress', campaign: 0 }] },
  ),
  listRead: line(
    'lib/emails/suppression.ts',
    'objects.replace(...object, etag)',
    "objects.replace(...object, etag).then(() => 'replaced' as const)",
    /^suppressed is never mailed/,
    { ...ONE, controls: [20, 30, 30].map((at, n) => ({ at: at * SECOND_MS + n, what: 'suppress', campaign: 0 })) },
  ),
  releasedTooSoon: {
    changes: [
      { file: RELEASE, find: 'item?.todo !== todo || (item.todoAt ?? 0) > begun', replace: 'item?.todo !== todo' },
      {
        file: 'lib/jobs/items.ts',
        find: 'const until = clock.now();',
        replace: "const until = todo.endsWith('campaign') ? 9e12 : clock.now();",
      },
    ],
    breaks: /^campaigns are kept: chunk .* was sent before its campaign begins/,
    by: { plan: TWO },
  },
  startForgotten: line(
    PROCESS,
    'Math.max(row.time, sendAt === undefined ? 0 : Date.parse(sendAt))',
    'row.time',
    /^campaigns are kept: campaign .* begins before its requested time/,
    TWO,
  ),
  duplicatesTakenForRejected: line(
    CAMPAIGN,
    '{ ...plan, ...keys,',
    '{ ...plan, duplicates: 0, rejected: plan.rejected + plan.duplicates, ...keys,',
    /^campaigns are kept: campaign .* has {.*"duplicates":0,"rejected":2/,
  ),
  duplicatesForgotten: line(
    CAMPAIGN,
    '{ ...plan, ...keys,',
    '{ ...plan, duplicates: 0, ...keys,',
    /^campaigns are kept: campaign .* says .* of 4$/,
    // The caller dies before it gets the acceptance.
    { ...ONE, calls: [{ kind: 'queues.send', nth: 1, fault: 'killed-after' }] },
  ),
  sentUnderAnyId: line(
    PROCESS,
    'if (id !== chunkId(data.campaign, data.number))',
    "if (id === '')",
    /^campaigns are kept: campaign .* has sent one address two mails/,
    {
      ...ONE,
      // Each names one of four chunks by chance, and the campaign has two.
      forgeries: [2, 3, 4, 5].map((at) => ({ at: at * 60_000, form: 'chunk under another id', about: 2, times: 1 })),
    },
  ),
  listOfFirst: line(
    PROCESS,
    'await deps.campaigns.start({ ...plan,',
    'await deps.campaigns.start({ ...plan, manifest: (globalThis.firstManifest ??= plan.manifest),',
    /^campaigns are kept: campaign .* has sent a mail to a stranger/,
    TWO,
  ),
  firstChunkForgotten: line(
    CAMPAIGN,
    'released: 0, open: []',
    'released: 1, open: []',
    /^campaigns are kept: campaign .* has released chunk 0, which has no row/,
  ),
  forgottenOnceReleased: line(
    RELEASE,
    'if (campaign.endedAt !== undefined) return',
    'if (campaign.released === campaign.chunks) return;\n    if (campaign.endedAt !== undefined) return',
    /^liveness: .*campaign .* is running, 2 of 2 chunks released, 0,1 open/,
  ),
  openForgotten: line(
    CHUNKS,
    'open: [...stored.open, number]',
    'open: []',
    /^campaigns are kept: campaign .* ended before chunk 1/,
  ),
  chunkUncounted: line(
    CHUNKS,
    "if (status === 'running' || released === campaign.chunks) return campaign;",
    'if (id || status || released) return campaign;',
    /^campaigns are kept: campaign .* has ended without chunk 0, which is held \(unknown\)/,
    // A chunk has an unknown step, its release was never counted, and its campaign is cancelled.
    {
      ...ONE,
      calls: [...atSendgrid('mute'), { kind: 'queues.send', nth: 2, fault: 'killed-after' }],
      controls: [{ at: 90 * SECOND_MS, what: 'cancel', campaign: 0 }],
      // With clocks apart, `OldestHeld` need not show the hidden chunk.
      skew: SECOND_MS,
    },
  ),
  cancelledUnasked: line(
    PROCESS,
    "if (status === 'cancelled') throw",
    'throw',
    /^campaigns are kept: campaign .* has lost chunk 0: it is cancelled/,
  ),
  parkedAtFirstFailure: line(
    PROCESS,
    'await pauseIfNeeded(deps, campaign, error);',
    "throw new PermanentError({ code: error.code, message: error.message, vendor: 'sendgrid' });",
    /^campaigns are kept: campaign .* has chunk 0 dead .*: it had 1 attempts/,
    { ...ONE, calls: atSendgrid('refused') },
  ),
  unknownTakenForSent: line(
    STEPS,
    "status: 'unknown',",
    "status: 'done',",
    /^campaigns are kept: campaign .* says .*, but SendGrid accepted 1/,
    { ...ONE, calls: atSendgrid('mute') },
  ),
  unknownTakenForUnderWay: line(
    'lib/emails/report.ts',
    "if (step === 'unknown' || (step",
    'if ((step',
    /^campaigns are kept: campaign .* says .*"underWay":3.*, although nothing is under way/,
    { ...ONE, calls: atSendgrid('mute') },
  ),
  eventsLost: line(
    TAKE,
    'await deps.objects.put(',
    'void (',
    /^campaigns are kept: campaign .* says .*, and SendGrid reported [1-9]/,
  ),
  addressAmongEvents: line(
    TAKE,
    'JSON.stringify(stored)',
    `JSON.stringify({ ...stored, email: '${MARK}' })`,
    /^everything private stays in: outcomes has jobs\/_events\//,
  ),
  addressInCampaign: line(
    CAMPAIGN,
    '{ ...plan, ...keys,',
    `{ ...plan, name: '${MARK}', ...keys,`,
    /^campaigns are kept: campaign .* shows something private/,
  ),
  mailsOfNoJob: line(
    REQUEST,
    'mailArgs({ id,',
    "mailArgs({ id: id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),",
    /^campaigns are kept: campaign .* has a chunk of another campaign/,
  ),
  otherWords: line(
    REQUEST,
    '    categories,\n',
    "    categories,\n    subject: 'other words',\n",
    /^campaigns are kept: campaign .* has chunk 0 succeeded .*: a refused chunk cannot succeed/,
    { ...ONE, jobs: jobs('unsendable') },
  ),
};
