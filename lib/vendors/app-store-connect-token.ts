import { importPKCS8, SignJWT } from 'jose';
import { StopError } from '../errors';
import type { Secret } from './secret';

const SECOND_MS = 1000;
const MINUTE_S = 60;
/** Apple refuses a token that was issued in its future: our clock may be ahead by this much. */
const SKEW_S = MINUTE_S;
/** From `iat` on; Apple takes 20 minutes at most. */
const LIFETIME_S = 19 * MINUTE_S;
/** A token this near to its end is made anew, so that none ends under way. */
const MARGIN_S = 2 * MINUTE_S;

export interface TokenConfig {
  /** Of the team, a UUID. */
  issuerId: string;
  keyId: string;
  /** PKCS #8 PEM, as Apple hands it out; line breaks may be written as \n. */
  privateKey: Secret;
  now: () => number;
}

/**
 * Tokens for App Store Connect (ES256), each used until shortly before its end. `fresh` reads the key again too: it
 * may have been replaced. Rejects with a StopError where the key is none; nothing of it is in that.
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
    // Without a cause: what the library says of a key may quote it.
    throw new StopError({
      code: 'AppStoreConnectMisconfigured',
      message: 'the private key is not a P-256 key in PKCS #8 PEM',
      vendor: 'app-store-connect',
    });
  }
}
