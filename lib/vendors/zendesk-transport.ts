import { createClient, type ZendeskClientOptions } from 'node-zendesk';
import { type HttpAnswer, NotOk, request } from './http';

export interface ZendeskCall {
  /** `…/api/v2`, without a slash at its end. */
  endpoint: string;
  email: string;
  token: string;
  timeoutMs: number;
  headers?: Record<string, string>;
}

/**
 * A node-zendesk client for one call, on our own transport. By itself the library has no time-out and resolves with an
 * error object as if it were the ticket: after any answer with `Retry-After`, and after 502, 504 and 413.
 * Never give it `debug`: it would print the Authorization header.
 */
export function zendeskClient({ endpoint, email, token, timeoutMs, headers }: ZendeskCall) {
  const options: ZendeskClientOptions = {
    endpointUri: endpoint,
    username: email,
    token,
    // Else it replaces our errors by ones without a status.
    throwOriginalException: true,
    // One client per call is what lets each have an Idempotency-Key and a time-out of its own.
    customHeaders: headers ?? {},
    transportConfig: {
      transportFn: async (url: string, { method, headers, body }: Request) => {
        const answer = await request({ method, url, headers, timeoutMs, ...(body === undefined ? {} : { body }) });
        if (answer.status < 200 || answer.status > 299) throw new NotOk(answer);
        return answer;
      },
      responseAdapter: (answer: HttpAnswer) => ({
        status: answer.status,
        statusText: '',
        // It takes any answer with this header for a 429, a created ticket included.
        headers: { get: (name: string) => (name === 'retry-after' ? null : answer.headers[name]) },
        json: async () => firstPage(answer.body),
      }),
    },
  };
  return createClient(options);
}

interface Request {
  method: string;
  headers: Record<string, string>;
  body?: string;
}

/** Without its links to further pages, which the library would follow, credentials in hand, wherever they lead. */
function firstPage(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return { ...body, links: undefined, next_page: undefined };
}

/** Basic authentication by API token. */
export const authorization = (email: string, token: string): string =>
  `Basic ${Buffer.from(`${email}/token:${token}`).toString('base64')}`;
