import type { Command, Option } from './command';

const QUEUE: Option = { usage: 'Queue, as in custom.queues', type: 'string', shortcut: 'q' };
const ID: Option = { usage: 'Id of the job', type: 'string', required: true };
const CAMPAIGN_ID: Option = { usage: 'Id of the campaign', type: 'string', required: true };
const JSON_OUTPUT: Option = { usage: 'Print JSON', type: 'boolean' };
const YES: Option = { usage: 'Skip the confirmation', type: 'boolean' };
const WRITES = { yes: YES, reason: { usage: 'Reason, for the audit', type: 'string' } } as const;

const FILTERS = {
  queue: QUEUE,
  state: { usage: 'State: queued, processing, held or dead. With hours: any state', type: 'string' },
  // WRITES has `reason`.
  'job-reason': { usage: 'Reason of the state, like throttled or error', type: 'string' },
  code: { usage: 'Error code, like ZendeskRejected', type: 'string' },
  vendor: { usage: 'Vendor that the job waits for or failed at, like zendesk', type: 'string' },
  group: { usage: 'Message group', type: 'string' },
  user: { usage: 'Id of the user of a feedback', type: 'string' },
  email: { usage: 'Address of the user of a feedback, if there is no user id', type: 'string' },
  correlation: { usage: 'Correlation id', type: 'string' },
  ticket: { usage: 'Zendesk ticket that the job made', type: 'string' },
  message: { usage: "SQS message id, or the vendor's id of a mail", type: 'string' },
  from: { usage: 'First hour (UTC) of acceptance, like 2026-01-02T03. At most 90 days ago', type: 'string' },
  to: { usage: 'End of these hours (UTC). Default: now', type: 'string' },
} as const satisfies Record<string, Option>;

const ONE_OR_MANY = { id: { ...ID, required: false }, ...FILTERS } as const satisfies Record<string, Option>;

/** Default limit of `sls jobs list` per queue, and of `sls campaign list`. */
export const DEFAULT_LIMIT = 100;

/** The same port each time, so that a bookmarked view stays valid. */
export const DEFAULT_CONSOLE_PORT = 3900;

/**
 * Our `sls` commands by name. Their code is in runs.ts, because Serverless loads this table for every command, and
 * runs.ts only for ours.
 */
