import { randomUUID } from 'node:crypto';
import type { FeedbackInput } from '../../feedback/message';
import type { State } from '../../jobs/row';
import type { Service } from '../service';

/** What must have come of a job. */
export interface Expected {
  state: State;
  /** The error's code of a job that must be in the dead-letter queue. */
  deadLetter?: string;
  steps: Record<string, string>;
  /** Of what the worker says of a success. */
  result?: Record<string, string>;
  /** Times that it waited outside the queue. */
  holds?: number;
  tickets: number;
  mails: number;
}

/** One thing that happens to a job, and how it must end. */
export interface Scenario {
  title: string;
  /** Orders the failures that it will meet; `marker` is in its message and in every request about it. */
  prepare?(service: Service, marker: string): void;
  /** Hands it in; answers the job's id, and throws where the answer is not the right one. */
  send(client: Client, marker: string): Promise<string>;
  expected: Expected;
  /** What differs beside, in sentences. */
  also?(service: Service, marker: string): string[];
}

export interface PostOptions {
  headers?: Record<string, string>;
  /** Of the API; feedback's where there is none. */
  path?: string;
}

/** Speaks to the service as an API's client would. */
export interface Client {
  post(body: unknown, options?: PostOptions): Promise<{ status: number; json: Record<string, unknown> }>;
  /** Puts a message onto the feedback queue, past the API. */
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

/** A user of its own per scenario: a message group of its own, and text that all requests about the job carry. */
export const feedbackOf = (marker: string): FeedbackInput => ({
  user: { email: marker, name: 'Example User' },
  subject: 'The export button does nothing',
  message: 'I press Export and nothing happens.\nIt worked last week.',
  type: 'problem',
  tags: ['export'],
});

/** Posts and expects 202. */
export async function accepted(client: Client, body: unknown, options?: PostOptions): Promise<string> {
  const { status, json } = await client.post(body, options);
  if (status !== 202) throw new Error(`the API answered ${status} instead of 202`);
  return String(json.id);
}
