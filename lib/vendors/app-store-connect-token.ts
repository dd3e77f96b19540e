import { importPKCS8, SignJWT } from 'jose';
import { StopError } from '../errors';
import type { Secret } from '../ports';

const SECOND_MS = 1000;
const MINUTE_S = 60;
/** Apple refuses a token from its future, so `iat` is earlier by as much as our clock may be ahead. */
const SKEW_S = MINUTE_S;
/** Counts from `iat`. Apple accepts at most 20 minutes. */
const LIFETIME_S = 19 * MINUTE_S;
/** Make a new token this long before the old one expires, so that none expires during a call. */
const MARGIN_S = 2 * MINUTE_S;

export interface TokenConfig {
  /** The team's issuer id, a UUID. */
  issuerId: string;
  keyId: string;
  /** The PKCS #8 PEM from Apple. Its line breaks may be written as \n. */
  privateKey: Secret;
  now: () => number;
}

/**
 * Makes ES256 tokens for App Store Connect and reuses each until shortly before it expires. `fresh` also reads the key
 * again, because it may have been replaced. Rejects with a StopError that never quotes the key if the key is not valid.
 */
export function appStoreConnectToken({ issuerId, keyId, privateKey, now }: TokenConfig): Secret {
  let known: { token: string; until: number } | undefined;
  return async ({ fresh = false } = {}) => {
    if (known && !fresh && now() < known.until) return known.token;
    const pem = await privateKey({ fresh });
    const issuedAt = Math.floor(now() / SECOND_MS) - SKEW_S;
    const expiresAt = issuedAt + LIFETIME_S;
    const token = await sign({ pem, keyId, issuerId, issuedAt, expiresAt });
    known = { token, until: (expiresAt - MARGIN_S) * SECOND_MS };
    return token;
  };
}

async function sign({
  pem,
  keyId,
  issuerId,
  issuedAt,
  expiresAt,
}: {
  pem: string;
  keyId: string;
  issuerId: string;
  issuedAt: number;
  expiresAt: number;
}): Promise<string> {
  try {
    const key = await importPKCS8(pem.replaceAll('\\n', '\n'), 'ES256');
    return await new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: keyId, typ: 'JWT' })
      .setIssuer(issuerId)
      .setAudience('appstoreconnect-v1')
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(key);
  } catch {
    // No cause, because the library's error may quote the key.
    throw new StopError({
      code: 'AppStoreConnectMisconfigured',
      message: 'the private key is not a P-256 key in PKCS #8 PEM',
      vendor: 'app-store-connect',
    });
  }
}
