import { createClient, type ZendeskClientOptions } from 'node-zendesk';
import { type HttpAnswer, requestOk } from './http';

export interface ZendeskCall {
  /** `…/api/v2`, without a slash at the end. */
  endpoint: string;
  email: string;
  token: string;
  timeoutMs: number;
  headers?: Record<string, string>;
}

/**
 * A node-zendesk client for one call, on our own transport. The library's transport has no time-out. After an answer
 * with `Retry-After`, and after 502, 504 and 413, it resolves with an error object in place of the ticket. Never set
 * `debug`, which prints the Authorization header.
 */
export function zendeskClient({ endpoint, email, token, timeoutMs, headers }: ZendeskCall) {
  const options: ZendeskClientOptions = {
    endpointUri: endpoint,
    username: email,
    token,
    // Without this the library replaces our errors by errors without a status.
    throwOriginalException: true,
    // One client per call gives each call its own Idempotency-Key and time-out.
    customHeaders: headers ?? {},
    transportConfig: {
      transportFn: (url: string, { method, headers, body }: Request) =>
        requestOk({ method, url, headers, timeoutMs, ...(body === undefined ? {} : { body }) }),
      responseAdapter: (answer: HttpAnswer) => ({
        status: answer.status,
        statusText: '',
        // The library treats any answer with this header as a 429, even for a created ticket.
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

/** Removes the links to further pages. The library would follow them to any host with our credentials. */
function firstPage(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return { ...body, links: undefined, next_page: undefined };
}