export const commands = {
  'jobs list': {
    usage: 'List waiting and dead jobs, or the jobs that a search finds',
    options: {
      ...FILTERS,
      key: { usage: "Caller's idempotency key", type: 'string' },
      principal: { usage: 'Owner of --key. Default: the system', type: 'string' },
      limit: { usage: `Most jobs per queue. Default: ${DEFAULT_LIMIT}`, type: 'string' },
      json: JSON_OUTPUT,
    },
  },
  'jobs show': {
    usage: 'Show state, steps, error and history of a job',
    options: { id: ID, queue: QUEUE, json: JSON_OUTPUT },
  },
  'jobs retry': {
    usage: 'Send a dead or cancelled job back to its queue, or all that a filter finds',
    writes: true,
    options: {
      ...ONE_OR_MANY,
      data: { usage: 'JSON file with new data: sends a new job in place of one that did nothing', type: 'string' },
    },
  },
  'jobs cancel': {
    usage: 'Cancel a queued or held job, or all that a filter finds',
    writes: true,
    options: ONE_OR_MANY,
  },
  'jobs discard': {
    usage: 'Remove the DLQ entry of a dead job, or of all that a filter finds. The jobs stay dead',
    writes: true,
    options: ONE_OR_MANY,
  },
  'jobs settle': {
    usage: 'Record the outcome of an unknown step and resume the job',
    writes: true,
    options: {
      id: ID,
      step: { usage: 'Name of the step, as in sls jobs show', type: 'string', required: true },
      as: {
        usage: 'Outcome. done: it took effect. skipped: it did not, go on without it',
        type: 'string',
        required: true,
      },
      queue: QUEUE,
    },
  },

  queues: {
    usage: 'Show depth, held and dead jobs, throughput, vendors and firing alarms',
    options: { json: JSON_OUTPUT },
  },
  'queues pause': {
    usage: "Stop Lambda from receiving a queue's messages",
    writes: true,
    options: {
      queue: { ...QUEUE, required: true },
      reason: { usage: 'Why, in one line. Shown by alarms and sls queues', type: 'string', required: true },
    },
  },
  'queues resume': {
    usage: "Let Lambda receive a paused queue's messages again",
    writes: true,
    options: { queue: { ...QUEUE, required: true } },
  },

  'alarms test': {
    usage: 'Send a test message to the chat of the alarms',
    writes: true,
    options: {},
  },

  verify: {
    usage: "Check stored data against the service's guarantees. Exits with 2 if it finds violations",
    writes: 'repair',
    options: {
      from: { usage: 'First hour (UTC), like 2026-01-02T03. Default: a day ago. At most 90 days ago', type: 'string' },
      to: { usage: 'End of the hours (UTC). Default: now', type: 'string' },
      repair: { usage: 'Write missing records and DLQ entries again', type: 'boolean' },
      json: JSON_OUTPUT,
    },
  },

  'campaign list': {
    usage: 'List the campaigns that have not ended, or all of a day',
    options: {
      day: { usage: 'Day (UTC) of acceptance, like 2026-01-02', type: 'string' },
      limit: { usage: `Most campaigns. Default: ${DEFAULT_LIMIT}`, type: 'string' },
      json: JSON_OUTPUT,
    },
  },
  'campaign report': {
    usage: 'Count the recipients of a campaign by outcome',
    options: { id: CAMPAIGN_ID, json: JSON_OUTPUT },
  },
  'campaign pause': {
    usage: 'Hold what a campaign has not sent to SendGrid yet',
    writes: true,
    options: { id: CAMPAIGN_ID },
  },
  'campaign resume': {
    usage: 'Continue a paused campaign',
    writes: true,
    options: { id: CAMPAIGN_ID },
  },
  'campaign cancel': {
    usage: 'Stop a campaign for good. Mails under way may still be sent',
    writes: true,
    options: { id: CAMPAIGN_ID },
  },

  console: {
    usage: 'Serve a page with queues, jobs and campaigns on 127.0.0.1 until Ctrl-C',
    writes: 'write',
    options: {
      write: { usage: 'Allow actions. Without it the console only reads', type: 'boolean' },
      port: { usage: `Port on 127.0.0.1. Default: ${DEFAULT_CONSOLE_PORT}`, type: 'string' },
    },
  },

  'producer env': {
    usage: 'Print the variables that connect a producer to this deployment',
    options: {},
  },

  'testflight invite': {
    usage: 'Invite the testers in a CSV file to an app. Safe to repeat',
    writes: true,
    options: {
      app: { usage: "Apple's id of the app (digits)", type: 'string', required: true },
      group: { usage: "Apple's ids of the testers' groups, separated by commas", type: 'string', required: true },
      file: { usage: 'CSV file. Its header names email, firstName and lastName', type: 'string', required: true },
      json: JSON_OUTPUT,
    },
  },

  check: {
    usage: 'Check account, bucket, secrets and folder before a deployment',
    checksAccount: true,
    writes: 'live',
    options: {
      live: { usage: 'After a deployment: also send a canary through each queue and wait for it', type: 'boolean' },
      json: JSON_OUTPUT,
    },
  },
  instances: {
    usage: 'List the instance files and their deployments',
    offline: true,
    options: { json: JSON_OUTPUT },
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

/** Serverless's own commands that only read from AWS. */
export const READING = ['deploy list', 'deploy list functions', 'info', 'logs', 'metrics'];
/** Serverless's own commands that change a deployment, with our options. They ask before they change production, as ours do. */
export const GUARDED: Record<string, Record<string, Option>> = {
  deploy: { yes: YES, plan: { usage: 'Print what the deployment would change. Change nothing', type: 'boolean' } },
  'deploy function': { yes: YES },
  remove: { yes: YES, confirm: { usage: 'Name of the instance. --yes is not enough', type: 'string' } },
  rollback: { yes: YES },
  'rollback function': { yes: YES },
  invoke: { yes: YES },
};

/** All options of a command. What changes something can be confirmed in advance, and has a reason. */
export const optionsOf = ({ options, writes }: Command): Record<string, Option> => ({
  ...(writes && WRITES),
  ...options,
});
