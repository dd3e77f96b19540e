import { randomUUID } from 'node:crypto';
import type { FeedbackInput } from '../../feedback/message';
import type { State } from '../../jobs/row';
import type { Service } from '../service';

/** The expected outcome of a job. */
export interface Expected {
  state: State;
  /** The error code of a job that must be in the DLQ. */
  deadLetter?: string;
  steps: Record<string, string>;
  /** Fields of the worker's result for a success. */
  result?: Record<string, string>;
  /** How often the job waited outside the queue. */
  holds?: number;
  tickets: number;
  mails: number;
}

/** One thing that happens to a job, and the expected outcome. */
export interface Scenario {
  title: string;
  /** Orders the failures that the job meets. Its message and every request about it contain `marker`. */
  prepare?(service: Service, marker: string): void;
  /** Sends the job and returns its id. Throws if the answer is wrong. */
  send(client: Client, marker: string): Promise<string>;
  expected: Expected;
  /** Returns further differences, as sentences. */
  also?(service: Service, marker: string): string[];
}

export interface PostOptions {
  headers?: Record<string, string>;
  /** Path of the API. The default is /feedback. */
  path?: string;
}

/** Calls the service like a client of the API. */
export interface Client {
  post(body: unknown, options?: PostOptions): Promise<{ status: number; json: Record<string, unknown> }>;
  /** Sends a message straight to the feedback queue, without the API. */
  enqueue(body: string, group: string): Promise<{ messageId: string }>;
}

export function httpClient({ api, ports, declared }: Service): Client {
  const queue = declared.mappings.find(({ functionKey }) => functionKey === 'feedback')?.queue;
  const url = declared.queues.find(({ name }) => name === queue)?.url ?? '';
  return {
    async post(body, { headers = {}, path = '/feedback' } = {}) {
      const answer = await fetch(api + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
    },
    enqueue: (body, groupId) => ports.queues.send(url, { body, groupId, deduplicationId: randomUUID() }),
  };
}

/** A job of its own user, so each scenario has its own message group. All requests about the job contain `marker`. */
export const feedbackOf = (marker: string): FeedbackInput => ({
  user: { email: marker, name: 'Example User' },
  subject: 'The export button does nothing',
  message: 'I press Export and nothing happens.\nIt worked last week.',
  type: 'problem',
  tags: ['export'],
});

/** Posts a job and expects 202. */
export async function accepted(client: Client, body: unknown, options?: PostOptions): Promise<string> {
  const { status, json } = await client.post(body, options);
  if (status !== 202) throw new Error(`the API answered ${status} instead of 202`);
  return String(json.id);
}
