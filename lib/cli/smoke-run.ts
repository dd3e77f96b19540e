import { EMAILS_QUEUE } from '../emails/message';
import { isEnd, type JobRow } from '../jobs/row';
import { type OperatorDeps, OperatorError, stateOf } from '../ops/operator';
import { type Probe, sendCanaries, waitForEnds } from '../ops/smoke';
import { InvalidJobError } from '../producer/errors';
import { createProducer } from '../producer/producer';
import { counted } from '../text';
import type { Run } from './command';
import { isDryRun } from './dry-run';
import { count, queues, required, text } from './options';
import { tableText } from './text';

/** Seconds. A cold start with a full batch before it takes far less. */
const LONGEST_WAIT = 120;

/** The code of `sls smoke`. */
export const smokeRun: Run = async ({ options, out, operator, audited, target }) => {
  const deps = await operator();
  const wait = count(options, 'wait', LONGEST_WAIT);
  const to = text(options, 'mail');
  const mail = to === undefined ? undefined : { to, from: required(options, 'from') };
  await audited();
  const probes = await sendCanaries(deps, queues(options, deps));
  if (mail) probes.push(await sendMail(deps, mail, target.instance));
  out.note(`${counted(probes.length, 'job')} sent.`);
  if (isDryRun(options)) return;
  const rows = await waitForEnds(deps, probes, wait * 1000);
  const seen = probes.map((probe, index) => view(probe, rows[index]));
  if (options.json) out.json({ jobs: seen });
  else {
    const cells = seen.map(({ queue, id, state, seconds }) => [queue, id, state, seconds?.toFixed(1) ?? '']);
    for (const line of tableText(['QUEUE', 'ID', 'STATE', 'SECONDS'], cells)) out.line(line);
  }
  const [first, ...more] = seen.filter(({ state }) => state !== 'succeeded');
  if (!first) return;
  throw new OperatorError(
    `${counted(more.length + 1, 'job')} did not succeed within ${wait} s. See the log of ${first.queue}:`,
    `logs -f ${first.queue} --startTime 10m`,
  );
};

/** One real mail. Its vendor is called. */
async function sendMail(
  deps: OperatorDeps,
  { from, to }: { from: string; to: string },
  instance: string,
): Promise<Probe> {
  const producer = createProducer({ ...deps, source: '/sls/smoke' });
  try {
    const { id } = await producer.email({
      from: { email: from },
      to: { email: to },
      subject: `Test mail of ${instance}`,
      text: `An operator sent this mail with sls smoke, to see whether ${instance} works.`,
    });
    return { queue: EMAILS_QUEUE, id };
  } catch (error) {
    if (error instanceof InvalidJobError) throw new OperatorError(error.message);
    throw error;
  }
}

function view({ queue, id }: Probe, row: JobRow | undefined) {
  const ms = row && isEnd(row.state) ? (row.endedAt ?? 0) - (row.sentAt ?? row.createdAt) : undefined;
  return { queue, id, state: row ? stateOf(row) : 'no row', ...(ms === undefined ? {} : { seconds: ms / 1000 }) };
}
