import * as z from 'zod';
import { jobKey } from '../../lib/engine/jobs/keys';
import type { JobRow } from '../../lib/engine/jobs/row';
import { type Act, replacing, SIMPLE_ACTIONS, type SimpleAction, settling, whyNot } from '../../lib/operate/ops/act';
import { type CampaignDecision, decideCampaign } from '../../lib/operate/ops/campaigns';
import { actOnEach, DONE, findMany, inOrder, kindsOf, outcomesOf } from '../../lib/operate/ops/many';
import { type Deployment, knownQueue, OperatorError } from '../../lib/operate/ops/operator';
import { limitVendor, pauseQueue, resumeQueue, tryVendor } from '../../lib/operate/ops/pause';
import { findJob } from '../../lib/operate/ops/search';
import { mapEach } from '../../lib/platform/concurrency';
import { isProduction, slsCommand, words } from '../../lib/platform/target';
import { counted, timeText } from '../../lib/platform/text';
import { emailsEnv } from '../../lib/queues/emails/config';
import { VENDORS } from '../../lib/queues/queues';
import { audited, type ConsoleDeps } from './deps';
import { filterOf, querySchema } from './jobs';
import { erased, erasureOf, personSchema } from './people';

/** An action on one job, queue or campaign: what `sls` does too, through the same function. */
interface Action {
  /** More than one, where one does not do the same. */
  command: string | string[];
  question: string | ((deps: Deployment) => Promise<string>);
  /** It cannot be undone. */
  danger?: boolean;
  /** Whether it needs the operator's reason everywhere, and not only in production. */
  needsReason?: true;
  /** `audited` stores who does it, and comes just before the change. `signal` ends once the reader goes away. */
  run(deps: Deployment, how: { audited(): Promise<string>; reason: string; signal: AbortSignal }): Promise<string>;
}

type ActionOf = (input: unknown, deps: Deployment) => Action;
const given =
  <Input>(schema: z.ZodType<Input>, actionOf: (input: Input, deps: Deployment) => Action): ActionOf =>
  (input, deps) =>
    actionOf(schema.parse(input), deps);

const job = z.strictObject({ queue: z.string(), id: z.string() });
const byId = z.strictObject({ id: z.string() });
const byQueue = z.strictObject({ queue: z.string() });

const doing =
  ({ queue, id }: z.infer<typeof job>, act: Act): Action['run'] =>
  async (deps, { audited }) => {
    const row = await findJob(deps, id, queue);
    return `${id}: ${await act({ ...deps, audit: await audited() }, row)}`;
  };

/** Whether the action lets jobs run. */
const isRun = (act: SimpleAction): boolean => act === 'retry' || act === 'resend';

const QUESTIONS: Record<SimpleAction, string> = {
  retry: 'Send the job back to its queue? It continues at its first step without a result.',
  resend: 'Send the mail that the job lacks? Nothing else of the job runs again.',
  cancel: 'Cancel the job? The effects of its finished steps remain.',
  discard:
    'Remove its entry from the dead-letter queue? The job stays dead, and can be retried while its body is kept.',
};

const jobAction = (act: SimpleAction) =>
  given(job, (of) => ({
    command: words`jobs ${act} ${of.id} --queue ${of.queue}`,
    question: QUESTIONS[act],
    danger: !isRun(act),
    run: doing(of, SIMPLE_ACTIONS[act]),
  }));

/** Without texts that may be a person's address: the audit object has the filter. */
const manyFilter = querySchema.omit({ q: true, by: true, after: true }).extend({ jobs: z.undefined().optional() });

type Find = (deps: Deployment, began: number) => Promise<JobRow[]>;

/** Jobs done to by the loop of the commands: how many and of which kinds is shown before, and how they ended after. */
const onEach = (act: SimpleAction, find: Find): Omit<Action, 'command'> => ({
  danger: !isRun(act),
  question: async (deps) => {
    const rows = await find(deps, deps.clock.now());
    if (rows.length === 0) throw new OperatorError(`None of these jobs can be ${DONE[act]}.`);
    const how = `20 a second. ${isRun(act) ? 'Then the outcomes are shown. ' : ''}Close this to stop it.`;
    const head = `${counted(rows.length, 'job')} will be ${DONE[act]}, ${how}`;
    return [head, ...kindsOf(rows).map(kindText)].join('\n');
  },
  run: async (deps, { audited, signal }) => {
    const began = deps.clock.now();
    const rows = await find(deps, began);
    const acting = { ...deps, audit: await audited() };
    const { done, refused, stopped } = await actOnEach(acting, rows, { action: act, began, signal });
    const now = isRun(act) ? kindsOf(await outcomesOf(deps, done, { signal })) : [];
    return [
      `${done.length} of ${counted(rows.length, 'job')} ${DONE[act]}${stopped ? ', then stopped' : ''}.`,
      ...now.map((kind) => `Now ${kindText(kind)}`),
      ...refused.map(({ id, why }) => `Refused: ${id}: ${why}`).slice(0, MOST_SHOWN),
    ].join('\n');
  },
});

