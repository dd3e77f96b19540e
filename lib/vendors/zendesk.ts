import { z } from 'zod';
import { type Attempt, withSecret } from './credentials';
import { NotOk, request } from './http';
import type { Secret } from './secret';
import { type Effect, malformed } from './translate';
import { zendesk as dialect, translate } from './zendesk-errors';
import { authorization, zendeskClient } from './zendesk-transport';

/** A ticket as a worker describes it. Two equal ones make the same bytes. */
export interface Ticket {
  /** The job's id: tickets are found by it. */
  externalId: string;
  subject: string;
  /** Plain text. */
  body: string;
  /** Made or matched by the e-mail address. */
  requester: { name: string; email: string };
  tags: string[];
  priority?: 'urgent' | 'high' | 'normal' | 'low';
  type?: 'problem' | 'incident' | 'question' | 'task';
  customFields: { id: number; value: string | number | boolean | string[] }[];
  /** Tokens of `upload`. */
  uploads: string[];
}

export interface CallOptions {
  /** For the whole call, a second try with a fresh secret included. */
  timeoutMs: number;
}

/** The ticketing system. Every method rejects with a JobError that names no value and holds no request. */
export interface Zendesk {
  /** Repeated with the same key and ticket within two hours, answers the first one's id. */
  createTicket(ticket: Ticket, options: CallOptions & { idempotencyKey: string }): Promise<{ id: string }>;
  /** The oldest ticket with this external id; `undefined` only if Zendesk says that there is none. */
  findTicket(externalId: string, options: CallOptions): Promise<{ id: string } | undefined>;
  /** The token lasts 60 minutes. */
  upload(
    file: { name: string; contentType: string; bytes: Uint8Array },
    options: CallOptions,
  ): Promise<{ token: string }>;
}

export interface ZendeskConfig {
  /** `https://{subdomain}.zendesk.com/api/v2`, or a fake's. */
  endpoint: string;
  /** The agent that the token belongs to. */
  email: string;
  token: Secret;
  now?: () => number;
}

/**
 * The request for a ticket. It follows from the ticket alone, without clock or chance, key by key in this order: with
 * the same Idempotency-Key, Zendesk refuses a repeat whose body differs.
 */
export function ticketRequest(ticket: Ticket) {
  const { externalId, subject, body, requester, tags, priority, type, customFields, uploads } = ticket;
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
    },
  };
}

/** The exact JSON that `createTicket` sends, for hashing. */
export const ticketBody = (ticket: Ticket): string => JSON.stringify(ticketRequest(ticket));

const id = z.union([z.number().int(), z.string().min(1)]).transform(String);
const created = z.object({ result: z.object({ id }) });
const found = z.array(z.object({ id, external_id: z.string() }));
const uploaded = z.object({ upload: z.object({ token: z.string().min(1) }) });

/** Zendesk by way of node-zendesk. */
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
        // A list of other tickets is not the list that was asked for: it does not prove that ours is missing.
        if (!answer.success || answer.data.some((ticket) => ticket.external_id !== externalId))
          throw malformed({ dialect, effect: 'repeatable' });
        const [oldest] = answer.data.map((ticket) => ticket.id).sort((a, b) => Number(a) - Number(b));
        return oldest === undefined ? undefined : { id: oldest };
      }),

    // Not by the library: it sends every file as application/binary, by which Zendesk would show it to agents, and as
    // a stream, which has no length and cannot be sent again after a 401. Repeatable: a lost upload is forgotten by
    // Zendesk after an hour.
    upload: ({ name, contentType, bytes }, { timeoutMs }) =>
      calling('repeatable', timeoutMs, async ({ secret, timeoutMs }) => {
        const answer = await request({
          method: 'POST',
          url: `${base}/uploads.json?filename=${encodeURIComponent(name)}`,
          headers: {
            Authorization: authorization(email, secret),
            'Content-Type': contentType,
            Accept: 'application/json',
          },
          body: bytes,
          timeoutMs,
        });
        if (answer.status < 200 || answer.status > 299) throw new NotOk(answer);
        const parsed = uploaded.safeParse(answer.body);
        if (!parsed.success) throw malformed({ dialect, effect: 'repeatable', status: answer.status });
        return { token: parsed.data.upload.token };
      }),
  };
}
