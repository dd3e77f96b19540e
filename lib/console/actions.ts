import * as z from 'zod';
import { resolveStep } from '../ops/act';
import { statusOf } from '../ops/campaign-view';
import { decideCampaign } from '../ops/campaigns';
import type { Deployment } from '../ops/deployment';
import { JOB_ACTS, type JobAct } from '../ops/job-acts';
import { knownQueue, OperatorError, stateOf } from '../ops/operator';
import { pauseQueue, resumeQueue } from '../ops/pause';
import { replace } from '../ops/replace';
import { findJob } from '../ops/search';
import { isProduction, slsCommand, type Target, words } from '../target';
import { timeText } from '../text';
import { auditAction, type ConsoleDeps } from './deps';
import type { Preview } from './views';

/** `audited` stores who does it, and comes just before the change. */
interface How {
  audited: () => Promise<string>;
  reason: string;
}

/** An action on one job, queue or campaign: what `sls` does too, through the same function. */
interface Action<Input> {
  input: z.ZodType<Input>;
  /** The words of the `sls` command that does the same. */
  command(input: Input): string;
  /** What the page asks before it acts. */
  question(input: Input): string;
  /** Whether it needs the operator's reason everywhere, and not only in production. */
  needsReason?: true;
  /** Returns what happened. */
  run(deps: Deployment, input: Input, how: How): Promise<string>;
}

/** Checks that the parts of one action agree on its input. */
const action = <Input>(made: Action<Input>): Action<unknown> => made as unknown as Action<unknown>;
const job = z.strictObject({ queue: z.string(), id: z.string() });
const byId = z.strictObject({ id: z.string() });
const queueInput = z.strictObject({ queue: z.string() });

const jobAction = (act: JobAct, question: string) =>
  action({
    input: job,
    command: ({ id, queue }) => words`jobs ${act} ${id} --queue ${queue}`,
    question: () => question,
    run: async (deps, { queue, id }, { audited }) => {
      const row = await findJob(deps, id, queue);
      return `${id}: ${await JOB_ACTS[act]({ ...deps, audit: await audited() }, row)}`;
    },
  });

const campaignAction = (decision: 'pause' | 'resume' | 'cancel', question: string) =>
  action({
    input: byId,
    command: ({ id }) => words`campaign ${decision} ${id}`,
    question: () => question,
    run: async (deps, { id }, { audited }) => {
      const { before, after } = await decideCampaign(deps, id, decision, audited);
      return `Campaign ${id}: was ${statusOf(before)}, is ${statusOf(after)}.`;
    },
  });

const ACTIONS = {
  'job.retry': jobAction('retry', 'Send the job back to its queue? It continues at its first step without a result.'),
  'job.cancel': jobAction('cancel', 'Cancel the job? The effects of its finished steps remain.'),
  'job.discard': jobAction(
    'discard',
    'Remove its entry from the dead-letter queue? The job stays dead, and can be retried for 44 days.',
  ),
  'job.settle': action({
    input: job.extend({ step: z.string(), as: z.enum(['done', 'skipped']) }),
    command: ({ id, queue, step, as }) => words`jobs settle ${id} --step ${step} --as ${as} --queue ${queue}`,
    question: ({ step, as }) =>
      as === 'done'
        ? `Did ${step} take effect? The job continues as if the vendor had confirmed it.`
        : `Did ${step} not take effect, and must it not? The job continues without it.`,
    run: async (deps, { queue, id, step, as }, { audited }) => {
      const row = await findJob(deps, id, queue);
      const after = await resolveStep({ ...deps, audit: await audited() }, { row, step, as });
      return `${id}: ${step} is ${as}, the job is ${stateOf(after)}.`;
    },
  }),
  'job.edit': action({
    input: job.extend({ data: z.unknown() }),
    command: ({ id, queue }) => words`jobs retry ${id} --queue ${queue} --data data.json`,
    question: () => 'Send a new job with this data, in place of the old one?',
    run: async (deps, { queue, id, data }, { audited }) => {
      const row = await findJob(deps, id, queue);
      const made = await replace({ ...deps, audit: await audited() }, row, data);
      return `Sent again with other data as ${made.id}.`;
    },
  }),
  'queue.pause': action({
    input: queueInput,
    command: ({ queue }) => words`queues pause --queue ${queue} --reason "WHY"`,
    question: ({ queue }) => `Pause ${queue}? Lambda receives none of its messages until you resume it.`,
    needsReason: true,
    run: async (deps, { queue }, { audited, reason }) => {
      knownQueue(deps, queue);
      await audited();
      const { resumeBefore } = await pauseQueue(deps, { queue, reason });
      return `${queue} is paused. Resume it before ${timeText(resumeBefore)} (UTC).`;
    },
  }),
  'queue.resume': action({
    input: queueInput,
    command: ({ queue }) => words`queues resume --queue ${queue}`,
    question: ({ queue }) => `Resume ${queue}? Lambda receives its messages again.`,
    run: async (deps, { queue }, { audited }) => {
      knownQueue(deps, queue);
      await audited();
      await resumeQueue(deps, queue);
      return `${queue} is resumed.`;
    },
  }),
  'campaign.pause': campaignAction('pause', 'Hold everything of the campaign that was not sent to SendGrid yet?'),
  'campaign.resume': campaignAction('resume', 'Continue the campaign where it stopped?'),
  'campaign.cancel': campaignAction('cancel', 'Stop the campaign permanently? Nothing more is sent.'),
};

function parsed(name: string, input: unknown): { chosen: Action<unknown>; given: unknown } {
  const chosen = Object.hasOwn(ACTIONS, name) ? ACTIONS[name as keyof typeof ACTIONS] : undefined;
  if (!chosen) throw new OperatorError('There is no such action.');
  const { data, success } = chosen.input.safeParse(input);
  if (!success) throw new OperatorError('The input of the action is not valid.');
  return { chosen, given: data };
}

const needsReason = (chosen: Action<unknown>, target: Target): boolean => chosen.needsReason ?? isProduction(target);

/** What an action would ask, and the command that does the same. It changes nothing. */
export function previewAction({ target }: ConsoleDeps, name: string, input: unknown): Preview {
  const { chosen, given } = parsed(name, input);
  return {
    question: chosen.question(given),
    command: slsCommand(chosen.command(given), target),
    needsReason: needsReason(chosen, target),
  };
}

/** Does it. Before the change it stores who does it and why, which production demands. Returns what happened. */
export async function act(
  deps: ConsoleDeps,
  name: string,
  { input, reason }: { input: unknown; reason: string },
): Promise<string> {
  const { chosen, given } = parsed(name, input);
  if (!deps.write) throw new OperatorError('This console only reads. Start it with --write to allow actions.');
  if (needsReason(chosen, deps.target) && reason.trim() === '')
    throw new OperatorError('Give a reason, for the audit.');
  const audited = () => auditAction(deps, { action: name, arguments: { command: chosen.command(given) }, reason });
  return chosen.run(deps.deployment, given, { audited, reason });
}