/** A page of the list, twice. */
const selected = z.strictObject({ jobs: z.array(job).min(1).max(100) });

/** What the page shows of the jobs of a filter, or those that an operator selected there. */
const manyAction = (act: SimpleAction) =>
  given(z.union([selected, manyFilter]), (asked) => {
    if (asked.jobs) {
      const find: Find = async ({ ledger }, began) => {
        const rows = await mapEach(asked.jobs, READS_AT_ONCE, ({ queue, id }) => ledger.known(jobKey(queue, id)));
        return inOrder(rows.flatMap((row) => (row && whyNot[act](row, began) === undefined ? row : [])));
      };
      const commands = asked.jobs.map(({ queue, id }) => words`jobs ${act} ${id} --queue ${queue}`);
      return { command: commands, ...onEach(act, find) };
    }
    const options = Object.entries(asked).flatMap(([name, value]) =>
      value ? words`--${name === 'reason' ? 'job-reason' : name} ${value}` : [],
    );
    if (options.length === 0) throw new OperatorError('Give a filter: nothing is done to all jobs of an instance.');
    const find: Find = async (deps, began) => (await findMany(deps, act, filterOf(asked), { began })).rows;
    return { command: `jobs ${act} ${options.join(' ')}`, ...onEach(act, find) };
  });

const MOST_SHOWN = 20;
const READS_AT_ONCE = 16;
const kindText = ({ queue, state, code, jobs }: ReturnType<typeof kindsOf>[number]): string =>
  `${jobs} × ${queue} ${state} ${code}`;

const campaignAction = (decision: CampaignDecision, question: string) =>
  given(byId, ({ id }) => ({
    command: words`campaign ${decision} ${id}`,
    question,
    danger: decision === 'cancel',
    run: async (deps, { audited }) => `Campaign ${await decideCampaign(deps, id, decision, audited)}`,
  }));

const HOUR_MS = 3_600_000;
const LONGEST_HOURS = 24 * 365;
const ofVendor = z.strictObject({ vendor: z.enum(VENDORS), hours: z.coerce.number().int().min(1).max(LONGEST_HOURS) });

type Limited = z.infer<typeof ofVendor> & { perSecond?: number };

/** What an operator sets of a vendor, with its end. */
const limitAction = <L extends Limited>(schema: z.ZodType<L>, name: string, question: (limit: L) => string) =>
  given(schema, (limit) => {
    const { vendor, hours, perSecond } = limit;
    const to = perSecond === undefined ? '' : ` --to ${perSecond}`;
    return {
      command: `vendors ${name} ${vendor}${to} --for ${hours}h --reason "WHY"`,
      question: question(limit),
      needsReason: true,
      run: async (deps, { audited, reason }) => {
        const until = deps.clock.now() + hours * HOUR_MS;
        await audited();
        await limitVendor(deps, { vendor, perSecond, until, reason });
        return `${vendor} is limited until ${timeText(until)} (UTC). Workers obey within seconds.`;
      },
    };
  });

