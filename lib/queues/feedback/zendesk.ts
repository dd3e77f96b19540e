import { createClient } from 'node-zendesk';
import * as z from 'zod';
import { AmbiguousError, type ErrorDetails, PermanentError, refusesRequest } from '../../platform/errors';
import {
  type Attempt,
  basicAuthorization,
  type CallOptions,
  type Dialect,
  fieldName,
  type HttpAnswer,
  type HttpRequest,
  requestOk,
  vendorCalls,
} from '../../platform/http';
import type { Secret } from '../../platform/ports';

/** A ticket in Zendesk's own form: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/ */
export interface Ticket {
  /** The job's id, which identifies the ticket later. */
  external_id: string;
  subject: string;
  /** Plain text. `uploads`: tokens from `upload`. */
  comment: { body: string; uploads?: readonly string[] | undefined };
  /** Zendesk finds or creates the user by the address. Without it, the API's account is the requester. */
  requester?: { name: string; email: string } | undefined;
  tags?: readonly string[] | undefined;
  priority?: 'urgent' | 'high' | 'normal' | 'low' | undefined;
  type?: 'problem' | 'incident' | 'question' | 'task' | undefined;
  custom_fields?: readonly { id: number; value: string | number | boolean | string[] }[] | undefined;
  /** Opaque ids for the ticket's audit, which agents see as its metadata. */
  metadata?: Record<string, string> | undefined;
}

type UploadedFile = { name: string; contentType: string; bytes: Uint8Array };

interface ZendeskConfig {
  /** `https://{subdomain}.zendesk.com/api/v2`, or the URL of a fake. */
  endpoint: string;
  email: string;
  token: Secret;
  now?: () => number;
}

const refused = z.object({ details: z.record(z.string(), z.unknown()) });

/** What a ticket can be made without, by the names that Zendesk gives to it. */
const PARTS = {
  requester: /requester|suspended|user|email/i,
  customFields: /field/i,
  tags: /tag/i,
  priority: /priority/i,
  type: /type/i,
  files: /upload|attachment/i,
} as const;
export type TicketPart = keyof typeof PARTS;
export const TICKET_PARTS = Object.keys(PARTS) as TicketPart[];
/** What every ticket has. */
const NEEDED = /subject|comment|description|external_id/i;

/** Zendesk refuses a ticket. `parts`: those that it names, if a ticket can be made without them. */
export class TicketRefusedError extends PermanentError {
  readonly parts: readonly TicketPart[];
  /** Whether it names what every ticket has, and nothing else. */
  readonly isFinal: boolean;

  constructor(error: ErrorDetails, details: Record<string, unknown>) {
    super(error);
    const names = Object.entries(details).flatMap(([name, list]) => (name === 'base' ? labelsOf(list) : [name]));
    this.parts = TICKET_PARTS.filter((part) => names.some((name) => PARTS[part].test(name)));
    this.isFinal = this.parts.length === 0 && names.length > 0 && names.every((name) => NEEDED.test(name));
  }
}

/** The first words of descriptions, such as "Attachment" of "Attachment: the token has expired". The rest may be personal. */
const descriptions = z.array(z.object({ description: z.string() }));
const labelsOf = (list: unknown): string[] =>
  (descriptions.safeParse(list).data ?? []).map(({ description }) => description.replace(/:.*/s, ''));

export const zendesk: Dialect = {
  vendor: 'zendesk',
  prefix: 'Zendesk',
  // No status alone proves that a 5xx had no effect. A 503 with Retry-After had none, and is a WaitError.
  doubtful: new Set([408, 409]),
  // The paths are fixed, so a 404 means a wrong or closed subdomain.
  aboutUs: new Set([402, 404, 405]),
  field: (body) => fieldName(Object.keys(refused.safeParse(body).data?.details ?? {})[0]),
  refined: (error, { status, body }, effect) => {
    if (effect !== 'once') return undefined;
    const isReused = status === 400 && (body === undefined || /"IdempotentRequestError"/.test(JSON.stringify(body)));
    if (!isReused)
      return refusesRequest(error)
        ? new TicketRefusedError(error, refused.safeParse(body).data?.details ?? {})
        : undefined;
    // The key was used with another body, so a ticket exists and the worker looks it up. Zendesk puts the name into
    // `error` or into its `title`, and the name appears nowhere else as a value. A body that broke off may hold it.
    const message = 'the job may have created a ticket with another body';
    return new AmbiguousError({ code: 'IdempotentRequestError', message, vendor: 'zendesk', status });
  },
};

