import * as z from 'zod';
import type { Secret } from '../ports';
import { type Attempt, basicAuthorization, type CallOptions, withSecret } from './credentials';
import { requestOk } from './http';
import { type Effect, malformed } from './translate';
import { zendesk as dialect, translate } from './zendesk-errors';
import { zendeskClient } from './zendesk-transport';

/** A ticket as a worker describes it. Equal tickets make equal bytes. */
export interface Ticket {
  /** The job's id, which identifies the ticket later. */
  externalId: string;
  subject: string;
  /** Plain text. */
  body: string;
  /** Zendesk finds or creates the user by the e-mail address. */
  requester: { name: string; email: string };
  tags: string[];
  priority?: 'urgent' | 'high' | 'normal' | 'low';
  type?: 'problem' | 'incident' | 'question' | 'task';
  customFields: { id: number; value: string | number | boolean | string[] }[];
  /** Tokens from `upload`. */
  uploads: string[];
  /** Opaque ids for the ticket's audit, which agents see as its metadata. */
  metadata?: Record<string, string>;
}

/** The ticketing system. Every method rejects with a JobError that names no value and holds no request. */
export interface Zendesk {
  /** A repeat with the same key and ticket within two hours answers the id of the first ticket. */
  createTicket(ticket: Ticket, options: CallOptions & { idempotencyKey: string }): Promise<{ id: string }>;
  /** The oldest ticket with this external id. `undefined` only if Zendesk says that there is none. */
  findTicket(externalId: string, options: CallOptions): Promise<{ id: string } | undefined>;
  /** The token lasts 60 minutes. */
  upload(
    file: { name: string; contentType: string; bytes: Uint8Array },
    options: CallOptions,
  ): Promise<{ token: string }>;
}

export interface ZendeskConfig {
  /** `https://{subdomain}.zendesk.com/api/v2`, or the URL of a fake. */
  endpoint: string;
  /** The e-mail address of the token's agent. */
  email: string;
  token: Secret;
  now?: () => number;
}

/**
 * The request for a ticket. It depends only on the ticket, down to the order of the keys. Zendesk refuses a repeat with
 * the same Idempotency-Key and another body.
 */
function ticketRequest(ticket: Ticket) {
  const { externalId, subject, body, requester, tags, priority, type, customFields, uploads, metadata } = ticket;
  return {
    ticket: {
      external_id: externalId,
      subject,
      comment: { body, ...(uploads.length > 0 ? { uploads: [...uploads] } : {}) },
      requester: { name: requester.name, email: requester.email },
      ...(tags.length > 0 ? { tags: [...tags] } : {}),
      ...(priority === undefined ? {} : { priority }),
      ...(type === undefined ? {} : { type }),
      ...(customFields.length > 0 ? { custom_fields: customFields.map(({ id, value }) => ({ id, value })) } : {}),
      ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
    },
  };
}

/** The exact JSON that `createTicket` sends, for hashing. */
export const ticketBody = (ticket: Ticket): string => JSON.stringify(ticketRequest(ticket));

const id = z.union([z.number().int(), z.string().min(1)]).transform(String);
const created = z.object({ result: z.object({ id }) });
const found = z.array(z.object({ id, external_id: z.string() }));
const uploaded = z.object({ upload: z.object({ token: z.string().min(1) }) });

/** Zendesk through node-zendesk. */
export function realZendesk({ endpoint, email, token, now = Date.now }: ZendeskConfig): Zendesk {
  const base = endpoint.replace(/\/+$/, '');

  const calling = <T>(effect: Effect, timeoutMs: number, run: (attempt: Attempt) => Promise<T>): Promise<T> =>
    withSecret(token, {
      timeoutMs,
      call: (attempt) => run(attempt).catch((error: unknown) => Promise.reject(translate(error, effect, now()))),
    });

  return {
    createTicket: (ticket, { idempotencyKey, timeoutMs }) =>
      calling('once', timeoutMs, async ({ secret, timeoutMs }) => {
        const headers = { 'Idempotency-Key': idempotencyKey };
        const client = zendeskClient({ endpoint: base, email, token: secret, timeoutMs, headers });
        const answer = created.safeParse(
          await client.tickets.create(ticketRequest(ticket) as Parameters<typeof client.tickets.create>[0]),
        );
        if (!answer.success) throw malformed({ dialect, effect: 'once' });
        return { id: answer.data.result.id };
      }),

    findTicket: (externalId, { timeoutMs }) =>
      calling('repeatable', timeoutMs, async ({ secret, timeoutMs }) => {
        const client = zendeskClient({ endpoint: base, email, token: secret, timeoutMs });
        const answer = found.safeParse(await client.tickets.listWithFilter('external_id', externalId));
        // A list with other tickets does not answer our question, so it does not prove that ours is missing.
        if (!answer.success || answer.data.some((ticket) => ticket.external_id !== externalId))
          throw malformed({ dialect, effect: 'repeatable' });
        const [oldest] = answer.data.map((ticket) => ticket.id).sort((a, b) => Number(a) - Number(b));
        return oldest === undefined ? undefined : { id: oldest };
      }),

    // The library would send every file as application/binary, and Zendesk would show it so to agents. It would also
    // send a stream, which has no length and cannot be sent again after a 401. A repeat is harmless, because Zendesk
    // forgets an unused upload after an hour.
    upload: ({ name, contentType, bytes }, { timeoutMs }) =>
      calling('repeatable', timeoutMs, async ({ secret, timeoutMs }) => {
        const answer = await requestOk({
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
        const parsed = uploaded.safeParse(answer.body);
        if (!parsed.success) throw malformed({ dialect, effect: 'repeatable', status: answer.status });
        return { token: parsed.data.upload.token };
      }),
  };
}
