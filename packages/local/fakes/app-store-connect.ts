import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';
import {
  type AppStoreConnectModel,
  type AppStoreConnectSeed,
  appStoreConnectModel,
  refused,
} from './app-store-connect-model';
import { type FakeServer, startFake } from './server';

export interface FakeAppStoreConnect extends FakeServer, Pick<AppStoreConnectModel, 'testers' | 'mails'> {}

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
const LONGEST_TOKEN_S = 20 * 60;

/** App Store Connect on 127.0.0.1. Set APP_STORE_CONNECT_ENDPOINT to `url`. */
export async function startFakeAppStoreConnect(options: FakeAppStoreConnectOptions): Promise<FakeAppStoreConnect> {
  const { port, issuerId, keyId, privateKey, limit = 3_500, now = Date.now } = options;
  const { testers, mails, handle } = appStoreConnectModel(options);
  const team = { issuerId, keyId, publicKey: createPublicKey(privateKey) };
  let calls: number[] = [];
  const server = await startFake({
    port,
    state: () => ({ testers, mails }),
    async handle(request) {
      const problem = await tokenProblem(request.headers.authorization, team, now());
      if (problem) return refused(401, 'NOT_AUTHORIZED', undefined, problem);
      calls = calls.filter((at) => at > now() - HOUR_MS);
      const over = calls.length >= limit;
      if (!over) calls.push(now());
      const reply = over ? refused(429, 'RATE_LIMIT_EXCEEDED') : handle(request);
      const rest = `user-hour-lim:${limit};user-hour-rem:${limit - calls.length};`;
      return { ...reply, headers: { ...reply.headers, 'x-rate-limit': rest } };
    },
  });
  return { ...server, testers, mails };
}

/** Why Apple would refuse this Authorization header; `undefined` if it would not. `now` is in ms since 1970. */
export async function tokenProblem(
  authorization = '',
  { issuerId: issuer, keyId, publicKey }: { issuerId: string; keyId: string; publicKey: KeyObject },
  now: number,
): Promise<string | undefined> {
  const audience = 'appstoreconnect-v1';
  const rules = { issuer, audience, algorithms: ['ES256'], currentDate: new Date(now), maxTokenAge: LONGEST_TOKEN_S };
  try {
    const { protectedHeader, payload } = await jwtVerify(authorization.replace(/^Bearer /, ''), publicKey, rules);
    if (protectedHeader.kid !== keyId) return 'kid is not a key of the team';
    const { iat = 0, exp = Infinity } = payload;
    return exp - iat > LONGEST_TOKEN_S ? 'exp is more than 20 minutes after iat' : undefined;
  } catch (error) {
    return String(error);
  }
}

/** A fake team's private key, PKCS #8 PEM. It follows from a name, so all processes have the same without a file. */
export function fakePrivateKey(name: string): string {
  const scalar = createHash('sha256').update(name).digest();
  // RFC 5915: version 1, 32 bytes, and the curve P-256.
  const key = Buffer.concat([
    Buffer.from('30310201010420', 'hex'),
    scalar,
    Buffer.from('a00a06082a8648ce3d030107', 'hex'),
  ]);
  return createPrivateKey({ key, format: 'der', type: 'sec1' }).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** An app with a group and a build. */
export const LOCAL_APP = {
  id: '1000000001',
  group: '00000000-0000-4000-8000-0000000000a1',
  build: '00000000-0000-4000-8000-0000000000b1',
};

/** The app and its testers in App Store Connect on this machine. */
export const LOCAL_APPS: AppStoreConnectSeed = {
  apps: [{ id: LOCAL_APP.id, groups: [LOCAL_APP.group], builds: [LOCAL_APP.build], invitesOnJoining: false }],
  testers: [
    { app: LOCAL_APP.id, email: 'invited@example.com', groups: [LOCAL_APP.group], state: 'INVITED' },
    { app: LOCAL_APP.id, email: 'accepted@example.com', groups: [LOCAL_APP.group], state: 'ACCEPTED' },
  ],
  refused: ['refused@example.com'],
};