const id = z.union([z.number().int(), z.string().min(1)]).transform(String);
const created = z.object({ result: z.object({ id }) });
/** A list with other tickets does not answer a lookup, so it does not prove that there is no ticket. */
const foundOf = (externalId: string) => z.array(z.object({ id, external_id: z.literal(externalId) }));
const me = z.object({ user: z.object({ id }) });
const uploaded = z.object({ upload: z.object({ token: z.string().min(1) }) });

/** The ticketing system. Every method rejects with a JobError that names no value and holds no request. */
export type Zendesk = ReturnType<typeof realZendesk>;

export function realZendesk({ endpoint, email, token, now = Date.now }: ZendeskConfig) {
  const base = endpoint.replace(/\/+$/, '');
  const calling = vendorCalls({ dialect: zendesk, secret: token, now });

  /** A client for one call. Never set `debug`, which prints the Authorization header. */
  const clientFor = ({ secret, timeoutMs }: Attempt, customHeaders: Record<string, string> = {}) =>
    createClient({
      endpointUri: base,
      username: email,
      token: secret,
      // Without this the library replaces our errors by errors without a status.
      throwOriginalException: true,
      customHeaders,
      transportConfig: transportWithin(timeoutMs),
    });

  return {
    /** A repeat with the same key and ticket within two hours answers the id of the first ticket. */
    createTicket: (ticket: Ticket, { idempotencyKey, timeoutMs }: CallOptions & { idempotencyKey: string }) =>
      calling('once', timeoutMs, async (attempt) => {
        const { tickets } = clientFor(attempt, { 'Idempotency-Key': idempotencyKey });
        const answer = await tickets.create({ ticket } as Parameters<typeof tickets.create>[0]);
        return { id: created.parse(answer).result.id };
      }),

    /** The oldest ticket with this external id. `undefined` only if Zendesk says that there is none. */
    findTicket: (externalId: string, { timeoutMs }: CallOptions): Promise<{ id: string } | undefined> =>
      calling('repeatable', timeoutMs, async (attempt) => {
        const answer = await clientFor(attempt).tickets.listWithFilter('external_id', externalId);
        const [oldest] = foundOf(externalId)
          .parse(answer)
          .sort((a, b) => Number(a.id) - Number(b.id));
        return oldest && { id: oldest.id };
      }),

    /** Asks who we are. */
    probe: ({ timeoutMs }: CallOptions): Promise<unknown> =>
      calling('repeatable', timeoutMs, async ({ secret, timeoutMs }) => {
        const headers = { Authorization: basicAuthorization(email, secret), Accept: 'application/json' };
        const { body } = await requestOk({ method: 'GET', url: `${base}/users/me.json`, headers, timeoutMs });
        return me.parse(body);
      }),

    /**
     * The token lasts 60 minutes. Zendesk forgets an unused upload, so a repeat is harmless. The library would send every
     * file as application/binary, and as a stream, which cannot be sent again after a 401.
     */
    upload: ({ name, contentType, bytes }: UploadedFile, { timeoutMs }: CallOptions) =>
      calling('repeatable', timeoutMs, async ({ secret, timeoutMs }) => {
        const { body } = await requestOk({
          method: 'POST',
          url: `${base}/uploads.json?filename=${encodeURIComponent(name)}`,
          headers: {
            Authorization: basicAuthorization(email, secret),
            'Content-Type': contentType,
            Accept: 'application/json',
          },
          body: bytes,
          timeoutMs,
        });
        return { token: uploaded.parse(body).upload.token };
      }),
  };
}

/** The library's own transport has no time-out, and resolves with an error object after some failures. */
const transportWithin = (timeoutMs: number) => ({
  transportFn: (url: string, made: Pick<HttpRequest, 'method' | 'headers' | 'body'>) =>
    requestOk({ ...made, url, timeoutMs }),
  responseAdapter: (answer: HttpAnswer) => ({
    status: answer.status,
    statusText: '',
    // The library treats any answer with this header as a 429, even for a created ticket.
    headers: { get: (name: string) => (name === 'retry-after' ? null : answer.headers[name]) },
    json: async () => firstPage(answer.body),
  }),
});

/** Removes the links to further pages. The library would follow them to any host with our credentials. */
function firstPage(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return { ...body, links: undefined, next_page: undefined };
}
