import { basicAuthorization } from '../../vendors/credentials';
import { type Reply, reply } from './reply';
import { type FakeRequest, type FakeServer, startFake } from './server';
import { type FakeTicket, type FakeUser, type ZendeskModel, zendeskModel } from './zendesk-model';

export interface FakeZendesk extends FakeServer {
  tickets: FakeTicket[];
  users: FakeUser[];
  /** A header that it accepts. */
  authorization: string;
}

export interface FakeZendeskOptions {
  port?: number;
  /** With a token, only these credentials are accepted. Without one, any are. */
  email?: string | undefined;
  token?: string | undefined;
  now?: () => number;
  /** Addresses of suspended users. */
  suspended?: string[];
}

/** Zendesk on 127.0.0.1. Set ZENDESK_ENDPOINT to `url`, which ends with `/api/v2`. */
export async function startFakeZendesk(options: FakeZendeskOptions = {}): Promise<FakeZendesk> {
  const { port, email, token, now = Date.now, suspended } = options;
  const model = zendeskModel({ now, ...(suspended ? { suspended } : {}) });
  const authorization = basicAuthorization(email ?? '', token ?? '');
  const handle = (request: FakeRequest): Reply => {
    const given = request.headers.authorization;
    if (!given?.startsWith('Basic ') || (token !== undefined && given !== authorization))
      return reply(401, { error: "Couldn't authenticate you" });
    return route(model, request);
  };
  const { tickets, users } = model;
  const server = await startFake({ port, handle, state: () => ({ tickets, users }) });
  return { ...server, url: `${server.url}/api/v2`, tickets, users, authorization };
}

function route(model: ZendeskModel, { method, path, query, headers, body, bytes }: FakeRequest): Reply {
  switch (`${method} ${path.replace(/\.json$/, '')}`) {
    case 'POST /api/v2/tickets': {
      const key = headers['idempotency-key'];
      return model.createTicket(body, typeof key === 'string' ? key : undefined);
    }
    case 'GET /api/v2/tickets':
      return model.listTickets(query.external_id ?? '');
    case 'POST /api/v2/uploads': {
      const name = query.filename;
      if (!name) return reply(422, { error: 'RecordInvalid', description: 'filename is missing' });
      return model.upload({ name, contentType: headers['content-type'] ?? '', size: bytes.byteLength });
    }
    default:
      return reply(404, { error: 'InvalidEndpoint', description: 'Not found' });
  }
}
