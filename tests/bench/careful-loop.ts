import { randomUUID } from 'node:crypto';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { AmbiguousError, JobError, PermanentError } from '../../lib/platform/errors';
import type { Item, Queues } from '../../lib/platform/ports';
import { feedbackSteps, type Handler, type Job, jobOf, type RivalPorts } from './rivals';

const STARTED = 'started';
type Step = 'ticket' | 'mail';
/** The row of a job. Each effect has a mark: none, `started`, or what the vendor answered. */
type Row = Item & Partial<Record<Step, string>>;
/** `lookUp`: what a call without an answer did. `undefined`: nothing. */
type Effect = { step: Step; call: () => Promise<string>; lookUp: () => Promise<string | undefined> };

/** For a FIFO queue that allows 1,000 receives. A failed message comes back every five minutes, for three days. */
export function carefulLoop({ queues, dlqUrl, ...ports }: RivalPorts & { queues: Queues; dlqUrl: string }): Handler {
  const { table, objects, zendesk } = ports;
  const { ticket, mail } = feedbackSteps(ports);

  async function mark(row: Row, step: Step, value: string | undefined): Promise<void> {
    const next: Row = { ...row, [step]: value, version: row.version + 1, writer: randomUUID() };
    if ((await table.put(next, row.version)) === 'conflict') throw new Error('another worker has the job');
    Object.assign(row, next);
  }

  async function once(row: Row, { step, call, lookUp }: Effect): Promise<string> {
    const before = row[step];
    if (before !== undefined && before !== STARTED) return before;
    const found = before === STARTED ? await lookUp() : await mark(row, step, STARTED);
    const undo = async (error: unknown): Promise<never> => {
      const didNothing = error instanceof JobError && !(error instanceof AmbiguousError);
      if (didNothing) await mark(row, step, undefined);
      throw error;
    };
    const answer = found ?? (await call().catch(undo));
    await mark(row, step, answer);
    return answer;
  }

  async function run(job: Job): Promise<void> {
    const { id } = job;
    const key = `careful#${id}`;
    const row: Row = (await table.get(key)) ?? { key, version: 0, writer: '' };
    const find = async () => (await zendesk.findTicket(id, { timeoutMs: 10_000 }))?.id;
    const ticketId = await once(row, { step: 'ticket', call: () => ticket(job), lookUp: find });
    const send = () => mail(job, ticketId).then(() => 'sent');
    // SendGrid cannot be asked, so a mail that may have left is not sent again.
    const sent = await once(row, { step: 'mail', call: send, lookUp: async () => 'unknown' });
    await objects.put(`careful/${id}.json`, JSON.stringify({ id, ticketId, mail: sent }), 'application/json');
  }

  /** Whether SQS may delete the message. */
  async function isDone({ body, messageId }: SQSRecord): Promise<boolean> {
    try {
      await run(jobOf(body));
    } catch (error) {
      const isHopeless = [PermanentError, SyntaxError, z.ZodError].some((kind) => error instanceof kind);
      if (!isHopeless) return false;
      const reason = error instanceof JobError ? error.code : 'InvalidBody';
      await queues.send(dlqUrl, { body, attributes: { reason }, groupId: messageId, deduplicationId: messageId });
    }
    return true;
  }

  return async ({ Records }) => {
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const record of Records)
      if (batchItemFailures.length > 0 || !(await isDone(record)))
        batchItemFailures.push({ itemIdentifier: record.messageId });
    return { batchItemFailures };
  };
}
