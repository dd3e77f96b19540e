import type { Command, Option } from './command';

const QUEUE: Option = { usage: 'Name of the queue in custom.queues', type: 'string', shortcut: 'q' };
const ID: Option = { usage: 'Id of the job', type: 'string', required: true };
const CAMPAIGN_ID: Option = { usage: 'Id of the campaign', type: 'string', required: true };
const JSON_OUTPUT: Option = { usage: 'Print JSON', type: 'boolean' };
const YES: Option = { usage: 'Change production without a question', type: 'boolean' };
/** The options of a command that changes something. */
const WRITES = {
  yes: YES,
  reason: { usage: 'Why, for the audit', type: 'string' },
} as const;

/** The options that select jobs. */
const FILTERS = {
  queue: QUEUE,
  state: { usage: 'Only jobs in this state: queued, processing, held, dead. With hours: any', type: 'string' },
  // WRITES has `reason`.
  'job-reason': { usage: 'Only jobs with this reason, like throttled or error', type: 'string' },
  code: { usage: 'Only jobs with this error code, like ZendeskRejected', type: 'string' },
  vendor: { usage: 'Only jobs that wait for this vendor or failed there, like zendesk', type: 'string' },
  group: { usage: 'Only jobs of this message group', type: 'string' },
  user: { usage: 'Only feedback of the user with this id', type: 'string' },
  email: { usage: 'Only feedback of the user with this address and without an id', type: 'string' },
  correlation: { usage: 'Only jobs with this correlation id', type: 'string' },
  ticket: { usage: 'Only jobs that made this Zendesk ticket', type: 'string' },
  message: { usage: "Only jobs with this message id of SQS, or this vendor's id of a mail", type: 'string' },
  from: {
    usage: 'First hour (UTC) in which the jobs were accepted, like 2026-01-02T03. At most 90 days ago',
    type: 'string',
  },
  to: { usage: 'Hour (UTC) at which to end. Needs --from. Default: now', type: 'string' },
} as const satisfies Record<string, Option>;

