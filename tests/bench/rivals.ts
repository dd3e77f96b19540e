import { processPartialResponse, SqsFifoPartialProcessorAsync } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { realSendgrid, type Sendgrid } from '../../lib/mail/sendgrid';
import { AmbiguousError } from '../../lib/platform/errors';
import type { Objects, Table } from '../../lib/platform/ports';
import { feedbackSchema } from '../../lib/queues/feedback/message';
import { confirmationOf, ticketOf } from '../../lib/queues/feedback/process';
import { realZendesk, type Zendesk } from '../../lib/queues/feedback/zendesk';

export type Handler = (event: SQSEvent) => Promise<SQSBatchResponse>;

/** Handles batches one after another. Throws if a message failed. */
export async function handleAll(handler: Handler, events: SQSEvent[]): Promise<void> {
  for (const event of events) {
    const { batchItemFailures } = await handler(event);
    if (batchItemFailures.length > 0) throw new Error('a message failed');
  }
}

export interface RivalPorts {
  table: Table;
  objects: Objects;
  zendesk: Zendesk;
  sendgrid: Sendgrid;
}

const TIMEOUT = { timeoutMs: 10_000 };

export const vendorsAt = (urls: { zendesk: string; sendgrid: string }, now: () => number = Date.now) => {
  const secret = async () => 'secret';
  return {
    zendesk: realZendesk({ endpoint: urls.zendesk, email: 'agent@example.com', token: secret, now }),
    sendgrid: realSendgrid({ endpoint: urls.sendgrid, apiKey: secret, instance: 'acme', now }),
  };
};

/**
 * The three effects of a feedback job. They use our adapters, so that the vendors' libraries do not affect the
 * comparison.
 */
export function feedbackSteps({ table, objects, zendesk, sendgrid }: RivalPorts) {
  return {
    async ticket({ id, data }: Job): Promise<string> {
      const ticket = ticketOf({ id, data, row: { time: Date.now() } }, [], []);
      return (await zendesk.createTicket(ticket, { ...TIMEOUT, idempotencyKey: id })).id;
    },
    async mail({ id, data }: Job, ticketId: string): Promise<void> {
      const config = { from: { email: 'support@example.com' }, brand: 'Example' };
      await sendgrid.send(confirmationOf({ id, data, row: { time: Date.now() } }, ticketId, config), TIMEOUT);
    },
    async result({ id }: Job, ticketId: string): Promise<void> {
      const key = `usual#${id}`;
      const stored = await table.get(key);
      const version = stored?.version ?? 0;
      await table.put({ key, version: version + 1, writer: id, state: 'succeeded', ticketId }, version);
      await objects.put(`usual/${id}.json`, JSON.stringify({ id, ticketId }), 'application/json');
    },
  };
}

export type Job = ReturnType<typeof jobOf>;

export function jobOf(body: string) {
  const { id, data } = JSON.parse(body) as { id: string; data: unknown };
  return { id, data: feedbackSchema.parse(data) };
}

/** How long a confirmation of this engine may wait: the default of an instance. */
export const CONFIRMATION_WAIT_MS = 86_400_000;

/** A typical worker: one effect after the other. */
export function usualWorker(ports: RivalPorts) {
  const { ticket, mail, result } = feedbackSteps(ports);
  return async ({ body }: Pick<SQSRecord, 'body'>): Promise<void> => {
    const job = jobOf(body);
    const ticketId = await ticket(job);
    await mail(job, ticketId);
    await result(job, ticketId);
  };
}

const REMAINING_MS = 45_000;
const DAY_SECONDS = 86_400;

interface Store {
  client: DynamoDBClient;
  table: string;
}

/** Powertools' idempotency in a table over HTTP. `id`: where the job's id is, which is the key for a day. */
function idempotency({ client, table }: Store, id: string) {
  const config = new IdempotencyConfig({ eventKeyJmesPath: id, expiresAfterSeconds: DAY_SECONDS });
  config.registerLambdaContext({ getRemainingTimeInMillis: () => REMAINING_MS } as Context);
  const persistenceStore = new DynamoDBPersistenceLayer({ tableName: table, keyAttr: 'key', awsSdkV3Client: client });
  return { persistenceStore, config };
}

/** The typical worker behind Powertools' idempotency. */
export const idempotent = (worker: (record: SQSRecord) => Promise<void>, store: Store) =>
  makeIdempotent(worker, idempotency(store, 'powertools_json(body).id'));

/** Each effect is idempotent for itself, and a mail that may have left counts as sent. */
export function idempotentEffects(ports: RivalPorts, store: Store): (record: SQSRecord) => Promise<void> {
  const steps = feedbackSteps(ports);
  // A store has one prefix.
  const optionsOf = (keyPrefix: string) => ({ ...idempotency(store, 'id'), keyPrefix });
  const ticket = makeIdempotent(steps.ticket, optionsOf('ticket'));
  const sent = async (job: Job, ticketId: string) => {
    await steps.mail(job, ticketId).catch((error: unknown) => {
      if (!(error instanceof AmbiguousError)) throw error;
    });
    return 'sent';
  };
  const mail = makeIdempotent(sent, optionsOf('mail'));
  return async ({ body }) => {
    const job = jobOf(body);
    const ticketId = await ticket(job);
    await mail(job, ticketId);
    await steps.result(job, ticketId);
  };
}

export function plainLoop(worker: (record: SQSRecord) => Promise<void>): Handler {
  return async ({ Records }) => {
    let done = 0;
    try {
      for (const record of Records) {
        await worker(record);
        done++;
      }
    } catch {
      // Lambda delivers this message and the later ones again.
    }
    return { batchItemFailures: Records.slice(done).map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

export function powertools(worker: (record: SQSRecord) => Promise<void>, { skipGroupOnError = false } = {}): Handler {
  return async (event) => {
    const processor = new SqsFifoPartialProcessorAsync();
    return processPartialResponse(event, worker, processor, {
      context: {} as Context,
      throwOnFullBatchFailure: false,
      skipGroupOnError,
    }) as Promise<SQSBatchResponse>;
  };
}
