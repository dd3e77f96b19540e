import { knownQueue } from '../ops/operator';
import { overview } from '../ops/overview';
import { pauseQueue, resumeQueue } from '../ops/pause';
import { timeText } from '../text';
import type { Run } from './command';
import { required } from './options';
import { overviewLines } from './queues-text';

export const queuesRuns = {
  queues: async ({ options, out, deployment }) => {
    const figures = await overview(await deployment());
    if (options.json) out.json(figures);
    else out.lines(overviewLines(figures));
  },

  'queues pause': async ({ options, out, deployment, audited, sls }) => {
    const deps = await deployment();
    const name = knownQueue(deps, required(options, 'queue'));
    await audited();
    const { pause, again, resumeBefore } = await pauseQueue(deps, { queue: name, reason: required(options, 'reason') });
    const since = again ? `was paused before, since ${timeText(pause.at)} (UTC)` : 'is paused';
    out.line(`${name} ${since}: ${pause.reason}`);
    out.line(`Lambda stops within a minute. Jobs that it has received still run.`);
    out.note(
      `Resume it before ${timeText(resumeBefore)} (UTC). By then the oldest message has waited for half of the retention, at whose end SQS deletes it.`,
    );
    out.note(`To resume: ${sls(`queues resume --queue ${name}`)}`);
  },

  'queues resume': async ({ options, out, deployment, audited }) => {
    const deps = await deployment();
    const name = knownQueue(deps, required(options, 'queue'));
    await audited();
    const pause = await resumeQueue(deps, name);
    if (!pause) return out.line(`${name} was not paused. Lambda receives its messages.`);
    out.line(`${name} is resumed. ${pause.by} had paused it at ${timeText(pause.at)} (UTC): ${pause.reason}`);
  },
} satisfies Record<string, Run>;
