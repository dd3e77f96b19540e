import { createPublicKey } from 'node:crypto';
import {
  type AppleMail,
  type AppStoreConnectModel,
  type AppStoreConnectSeed,
  appStoreConnectModel,
  type FakeTester,
} from './app-store-connect-model';
import { refused } from './app-store-connect-rules';
import { tokenProblem } from './app-store-connect-token';
import type { Reply } from './reply';
import { type FakeRequest, type FakeServer, startFake } from './server';

export interface FakeAppStoreConnect extends FakeServer {
  testers: FakeTester[];
  mails: AppleMail[];
}

export interface FakeAppStoreConnectOptions extends AppStoreConnectSeed {
  port?: number;
  issuerId: string;
  keyId: string;
  /** The fake accepts only tokens of this key, PKCS #8 PEM. */
  privateKey: string;
  /** Calls per hour. */
  limit?: number;
  now?: () => number;
}

const HOUR_MS = 3_600_000;

/** App Store Connect on 127.0.0.1. Set APP_STORE_CONNECT_ENDPOINT to `url`. */
export async function startFakeAppStoreConnect(options: FakeAppStoreConnectOptions): Promise<FakeAppStoreConnect> {
  const { port, issuerId, keyId, privateKey, limit = 3_500, now = Date.now } = options;
  const model = appStoreConnectModel(options);
  const team = { issuerId, keyId, publicKey: createPublicKey(privateKey) };
  let calls: number[] = [];

  const handle = (request: FakeRequest): Reply => {
    const problem = tokenProblem(request.headers.authorization, team, now());
    if (problem) return refused(401, 'NOT_AUTHORIZED', { detail: problem });
    calls = calls.filter((at) => at > now() - HOUR_MS);
    const over = calls.length >= limit;
    if (!over) calls.push(now());
    const reply = over ? refused(429, 'RATE_LIMIT_EXCEEDED') : route(model, request);
    const rest = `user-hour-lim:${limit};user-hour-rem:${limit - calls.length};`;
    return { ...reply, headers: { ...reply.headers, 'x-rate-limit': rest } };
  };

  const { testers, mails } = model;
  const server = await startFake({ port, handle, state: () => ({ testers, mails }) });
  return { ...server, testers, mails };
}

/** The model's answer to a request, without authentication and rate limit. */
export function route(
  model: AppStoreConnectModel,
  { method, path, query, body }: Pick<FakeRequest, 'method' | 'path' | 'query' | 'body'>,
): Reply {
  const [, before, id = '', after] = /^(\/v1\/\w+\/)([^/]+)(\/relationships\/\w+)$/.exec(path) ?? [];
  switch (`${method} ${id === '' ? path : `${before}{id}${after}`}`) {
    case 'GET /v1/betaTesters':
      return model.findTesters({ email: query['filter[email]'] ?? '', app: query['filter[apps]'] ?? '' });
    case 'POST /v1/betaTesters':
      return model.createTester(body);
    case 'GET /v1/betaTesters/{id}/relationships/betaGroups':
      return model.groupsOf(id);
    case 'POST /v1/betaGroups/{id}/relationships/betaTesters':
      return model.addToGroup(id, body);
    case 'DELETE /v1/betaGroups/{id}/relationships/betaTesters':
      return model.removeFromGroup(id, body);
    case 'DELETE /v1/apps/{id}/relationships/betaTesters':
      return model.removeFromApp(id, body);
    case 'POST /v1/betaTesterInvitations':
      return model.invite(body);
    case 'POST /v1/buildBetaNotifications':
      return model.notifyBuild(body);
    default:
      return refused(404, 'PATH_ERROR', { detail: path });
  }
}
