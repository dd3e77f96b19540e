import { createECDH, createHash, createPrivateKey, type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';

export interface Team {
  issuerId: string;
  keyId: string;
  publicKey: KeyObject;
}

const LONGEST_S = 20 * 60;
const headerSchema = z.object({ alg: z.literal('ES256'), kid: z.string(), typ: z.literal('JWT').optional() });
const claimsSchema = z.object({ iss: z.string(), aud: z.string(), iat: z.number(), exp: z.number() });

/** Why Apple would refuse this Authorization header; `undefined` if it would not. `now` is in ms since 1970. */
export function tokenProblem(authorization: string | undefined, { issuerId, keyId, publicKey }: Team, now: number) {
  const [header = '', claims = '', signature = '', ...rest] = authorization?.replace(/^Bearer /, '').split('.') ?? [];
  if (!authorization?.startsWith('Bearer ') || signature === '' || rest.length > 0) return 'there is no token';
  const signed = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', Buffer.from(`${header}.${claims}`), signed, Buffer.from(signature, 'base64url')))
    return 'the signature does not fit';
  const head = headerSchema.safeParse(decoded(header));
  const claimed = claimsSchema.safeParse(decoded(claims));
  if (!head.success || !claimed.success) return 'a header or a claim is missing';
  const { iss, aud, iat, exp } = claimed.data;
  const seconds = now / 1000;
  if (head.data.kid !== keyId) return 'kid is not a key of the team';
  if (iss !== issuerId) return 'iss is not the team';
  if (aud !== 'appstoreconnect-v1') return 'aud is not appstoreconnect-v1';
  if (iat > seconds) return 'iat is in the future';
  if (exp <= seconds) return 'exp is over';
  return exp - iat > LONGEST_S ? 'exp is more than 20 minutes after iat' : undefined;
}

function decoded(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/**
 * The private key of a fake team, PKCS #8 PEM. It is derived from a name, so every process on this machine has the same
 * key without a file.
 */
export function fakePrivateKey(name: string): string {
  const scalar = createHash('sha256').update(name).digest();
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(scalar);
  // The point is uncompressed: 0x04, x, y.
  const point = pair.getPublicKey();
  const coordinates = { x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
  const jwk = { kty: 'EC', crv: 'P-256', d: scalar.toString('base64url'), ...coordinates };
  return createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }).toString();
}
