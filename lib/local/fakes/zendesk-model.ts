import { type Reply, reply } from './reply';
import { invalid, parseTicket, type TicketInput } from './zendesk-rules';

const KEY_LIFE_MS = 2 * 3_600_000;
const UPLOAD_LIFE_MS = 3_600_000;

export interface FakeUser {
  id: number;
  name: string;
  email: string;
  suspended: boolean;
}

export interface FakeTicket {
  id: number;
  external_id: string | null;
  subject: string;
  description: string;
  requester_id: number;
  tags: string[];
  priority: string | null;
  type: string | null;
  custom_fields: unknown[];
  /** Names of the attached files. */
  attachments: string[];
  created_at: string;
}

export interface ZendeskModel {
  tickets: FakeTicket[];
  users: FakeUser[];
  /** `body` is the raw body. Zendesk compares it byte by byte when a key is repeated. */
  createTicket(body: string, idempotencyKey?: string): Reply;
  listTickets(externalId: string): Reply;
  upload(file: { name: string; contentType: string; size: number }): Reply;
}

/**
 * A model of Zendesk's tickets, users, uploads and idempotency keys, without HTTP and on the caller's clock. Users with
 * an address in `suspended` are refused as requesters.
 */
export function zendeskModel({
  now,
  suspended = ['suspended@example.com'],
}: {
  now: () => number;
  suspended?: string[];
}): ZendeskModel {
  const tickets: FakeTicket[] = [];
  const users: FakeUser[] = [];
  const uploads = new Map<string, { name: string; at: number }>();
  const keys = new Map<string, { body: string; at: number; made: Reply }>();

  const userOf = ({ name, email }: TicketInput['requester']): FakeUser => {
    const known = users.find((user) => user.email === email.toLowerCase());
    if (known) return known;
    const address = email.toLowerCase();
    const user = { id: users.length + 1, name, email: address, suspended: suspended.includes(address) };
    users.push(user);
    return user;
  };

  const create = (body: string): Reply => {
    const parsed = parseTicket(body);
    if ('status' in parsed) return parsed;
    const { requester, comment } = parsed;
    if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(requester.email))
      return invalid('requester', `Requester: Email: ${requester.email} is not properly formatted`);
    const user = userOf(requester);
    if (user.suspended) return invalid('requester', `Requester: ${user.email} is suspended`);
    const files = (comment.uploads ?? []).map((token) => uploads.get(token));
    if (files.some((file) => !file || now() - file.at > UPLOAD_LIFE_MS))
      return invalid('base', 'Attachment: the upload token is invalid or has expired');
    const ticket: FakeTicket = {
      id: tickets.length + 1,
      external_id: parsed.external_id ?? null,
      subject: parsed.subject ?? comment.body.slice(0, 100),
      description: comment.body,
      requester_id: user.id,
      tags: parsed.tags ?? [],
      priority: parsed.priority ?? null,
      type: parsed.type ?? null,
      custom_fields: parsed.custom_fields ?? [],
      attachments: files.map((file) => file?.name ?? ''),
      created_at: new Date(now()).toISOString(),
    };
    tickets.push(ticket);
    return reply(201, { ticket });
  };

  return {
    tickets,
    users,
    createTicket: (body, idempotencyKey) => {
      if (idempotencyKey === undefined) return create(body);
      const used = keys.get(idempotencyKey);
      if (used && now() - used.at < KEY_LIFE_MS) {
        if (used.body !== body) return mismatch();
        return { ...used.made, headers: { 'x-idempotency-lookup': 'hit' } };
      }
      const made = create(body);
      // A client may correct a refused request and send it again under the same key.
      if (made.status === 201) keys.set(idempotencyKey, { body, at: now(), made });
      return { ...made, headers: { 'x-idempotency-lookup': 'miss' } };
    },
    listTickets: (externalId) =>
      reply(200, {
        tickets: tickets.filter((ticket) => ticket.external_id === externalId),
        meta: { has_more: false },
        links: { prev: null, next: null },
      }),
    upload: ({ name, contentType, size }) => {
      const token = `upload-${uploads.size + 1}`;
      uploads.set(token, { name, at: now() });
      return reply(201, { upload: { token, attachment: { file_name: name, content_type: contentType, size } } });
    },
  };
}

const mismatch = (): Reply =>
  reply(400, {
    error: 'IdempotentRequestError',
    description: 'Idempotent request error: the parameters are different from those of the first request',
  });
