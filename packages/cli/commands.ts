import { analytics } from './analytics';
import { checks } from './check';
import { type Command, type Option, YES } from './command';
import { jobs } from './jobs';
import { mails } from './mails';
import { privacy } from './privacy';
import { queues } from './queues';
import { reports } from './report';
import { service } from './service';
import { testflight } from './testflight';

const all = {
  ...jobs,
  ...queues,
  ...mails,
  ...analytics,
  ...service,
  ...testflight,
  ...privacy,
  ...checks,
  ...reports,
};

export type CommandName = keyof typeof all;

/** Our `sls` commands, in the order of --help. Every `sls` call loads it, so a command imports clients when it runs. */
export const commands: Record<CommandName, Command> = all;

/** Serverless's own commands that only read from AWS. */
export const READING = ['deploy list', 'deploy list functions', 'info', 'logs', 'metrics'];
/** Serverless's own commands that would change a deployment without our checks. They are refused. */
export const UNCHECKED = ['deploy function', 'rollback', 'rollback function'];
/** Serverless's own commands that change a deployment, with our options. Like ours, they ask first in production. */
export const GUARDED: Record<string, Record<string, Option>> = {
  deploy: { yes: YES, plan: { usage: 'Print what the deployment would change. Change nothing', type: 'boolean' } },
  remove: { yes: YES, confirm: { usage: 'Name of the instance. --yes is not enough', type: 'string' } },
  invoke: { yes: YES },
};

/** All options of a command. What changes something can be confirmed in advance, and has a reason. */
export const optionsOf = ({ options, writes, reads }: Command): Record<string, Option> => ({
  ...(writes && { yes: YES }),
  ...((writes || reads) && { reason: { usage: 'Reason, for the audit', type: 'string' } }),
  ...options,
});
