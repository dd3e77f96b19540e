import * as z from 'zod';
import { basicAuthorization } from '../../../lib/platform/http';
import { jsonOf } from '../../../lib/platform/text';
import { type Reply, reply, startFake } from './server';

interface FakeTicket extends Omit<z.infer<typeof ticketSchema>, 'comment' | 'requester'> {
  id: number;
  description: string;
  requester_id: number;
  attachments: string[];
  created_at: string;
}

const KEY_LIFE_MS = 2 * 3_600_000;
const UPLOAD_LIFE_MS = 3_600_000;

const ticketSchema = z.object({
  external_id: z.string().nullable().default(null),
  subject: z.string().max(150, 'is too long (maximum is 150 characters)'),
  comment: z.object({
    body: z.string().trim().min(1, 'cannot be blank').max(65_536, 'is too long (maximum is 65536 characters)'),
    uploads: z.array(z.string()).default([]),
  }),
  requester: z
    .object({
      name: z.string().trim().min(1, 'is too short (minimum is 1 character)'),
      email: z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'is not properly formatted'),
    })
    .default({ name: 'The account of the API', email: 'agent@example.com' }),
  tags: z.array(z.string()).default([]),
  priority: z.enum(['urgent', 'high', 'normal', 'low']).nullable().default(null),
  type: z.enum(['problem', 'incident', 'question', 'task']).nullable().default(null),
  custom_fields: z.array(z.object({ id: z.number(), value: z.unknown() })).default([]),
});

/** What Zendesk refuses, one at a time: requesters, custom fields, the names of files, and words in any ticket. */
interface Refuses {
  suspended?: readonly string[];
  removedFields?: readonly number[];
  files?: readonly string[];
  words?: readonly string[];
}

interface State {
  tickets: FakeTicket[];
  users: { id: number; name: string; email: string }[];
  uploads: Map<string, { name: string; at: number }>;
  /** How many tickets were created. Some of them may be deleted. */
  created: number;
}

/** Zendesk's tickets, users, uploads and idempotency keys, without HTTP. */
export function zendeskModel(now: () => number, refuses: Refuses = {}) {
  const { files: badFiles = ['refused.exe'] } = refuses;
  const state: State = { tickets: [], users: [], uploads: new Map(), created: 0 };
  const { tickets, users, uploads } = state;
  const keys = new Map<string, { body: string; at: number; made: Reply }>();
  const deleted = new Set<number>();

  return {
    tickets,
    users,
    /** `body` is the raw body. Zendesk compares it byte by byte when a key is repeated. */
    createTicket(body: string, idempotencyKey?: string): Reply {
      const used = keys.get(idempotencyKey ?? '');
      if (used && now() - used.at < KEY_LIFE_MS) return used.body === body ? used.made : MISMATCH;
      const made = create(state, body, { now, refuses });
      // A client may correct a refused request and send it again under the same key.
      if (made.status === 201 && idempotencyKey !== undefined) keys.set(idempotencyKey, { body, at: now(), made });
      return made;
    },
    listTickets: (externalId: string): Reply =>
      reply(200, {
        tickets: tickets.filter(({ external_id }) => external_id === externalId),
        meta: { has_more: false },
      }),
    /** A deleted ticket stays in a list of its own until it is deleted there. */
    deleteTicket(id: number, folder: string): Reply {
      if (folder === 'deleted_tickets' && deleted.delete(id)) return reply(200, { job_status: { id: `job-${id}` } });
      const place = tickets.findIndex((ticket) => ticket.id === id);
      if (folder !== 'tickets' || place < 0) return reply(404, { error: 'RecordNotFound' });
      deleted.add(id);
      tickets.splice(place, 1);
      return reply(204);
    },
    upload(name: string): Reply {
      if (badFiles.includes(name)) return invalid('filename', 'is of a type that is not allowed');
      const token = `upload-${uploads.size + 1}`;
      uploads.set(token, { name, at: now() });
      return reply(201, { upload: { token } });
    },
  };
}

