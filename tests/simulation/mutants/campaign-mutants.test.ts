import type { Plan } from '../draw/plan';
import { jobs, SECOND_MS } from '../scenarios/scenario';
import type { CallFault } from '../world/faults';
import * as mutants from './campaign-mutants';
import { describeMutants } from './mutant-cases';

const ONE: Partial<Plan> = { queue: 'campaigns', jobs: jobs('good') };
/** The second campaign begins two minutes later. */
const TWO: Partial<Plan> = { queue: 'campaigns', jobs: jobs(['good', { group: 1 }], 'good') };

const atSendgrid = (fault: CallFault['fault']): CallFault[] => [{ kind: 'sendgrid.send', nth: 1, fault }];

// The reconciler releases two chunks at a time after a minute. The second one waits ten seconds for its turn.
describeMutants(mutants, {
  stopUnheard: {
    // The operator pauses the campaign while its chunks wait in the queue.
    plan: {
      ...ONE,
      unpolled: { from: 30 * SECOND_MS, until: 66 * SECOND_MS },
      controls: [{ at: 65 * SECOND_MS, what: 'pause', campaign: 0 }],
    },
    breaks: /^campaigns are kept: chunk .* was sent 1\d{3} ms after its campaign was stopped/,
  },
  stopHeardOnce: {
    plan: { ...ONE, controls: [{ at: 62 * SECOND_MS, what: 'cancel', campaign: 0 }] },
    breaks: /^campaigns are kept: chunk .* was sent .* after its campaign was stopped/,
  },
  releasedTooSoon: {
    plan: TWO,
    breaks: /^campaigns are kept: chunk .* was sent before its campaign begins/,
  },
  startForgotten: {
    plan: TWO,
    breaks: /^campaigns are kept: campaign .* begins before its requested time/,
  },
  duplicatesTakenForRejected: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has {.*"duplicates":0,"rejected":2/,
  },
  duplicatesForgotten: {
    // The caller dies before it gets the acceptance.
    plan: { ...ONE, calls: [{ kind: 'queues.send', nth: 1, fault: 'killed-after' }] },
    breaks: /^campaigns are kept: campaign .* says .* of 4$/,
  },
  releasedUnderTwoIds: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has sent one address two mails/,
  },
  listOfFirst: {
    plan: TWO,
    breaks: /^campaigns are kept: campaign .* has sent a mail to a stranger/,
  },
  firstChunkForgotten: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has released chunk 0, which has no row/,
  },
  forgottenOnceReleased: {
    plan: ONE,
    breaks: /^liveness: .*campaign .* is running, 2 of 2 chunks released, 0,1 open/,
  },
  openForgotten: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* ended before chunk 1/,
  },
  chunkUncounted: {
    // A chunk has an unknown step, its release was never counted, and its campaign is cancelled.
    plan: {
      ...ONE,
      calls: [...atSendgrid('mute'), { kind: 'queues.send', nth: 2, fault: 'killed-after' }],
      controls: [{ at: 90 * SECOND_MS, what: 'cancel', campaign: 0 }],
      // With clocks apart, `OldestHeld` need not show the hidden chunk.
      skew: SECOND_MS,
    },
    breaks: /^campaigns are kept: campaign .* has ended without chunk 0, which is held \(unknown\)/,
  },
  cancelledUnasked: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has lost chunk 0: it is cancelled/,
  },
  parkedAtFirstFailure: {
    plan: { ...ONE, calls: atSendgrid('refused') },
    breaks: /^campaigns are kept: campaign .* has chunk 0 dead .*: it had 1 attempts/,
  },
  unknownTakenForSent: {
    plan: { ...ONE, calls: atSendgrid('mute') },
    breaks: /^campaigns are kept: campaign .* says .*, but SendGrid accepted 1/,
  },
  stepForgotten: {
    plan: { ...ONE, calls: atSendgrid('mute') },
    breaks: /^campaigns are kept: campaign .* says .*"underWay":3.*, although nothing is under way/,
  },
  eventsLost: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* says .*, and SendGrid reported [1-9]/,
  },
  addressAmongRecipients: {
    plan: ONE,
    breaks: /^everything private stays in: jobs\/_recipients\/.* shows it/,
  },
  addressAmongEvents: {
    plan: ONE,
    breaks: /^everything private stays in: jobs\/_events\/.* shows it/,
  },
  addressInCampaign: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* shows something private/,
  },
  mailsOfNoJob: {
    plan: ONE,
    breaks: /^campaigns are kept: campaign .* has a chunk of another campaign/,
  },
  otherWords: {
    plan: { ...ONE, jobs: jobs('unsendable') },
    breaks: /^campaigns are kept: campaign .* has chunk 0 succeeded .*: a refused chunk cannot succeed/,
  },
});
