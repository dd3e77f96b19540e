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
  /** Sends the job and returns its id. Throws if the answer is wrong. The default is feedback of its own user. */
  send?(client: Client, marker: string): Promise<string>;
  expected: Expected;
}

/** Calls the service like a client of the API. */
export interface Client {
  post(body: unknown, headers?: Record<string, string>): Promise<{ status: number; json: Record<string, unknown> }>;
  /** Posts a job to a path, /feedback by default. Expects 202 and returns the job's id. */
  accepted(body: unknown, options?: { headers?: Record<string, string>; path?: string }): Promise<string>;
  /** Sends a message straight to the feedback queue, without the API. */
  enqueue(body: string, group: string): Promise<{ messageId: string }>;
}

export function httpClient({ api, ports, declared }: Service): Client {
  const queue = declared.mappings.find(({ functionKey }) => functionKey === 'feedback')?.queue;
  const url = declared.queues.find(({ name }) => name === queue)?.url ?? '';
  const post = async (body: unknown, headers: Record<string, string> = {}, path = '/feedback') => {
    const answer = await fetch(api + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };
  return {
    post,
    async accepted(body, { headers, path } = {}) {
      const { status, json } = await post(body, headers, path);
      if (status !== 202) throw new Error(`the API answered ${status} instead of 202`);
      return String(json.id);
    },
    enqueue: (body, groupId) => ports.queues.send(url, { body, groupId, deduplicationId: randomUUID() }),
  };
}

/** Feedback of its own user, so that each scenario has its own message group. */
export const feedbackOf = (marker: string): FeedbackInput => ({
  user: { email: marker, name: 'Example User' },
  subject: 'The export button does nothing',
  message: 'I press Export and nothing happens.\nIt worked last week.',
  type: 'problem',
  tags: ['export'],
});