/** One job by its id, or the jobs of a filter. */
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
  jobs: { usage: 'List, show, retry, cancel and settle jobs' },
  'jobs list': {
    usage: 'List the jobs that are waiting or dead, the jobs of some hours, or the jobs of a person',
    options: {
      ...FILTERS,
      hour: { usage: 'The hour (UTC) in which the jobs were accepted, like 2026-01-02T03', type: 'string' },
      key: { usage: "The caller's idempotency key", type: 'string' },
      principal: { usage: 'The owner of --key. Default: the system', type: 'string' },
      limit: { usage: `How many jobs to list per queue. Default: ${DEFAULT_LIMIT}`, type: 'string' },
      json: JSON_OUTPUT,
    },
  },
  'jobs show': {
    usage: 'Show the state, steps, error and history of a job',
    positional: 'id',
    options: { id: ID, queue: QUEUE, json: JSON_OUTPUT },
  },
  'jobs retry': {
    usage: 'Send a dead or cancelled job back to its queue, or all that a filter finds',
    positional: 'id',
    writes: true,
    options: {
      ...ONE_OR_MANY,
      body: {
        usage: 'File with the body that the job was sent with, if its kept body is damaged or gone',
        type: 'string',
      },
      data: {
        usage: 'File with other data (JSON). A new job takes the place of this one, which must have done nothing',
        type: 'string',
      },
      'from-start': {
        usage: 'Run a damaged job that lost what it had done. Check first that it did nothing',
        type: 'boolean',
      },
      ...WRITES,
    },
  },
  'jobs cancel': {
    usage: 'Cancel a queued or held job, or all that a filter finds',
    positional: 'id',
    writes: true,
    options: { ...ONE_OR_MANY, ...WRITES },
  },
  'jobs discard': {
    usage: 'Remove the dead-letter queue entry of a dead job, or of all that a filter finds. The jobs stay dead',
    positional: 'id',
    writes: true,
    options: { ...ONE_OR_MANY, ...WRITES },
  },
  'jobs settle': {
    usage: 'Say what an unknown step did, so that the job continues',
    positional: 'id',
    writes: true,
    options: {
      id: ID,
      step: { usage: 'Name of the step. sls jobs show lists them', type: 'string', required: true },
      as: { usage: 'done: it took effect. skipped: it did not, continue without it', type: 'string', required: true },
      queue: QUEUE,
      ...WRITES,
    },
  },

  queues: {
    usage: 'Show all queues: depth, held and dead jobs, throughput, vendors, alarms that are firing',
    options: {
      json: JSON_OUTPUT,
      watch: { usage: 'Show them again every 5 seconds until you press Ctrl-C', type: 'boolean' },
    },
  },
  'queues pause': {
    usage: 'Stop Lambda from receiving the messages of a queue',
    writes: true,
    options: {
      ...WRITES,
      queue: { ...QUEUE, required: true },
      reason: { usage: 'Why, in one line. Alarms and sls queues show it', type: 'string', required: true },
    },
  },
  'queues resume': {
    usage: 'Let Lambda receive the messages of a paused queue again',
    writes: true,
    options: { queue: { ...QUEUE, required: true }, ...WRITES },
  },

  smoke: {
    usage: 'Send a job without work through each queue, and wait for its end. Calls a vendor only with --mail',
    writes: true,
    options: {
      queue: QUEUE,
      wait: { usage: 'Seconds to wait at most. Default: 120', type: 'string' },
      mail: { usage: 'Also send one real mail to this address. Needs --from', type: 'string' },
      from: { usage: "The sender's address of that mail", type: 'string' },
      json: JSON_OUTPUT,
      ...WRITES,
    },
  },

  alarms: { usage: 'Test the alarms' },
  'alarms test': {
    usage: 'Send one test message to the chat of the alarms',
    writes: true,
    options: { ...WRITES },
  },

  verify: {
    usage: "Check stored data against the service's guarantees. Exits with 2 if it finds violations",
    writes: 'repair',
    options: {
      from: { usage: 'First hour (UTC), like 2026-01-02T03. Default: a day ago. At most 90 days ago', type: 'string' },
      to: { usage: 'Hour (UTC) at which to end. Default: now', type: 'string' },
      repair: { usage: 'Let the reconciler write missing records and DLQ entries again', type: 'boolean' },
      json: JSON_OUTPUT,
      ...WRITES,
    },
  },

  campaign: { usage: 'List, report, pause, resume and cancel e-mail campaigns' },
  'campaign list': {
    usage: 'List the campaigns that have not ended, or all campaigns of a day',
    options: {
      day: { usage: 'The day (UTC) on which the campaigns were accepted, like 2026-01-02', type: 'string' },
      limit: { usage: `How many campaigns to list. Default: ${DEFAULT_LIMIT}`, type: 'string' },
      json: JSON_OUTPUT,
    },
  },
  'campaign report': {
    usage: 'Count the recipients of a campaign by outcome',
    positional: 'id',
    options: { id: CAMPAIGN_ID, json: JSON_OUTPUT },
  },
  'campaign pause': {
    usage: 'Hold everything of a campaign that was not sent to SendGrid yet',
    positional: 'id',
    writes: true,
    options: { id: CAMPAIGN_ID, ...WRITES },
  },
  'campaign resume': {
    usage: 'Continue a paused campaign where it stopped',
    positional: 'id',
    writes: true,
    options: { id: CAMPAIGN_ID, ...WRITES },
  },
  'campaign cancel': {
    usage: 'Stop a campaign permanently. Nothing more is sent',
    positional: 'id',
    writes: true,
    options: { id: CAMPAIGN_ID, ...WRITES },
  },

  console: {
    usage: 'Show queues, jobs, dead jobs and campaigns in a browser, on 127.0.0.1 only. Ctrl-C ends it',
    writes: 'write',
    options: {
      write: { usage: 'Allow actions. Without it the console only reads', type: 'boolean' },
      port: { usage: `Port on 127.0.0.1. Default: ${DEFAULT_CONSOLE_PORT}`, type: 'string' },
      ...WRITES,
    },
  },

  producer: { usage: 'Print the configuration of producers' },
  'producer env': {
    usage: 'Print the variables that connect a producer to this deployment. Stage local: also the endpoints',
    options: {},
  },

  testflight: { usage: 'Manage testers' },
  'testflight invite': {
    usage: 'Invite the testers in a CSV file to an app. You can repeat the command without harm',
    writes: true,
    options: {
      app: { usage: "Apple's id of the app (digits)", type: 'string', required: true },
      group: {
        usage: "Apple's id of the group for the testers, or several separated by commas",
        type: 'string',
        required: true,
      },
      file: { usage: 'The CSV file. Its header names email, firstName and lastName', type: 'string', required: true },
      json: JSON_OUTPUT,
      ...WRITES,
    },
  },

  check: {
    usage: 'Check the account before a deployment: bucket, secrets, folder. Changes nothing',
    checksAccount: true,
    options: { json: JSON_OUTPUT },
  },
  instances: {
    usage: 'List the files of instances/, and what is deployed of each',
    offline: true,
    options: { json: JSON_OUTPUT },
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

/** Serverless's own commands that change a deployment. They ask before they change production, as ours do. */
export const GUARDED = ['deploy', 'deploy function', 'remove', 'rollback', 'rollback function', 'invoke'];
export const GUARDED_OPTIONS = { yes: YES };
/** More options of some of them. */
export const MORE_OPTIONS = {
  deploy: { plan: { usage: 'Print what the deployment would change. Change nothing', type: 'boolean' } },
  remove: { confirm: { usage: 'Name of the instance. --yes is not enough', type: 'string' } },
} as const;