function create(state: State, body: string, { now, refuses }: { now: () => number; refuses: Refuses }): Reply {
  const { suspended = ['suspended@example.com'], words = ['refused@example.com'], removedFields = [404] } = refuses;
  const { users, uploads } = state;
  const parsed = z.object({ ticket: ticketSchema }).safeParse(jsonOf(body));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return invalid(String(issue?.path[1] ?? 'base'), issue?.message ?? 'is invalid');
  }
  const { requester, comment, ...rest } = parsed.data.ticket;
  if (words.some((word) => body.includes(word))) return invalid('description', 'is not allowed');
  const removed = rest.custom_fields.find(({ id }) => removedFields.includes(id));
  if (removed) return invalid('custom_fields', `${removed.id} does not exist`);
  const email = requester.email.toLowerCase();
  if (suspended.includes(email)) return invalid('requester', `${email} is suspended`);
  const files = comment.uploads.flatMap((token) => uploads.get(token) ?? []);
  if (files.length < comment.uploads.length || files.some(({ at }) => now() - at > UPLOAD_LIFE_MS))
    return invalid('base', 'Attachment: the upload token is invalid or has expired');
  const known = users.find((user) => user.email === email);
  const user = known ?? { id: users.length + 1, name: requester.name, email };
  if (!known) users.push(user);
  const ticket = {
    id: ++state.created,
    requester_id: user.id,
    description: comment.body,
    ...rest,
    attachments: files.map(({ name }) => name),
    created_at: new Date(now()).toISOString(),
  };
  state.tickets.push(ticket);
  return reply(201, { ticket });
}

/** Zendesk's 422. Like Zendesk's own, it may quote the request. */
const invalid = (field: string, description: string): Reply => {
  const said = field === 'base' ? description : `${field}: ${description}`;
  return reply(422, { error: 'RecordInvalid', details: { [field]: [{ description: said }] } });
};

const MISMATCH = reply(400, {
  error: 'IdempotentRequestError',
  description: 'Idempotent request error: the parameters are different from those of the first request',
});

interface FakeZendeskOptions {
  port?: number;
  email?: string | undefined;
  /** With a token, it accepts only these credentials. */
  token?: string | undefined;
  now?: () => number;
  refuses?: Refuses;
}

/** Zendesk on 127.0.0.1. `url` is for ZENDESK_ENDPOINT. `authorization`: a header that it accepts. */
export async function startFakeZendesk(options: FakeZendeskOptions = {}) {
  const { port, email = '', token, now = Date.now, refuses } = options;
  const { tickets, users, ...model } = zendeskModel(now, refuses);
  const authorization = basicAuthorization(email, token ?? '');
  const server = await startFake({
    port,
    state: () => ({ tickets, users }),
    handle({ method, path, query, headers, body }) {
      const given = headers.authorization;
      if (!given?.startsWith('Basic ') || (token !== undefined && given !== authorization))
        return reply(401, { error: "Couldn't authenticate you" });
      const [, folder, id] = /^\/api\/v2\/(\w+)\/(\d+)\.json$/.exec(path) ?? [];
      if (method === 'DELETE' && folder) return model.deleteTicket(Number(id), folder);
      const routes: Record<string, () => Reply> = {
        'POST /api/v2/tickets': () => model.createTicket(body, headers['idempotency-key']?.toString()),
        'GET /api/v2/tickets': () => model.listTickets(query.external_id ?? ''),
        'GET /api/v2/users/me': () => reply(200, { user: { id: 1, email } }),
        'POST /api/v2/uploads': () => model.upload(query.filename ?? ''),
      };
      const route = routes[`${method} ${path.replace(/\.json$/, '')}`];
      return route ? route() : reply(404, { error: 'InvalidEndpoint' });
    },
  });
  return { ...server, url: `${server.url}/api/v2`, tickets, users, authorization };
}
