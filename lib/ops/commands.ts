import type { Command, Option } from './command';

const QUEUE: Option = { usage: 'Name of the queue, as in custom.queues', type: 'string', shortcut: 'q' };
const ID: Option = { usage: 'Id of the job', type: 'string', required: true };
const CAMPAIGN_ID: Option = { usage: 'Id of the campaign', type: 'string', required: true };
const JSON_OUTPUT: Option = { usage: 'Print JSON', type: 'boolean' };

/** The most that `sls jobs list` lists of each queue, and `sls campaign list` of campaigns. */
export const DEFAULT_LIMIT = 100;

/**
 * The project's own commands on `sls`, by their words. What they do is in runs.ts: Serverless loads this table with
 * every command of its own, and that only with ours.
 */
export const commands = {
  jobs: { usage: 'Look at jobs and decide about them' },
  'jobs list': {
    usage: 'List jobs: those that wait or are dead, or those of an hour',
    options: {
      queue: QUEUE,
      state: { usage: 'Only jobs in this state: queued, processing, held, dead; with --hour any', type: 'string' },
      hour: { usage: 'The hour (UTC) in which they were accepted, e.g. 2026-01-02T03', type: 'string' },
      limit: { usage: `The most to list of each queue, ${DEFAULT_LIMIT} without it`, type: 'string' },
      json: JSON_OUTPUT,
    },
  },
  'jobs show': {
    usage: 'Show a job: state, steps, error, history',
    positional: 'id',
    options: { id: ID, queue: QUEUE, json: JSON_OUTPUT },
  },
  'jobs retry': {
    usage: 'Bring a dead or cancelled job back into its queue',
    positional: 'id',
    options: { id: ID, queue: QUEUE },
  },
  'jobs cancel': {
    usage: 'Cancel a job that waits, in its queue or held',
    positional: 'id',
    options: { id: ID, queue: QUEUE },
  },
  'jobs settle': {
    usage: 'Say what became of a step that nobody could tell of; the job goes on',
    positional: 'id',
    options: {
      id: ID,
      step: { usage: 'Name of the step, see sls jobs show', type: 'string', required: true },
      as: { usage: 'done: it took effect; skipped: it did not, go on without it', type: 'string', required: true },
      queue: QUEUE,
    },
  },

  dlq: { usage: 'Look at dead-letter queues and redrive what is in them' },
  'dlq list': {
    usage: 'List the jobs in the dead-letter queues, and why they are there',
    options: { queue: QUEUE, json: JSON_OUTPUT },
  },
  'dlq redrive': {
    usage: 'Bring the dead jobs of a queue back into it: all, those of an error code, or one',
    options: {
      queue: QUEUE,
      code: { usage: 'Only jobs that died of this error code, e.g. ZendeskRejected', type: 'string' },
      id: { usage: 'Only this job', type: 'string' },
    },
  },
  'dlq discard': {
    usage: "Let a dead job's entry leave the dead-letter queue; the job stays dead",
    positional: 'id',
    options: { id: ID, queue: QUEUE },
  },

  reconcile: {
    usage: 'Prove that rows, records and dead-letter queues agree; exit code 2 where they do not',
    options: {
      queue: QUEUE,
      from: { usage: 'First hour (UTC), e.g. 2026-01-02T03; a day ago without it, 45 days at most', type: 'string' },
      to: { usage: 'Hour at which to end, now without it', type: 'string' },
      repair: { usage: 'Mend what follows from the rows, and run the reconciler once', type: 'boolean' },
      json: JSON_OUTPUT,
    },
  },

  campaign: { usage: 'Look at e-mail campaigns and decide about them' },
  'campaign list': {
    usage: 'List campaigns: those that have not ended, or those of a day',
    options: {
      day: { usage: 'The day (UTC) on which they were accepted, e.g. 2026-01-02', type: 'string' },
      limit: { usage: `The most to list, ${DEFAULT_LIMIT} without it`, type: 'string' },
      json: JSON_OUTPUT,
    },
  },
  'campaign report': {
    usage: 'Tell what became of each recipient of a campaign, counted anew',
    positional: 'id',
    options: { id: CAMPAIGN_ID, json: JSON_OUTPUT },
  },
  'campaign pause': {
    usage: 'Hold everything of a campaign that is not with SendGrid yet',
    positional: 'id',
    options: { id: CAMPAIGN_ID },
  },
  'campaign resume': {
    usage: 'Let a paused campaign go on where it was',
    positional: 'id',
    options: { id: CAMPAIGN_ID },
  },
  'campaign cancel': {
    usage: 'Send nothing more of a campaign, for good',
    positional: 'id',
    options: { id: CAMPAIGN_ID },
  },

  testflight: { usage: 'Manage testers' },
  'testflight invite': {
    usage: 'Invite the testers of a CSV file to an app; the same file again invites nobody twice',
    options: {
      app: { usage: "Apple's id of the app, digits", type: 'string', required: true },
      group: {
        usage: "Apple's id of the group that they come into, or several parted by commas",
        type: 'string',
        required: true,
      },
      file: { usage: 'The file; its header names email, firstName and lastName', type: 'string', required: true },
      json: JSON_OUTPUT,
    },
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;
