import { once } from 'node:events';
import { health, type Problem } from '../../lib/operate/ops/health';
import { OperatorError } from '../../lib/operate/ops/operator';
import { needsZstd } from '../../lib/operate/ops/person';
import { duration } from '../../lib/platform/duration';
import { counted, isoTimes, timeText } from '../../lib/platform/text';
import { producerSettingsOf } from '../../resources/instances/instance';
import { chosenInstance } from '../../resources/instances/read';
import { type Command, count, HOURS, hour, JSON_OUTPUT } from './command';
import { tableText } from './terminal';

/** The same port each time, so that a bookmarked view stays valid. */
const CONSOLE_PORT = 3900;

const DAY_MS = 86_400_000;
/** A job waits up to 30 days for its time and 14 in its queue, and its row is kept for 45 days after its end. */
const LONGEST_DAYS = 90;
/** The exit code of `sls health` and `sls verify` if something is wrong. An error exits with 1. */
const PROBLEMS = 2;

export const service = {
  health: {
    usage: 'Say what is wrong and what to do next. Exits with 0 if healthy, 1 if it could not tell, 2 for problems',
    options: { json: JSON_OUTPUT },
    run: async ({ out, answer, connect, sls }) => {
      const { at, ...found } = await health(await connect());
      const complete = (problem: Problem) => ({ ...problem, next: sls(problem.next) });
      const [problems, notes] = [found.problems.map(complete), found.notes.map(complete)];
      const words = problems.length === 0 ? 'healthy' : counted(problems.length, 'problem');
      const lines = [...problems, ...notes].map((problem) => lineOf(problem, at));
      const verdict = problems.length === 0 ? 'healthy' : 'problems';
      answer(isoTimes({ verdict, at, problems, notes }), [`${words}, as of ${timeText(at)} (UTC)`, ...lines]);
      if (problems.length > 0) out.exitCode(PROBLEMS);
    },
  },

  verify: {
    usage:
      "Check stored data against the service's guarantees. Exits with 2 for violations, 1 if it could not check all",
    writes: 'repair',
    options: {
      ...HOURS,
      from: { usage: 'First hour (UTC), like 2026-01-02T03. Default: a day ago. At most 90 days ago', type: 'string' },
      repair: { usage: 'Write missing records and DLQ entries again', type: 'boolean' },
      json: JSON_OUTPUT,
    },
    run: async ({ options, out, answer, connect, audited }) => {
      needsZstd();
      const now = Date.now();
      const to = Math.min(hour(options, 'to') ?? now, now);
      const from = hour(options, 'from') ?? to - DAY_MS;
      if (from >= to) throw new OperatorError('--from must be in the past and before --to.');
      if (from < now - LONGEST_DAYS * DAY_MS)
        throw new OperatorError(`--from must be at most ${LONGEST_DAYS} days ago. Rows of older jobs are deleted.`);
      const deps = await connect();
      const { repair, verified } = require('../verify/instance') as typeof import('../verify/instance');
      const { findings, hidden } = await verified(deps.source, { from, to });
      const asked = options.repair === true && findings.length > 0;
      if (asked) await audited();
      const repaired = new Set(asked ? await repair(deps, { findings, hidden }) : []);
      const views = findings.map((one) => ({ ...one, repaired: repaired.has(one) }));
      const cells = views.map(({ kind, id, what, repaired }) => [kind, id, what, repaired ? 'repaired' : '']);
      const lines = [...tableText(['FINDING', 'ID', 'WHAT', ''], cells), `${counted(findings.length, 'finding')}.`];
      const left = `Not compared: DLQ entries of ${hidden.join(', ')}, which another reader hides. Verify again later.`;
      const head = hidden.length > 0 ? [left] : [];
      answer({ findings: views, hidden }, [...head, ...(findings.length === 0 ? ['No findings.'] : lines)]);
      if (!deps.source.zendesk)
        out.note('Zendesk was not asked for tickets: set ZENDESK_LOOKUP_TOKEN to an API token.');
      if (repaired.size > 0) out.note('The reconciler completes the repairs within minutes. Then verify again.');
      if (findings.length > repaired.size) out.exitCode(PROBLEMS);
      else if (hidden.length > 0) out.exitCode(1);
    },
  },

  console: {
    usage: 'Serve a page with queues, jobs and campaigns on 127.0.0.1 until Ctrl-C',
    writes: 'write',
    options: {
      write: { usage: 'Allow actions. Without it the console only reads', type: 'boolean' },
      port: { usage: `Port on 127.0.0.1. Default: ${CONSOLE_PORT}`, type: 'string' },
    },
    run: async ({ options, out, connect, target }) => {
      const port = count(options, 'port', { otherwise: CONSOLE_PORT, least: 0, most: 65_535 });
      const write = options.write === true;
      const { serveConsole } = require('../console/serve') as typeof import('../console/serve');
      const deps = { deployment: await connect(), target: await target(), write };
      const served = await serveConsole(deps, port).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        throw new OperatorError(`Port ${port} is in use. End the process that uses it, or choose another --port.`);
      });
      out.line(served.url);
      out.note(`${write ? 'Actions are allowed.' : 'It only reads. --write allows actions.'} Ctrl-C ends it.`);
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      await served.close();
    },
  },

  'alarms test': {
    usage: 'Send a test message to the chat of the alarms',
    writes: true,
    options: {},
    run: async ({ out, connect, sls }) => {
      const { instance, publishAlarm } = await connect();
      await publishAlarm({
        subject: 'A test of the alarms',
        text: 'An operator ran "sls alarms test". If you can read this, alarms reach this channel. There is nothing to do.',
      });
      out.line(`A test message is on its way from the topic ${instance}-alarms to the chat. It takes a few seconds.`);
      out.line(`If it does not arrive: ${sls('logs -f alarms --startTime 10m')}`);
    },
  },

  'producer env': {
    usage: 'Print the variables that connect a producer to this deployment',
    options: {},
    run: async ({ options, out, target }) => {
      const { instance, stage, region, account } = await target();
      const settings = JSON.stringify(producerSettingsOf(chosenInstance(options), account));
      const variables = { JOBS_INSTANCE: instance, AWS_REGION: region, JOBS_SETTINGS: settings };
      if (stage !== 'local') return out.lines(variableLines(variables));
      const { requireService } = require('./connect') as typeof import('./connect');
      const { awsVariables } = require('../local/connection') as typeof import('../local/connection');
      out.lines(variableLines({ ...variables, ...awsVariables(await requireService()) }));
    },
  },
} satisfies Record<string, Command>;

function lineOf({ subject, what, jobs, since, advice, next }: Problem, at: number): string {
  const parts = [subject === '' ? what : `${subject}: ${what}`];
  if (jobs && jobs.count > 0) parts.push(`${jobs.count}${jobs.more ? '+' : ''} ${jobs.count === 1 ? 'job' : 'jobs'}`);
  if (since !== undefined)
    parts.push(`since ${timeText(since)} (UTC), ${duration(Math.round((at - since) / 1000))} ago`);
  return `${parts.join(', ')}. ${advice} ${next}`;
}

/** For a shell or a file of variables. A quote, which the bucket's prefix may have, would end the value. */
export const variableLines = (variables: Record<string, string>): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}='${value.replaceAll("'", '\\u0027')}'`);
