import { jobs } from '../../scenarios/scenario';
import type { SourceMutant } from '../source-mutant';

const GUARD = 'lib/emails/campaigns/guard.ts';
const CAMPAIGN = 'lib/emails/campaigns/campaign.ts';
const RATE = 'lib/worker/rate.ts';

/** Of 30 recipients every second one bounces. An operator resumes the campaign again and again. */
const plan = {
  seed: 1,
  queue: 'campaigns',
  jobs: jobs('bad-list'),
  controls: [3, 6, 9].map((minute) => ({ at: minute * 60_000, what: 'resume' as const, campaign: 0 })),
};

/** The campaign goes on long enough for a mail that no run before the resume can have sent. */
const AT_ONCE = (['pause', 'resume'] as const).map((what, n) => ({ at: 70_000 + n * 3_000, what, campaign: 0 }));

/** A chunk takes a minute, so the window closes before a released one is sent. */
const slow = {
  seed: 1,
  queue: 'campaigns',
  jobs: jobs(['good', { group: 2 }], ['good', { group: 2 }]),
  limits: [{ at: 0, vendor: 'sendgrid' as const, lasts: 3_600_000, ends: 'by itself' as const, perSecond: 0.05 }],
};

export const GUARD_MUTANTS: Record<string, SourceMutant> = {
  'bits-replaced': {
    changes: [{ file: GUARD, find: '(before[kind] | ', replace: '((before[kind] * 0n) | ' }],
    breaks: /^the guard: campaign .* counts/,
    by: { plan },
  },
  'notes-deleted-first': {
    changes: [
      {
        file: GUARD,
        find: '  const store = campaigns(deps);\n',
        replace:
          '  const store = campaigns(deps);\n  await mapEach(notes, AT_ONCE, ({ key, version }) => deps.table.delete(key, version));\n',
      },
    ],
    breaks: /^the guard: campaign .* counts/,
    by: { plan: { ...plan, calls: [{ kind: 'table.delete', nth: 1, fault: 'killed-after' as const }] } },
  },
  'a-resume-counts-on': {
    changes: [{ file: CAMPAIGN, find: 'round: rest.round + 1', replace: 'round: rest.round' }],
    breaks: /^the guard: /,
    by: { plan },
  },
  'mails-without-their-round': {
    changes: [{ file: 'lib/emails/process.ts', find: 'first, round,', replace: 'first, round: 0,' }],
    breaks: /^the guard: a mail of campaign/,
    by: { plan: { ...plan, jobs: jobs(['bad-list', { group: 2 }]), controls: AT_ONCE } },
  },
  'late-events-count-again': {
    changes: [
      {
        file: GUARD,
        find: 'await setBits(deps, campaign, round, notes);',
        replace: 'await setBits(deps, campaign, campaign.round, notes);',
      },
    ],
    breaks: /^the guard: campaign .* counts/,
    by: { plan },
  },
  'no-pause': {
    changes: [
      {
        file: CAMPAIGN,
        find: "counted?.status === 'running' && deps.guard",
        replace: "counted?.status === 'paused' && deps.guard",
      },
    ],
    breaks: /^the guard: campaign .* is running/,
    by: { plan },
  },
  'window-of-the-release-only': {
    changes: [{ file: RATE, find: "counted && use === 'campaign' ?", replace: 'counted && !use ?' }],
    breaks: /^campaigns are kept: chunk .* was sent at/,
    by: { plan: { ...slow, sending: { zone: 'Europe/Berlin', between: '12:10–01:00' } } },
  },
  'cap-of-each-chunk': {
    changes: [{ file: RATE, find: ': sent > dailyCap;', replace: ': false;' }],
    breaks: /^campaigns are kept: chunk .* was sent after/,
    by: { plan: { ...slow, sending: { zone: 'Europe/Berlin', dailyCap: 4 } } },
  },
};