const ACTIONS: Record<string, ActionOf> = {
  ...Object.fromEntries(
    (Object.keys(SIMPLE_ACTIONS) as SimpleAction[]).flatMap((act) => [
      [`job.${act}`, jobAction(act)],
      [`jobs.${act}`, manyAction(act)],
    ]),
  ),
  'job.settle': given(job.extend({ step: z.string(), as: z.enum(['done', 'skipped']) }), ({ step, as, ...of }) => ({
    command: words`jobs settle ${of.id} --step ${step} --as ${as} --queue ${of.queue}`,
    danger: true,
    question:
      as === 'done'
        ? `Did ${step} take effect? The job continues as if the vendor had confirmed it.`
        : `Did ${step} not take effect, and must it not? The job continues without it.`,
    run: doing(of, settling(step, as)),
  })),
  'job.replace': given(job.extend({ data: z.unknown() }), ({ data, ...of }) => ({
    command: words`jobs retry ${of.id} --queue ${of.queue} --data data.json`,
    question: 'Send a new job with this data, in place of the old one?',
    run: doing(of, replacing(data)),
  })),
  'queue.pause': given(byQueue, ({ queue }, deps) => ({
    command: words`queues pause --queue ${knownQueue(deps, queue)} --reason "WHY"`,
    question: `Pause ${queue}? Lambda receives none of its messages until you resume it.`,
    needsReason: true,
    run: async (deps, { audited, reason }) => {
      await audited();
      const { resumeBefore } = await pauseQueue(deps, { queue, reason });
      return `${queue} is paused. Resume it before ${timeText(resumeBefore)} (UTC).`;
    },
  })),
  'queue.resume': given(byQueue, ({ queue }, deps) => ({
    command: words`queues resume --queue ${knownQueue(deps, queue)}`,
    question: `Resume ${queue}? Lambda receives its messages again.`,
    run: async (deps, { audited }) => {
      await audited();
      await resumeQueue(deps, queue);
      return `${queue} is resumed.`;
    },
  })),
  'vendor.try': given(z.strictObject({ vendor: z.enum(VENDORS) }), ({ vendor }) => ({
    command: words`vendors try ${vendor}`,
    question: `Let a job make the trial call to ${vendor} now? If it works, the circuit closes, and its jobs follow.`,
    run: (deps, { audited }) => tryVendor(deps, vendor, audited),
  })),
  'vendor.pause': limitAction(
    ofVendor,
    'pause',
    () => 'Stop all calls to the vendor? Its jobs are held until the end.',
  ),
  'vendor.rate': limitAction(
    ofVendor.extend({ vendor: z.literal('sendgrid'), perSecond: emailsEnv.shape.EMAIL_RATE }),
    'rate',
    ({ perSecond }) => `Send at most ${perSecond} mails a second, in place of the setting?`,
  ),
  'vendor.resume': given(z.strictObject({ vendor: z.enum(VENDORS) }), ({ vendor }) => ({
    command: words`vendors resume ${vendor}`,
    question: `End the pause of ${vendor} and its rate? The settings apply again.`,
    run: async ({ circuits }, { audited }) => {
      await audited();
      await circuits.limit(vendor, { paused: undefined, rate: undefined });
      return `No operator limits ${vendor} any more. Workers obey within seconds.`;
    },
  })),
  'person.erase': given(personSchema, (person) => ({
    // The audit object has it, so it has no name of a person.
    command: `privacy erase${person.email ? ' --email ADDRESS' : ''}${person.user ? ' --user ID' : ''}`,
    question: (deps) => erasureOf(deps, person),
    danger: true,
    needsReason: true,
    run: (deps, how) => erased(deps, person, how),
  })),
  'campaign.pause': campaignAction('pause', 'Hold everything of the campaign that was not sent to SendGrid yet?'),
  'campaign.resume': campaignAction('resume', 'Continue the campaign where it stopped?'),
  'campaign.cancel': campaignAction(
    'cancel',
    'Stop the campaign permanently? Mails under way still go out. The answer says how many.',
  ),
};

function chosen({ target, deployment }: ConsoleDeps, name: string, input: unknown) {
  const actionOf = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (!actionOf) throw new OperatorError('There is no such action.');
  const { command, needsReason = isProduction(target), ...action } = actionOf(input, deployment);
  return { ...action, needsReason, commands: [command].flat() };
}

export type Preview = Awaited<ReturnType<typeof previewAction>>;

/** What an action would ask, and the command that does the same. It changes nothing. */
export async function previewAction(deps: ConsoleDeps, name: string, input: unknown) {
  const { commands, question: asked, danger = false, needsReason } = chosen(deps, name, input);
  const question = typeof asked === 'string' ? asked : await asked(deps.deployment);
  const command = commands.map((one) => slsCommand(one, deps.target)).join('\n');
  return { question, command, danger, needsReason };
}

/** Does it. Before the change it stores who does it and why, which production demands. Returns what happened. */
export async function act(
  deps: ConsoleDeps,
  { action, input, reason }: { action: string; input: unknown; reason: string },
  signal: AbortSignal,
): Promise<string> {
  const { commands, needsReason, run } = chosen(deps, action, input);
  if (!deps.write) throw new OperatorError('This console only reads. Start it with --write to allow actions.');
  if (needsReason && reason.trim() === '') throw new OperatorError('Give a reason, for the audit.');
  const entry = { action, arguments: { command: commands.join('; ') }, reason };
  return run(deps.deployment, { audited: () => audited(deps, entry), reason, signal });
}
