import { processPartialResponse, SqsFifoPartialProcessorAsync } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { confirmationOf } from '../../lib/feedback/confirmation';
import { type Feedback, feedbackSchema } from '../../lib/feedback/message';
import { ticketOf } from '../../lib/feedback/ticket';
import type { Objects, Table } from '../../lib/ports';
import type { Sendgrid } from '../../lib/vendors/sendgrid';
import type { Zendesk } from '../../lib/vendors/zendesk';

export type Handler = (event: SQSEvent) => Promise<SQSBatchResponse>;

export interface RivalPorts {
  table: Table;
  objects: Objects;
  zendesk: Zendesk;
  sendgrid: Sendgrid;
}

const TIMEOUT = { timeoutMs: 10_000 };

/**
 * A typical worker: ticket under an idempotency key, mail, status row, result object. It uses our adapters, so that the
 * vendors' libraries do not affect the comparison.
 */
export function usualWorker({ table, objects, zendesk, sendgrid }: RivalPorts) {
  return async ({ body }: Pick<SQSRecord, 'body'>): Promise<void> => {
    const { id, data } = JSON.parse(body) as { id: string; data: unknown };
    const feedback: Feedback = feedbackSchema.parse(data);
    const ticket = ticketOf({ id, data: feedback, uploads: [], tags: [] });
    const { id: ticketId } = await zendesk.createTicket(ticket, { ...TIMEOUT, idempotencyKey: id });
    const config = { from: { email: 'support@example.com' }, brand: 'Example' };
    await sendgrid.send(confirmationOf({ id, time: Date.now(), data: feedback, ticketId, config }), TIMEOUT);
    const key = `usual#${id}`;
    const stored = await table.get(key);
    const version = stored?.version ?? 0;
    await table.put({ key, version: version + 1, writer: id, state: 'succeeded', ticketId }, version);
    await objects.put(`usual/${id}.json`, JSON.stringify({ id, ticketId }), 'application/json');
  };
}

/** Runs one record after the other and reports those that throw. */
export function plainLoop(worker: (record: SQSRecord) => Promise<void>): Handler {
  return async ({ Records }) => {
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const record of Records) {
      if (batchItemFailures.length > 0) batchItemFailures.push({ itemIdentifier: record.messageId });
      else
        await worker(record).catch(() => {
          batchItemFailures.push({ itemIdentifier: record.messageId });
        });
    }
    return { batchItemFailures };
  };
}

/** Powertools' FIFO processor with its default settings. */
export function powertools(worker: (record: SQSRecord) => Promise<void>): Handler {
  return async (event) => {
    const processor = new SqsFifoPartialProcessorAsync();
    return processPartialResponse(event, worker, processor, {
      context: {} as Context,
      throwOnFullBatchFailure: false,
    }) as Promise<SQSBatchResponse>;
  };
}
