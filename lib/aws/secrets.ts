import type { SecretsManagerClientConfig } from '@aws-sdk/client-secrets-manager';
import type { SSMClientConfig } from '@aws-sdk/client-ssm';
import type { SecretReference } from '../config/values';
import { StoreError } from '../errors';
import type { Secret } from '../ports';
import { guarded } from './store-error';

type Fetch = (name: string) => Promise<string | Uint8Array | undefined>;
/** How to reach AWS, if not as a function does. */
type Config = Pick<SSMClientConfig & SecretsManagerClientConfig, 'region' | 'credentials'>;

/**
 * A secret by its reference: `ssm:/path` (Parameter Store, decrypted), `secretsmanager:name`, or the secret itself.
 * Fetches a reference once per cold start, and again for `fresh` or after a failed fetch. Rejects with a StoreError.
 */
export function realSecret(reference: SecretReference, config: Config = {}): Secret {
  const fetch = fetchOf(reference, config);
  if (!fetch) return async () => reference;

  let known: Promise<string> | undefined;
  let fetching = false;
  const start = (): Promise<string> => {
    fetching = true;
    const attempt = fetch().finally(() => {
      fetching = false;
    });
    attempt.catch(() => {
      if (known === attempt) known = undefined;
    });
    known = attempt;
    return attempt;
  };

  return ({ fresh = false } = {}) => {
    // Jobs that run side by side get the same 401, and one fetch serves all of them.
    if (known && (!fresh || fetching)) return known;
    return start();
  };
}

function fetchOf(reference: string, config: Config): (() => Promise<string>) | undefined {
  const [, kind, name] = /^(ssm|secretsmanager):(.+)$/s.exec(reference) ?? [];
  if (!kind || !name) return undefined;
  const { service, operation, load } =
    kind === 'ssm'
      ? ({ service: 'SSM', operation: 'GetParameter', load: parameterStore } as const)
      : ({ service: 'SecretsManager', operation: 'GetSecretValue', load: secretsManager } as const);
  return async () => {
    const value = await guarded({ service, operation, call: () => load(config)(name) });
    if (!value) throw new StoreError({ code: 'SecretMissing', message: `there is no value at ${reference}` });
    return typeof value === 'string' ? value : new TextDecoder().decode(value);
  };
}

// Loaded on first use, so that a function with plain secrets does not pay for these clients. Each has a module of its
// own, because esbuild keeps the whole of a package that is loaded this way.
const parameterStore = (config: Config): Fetch =>
  (require('./parameter-store') as typeof import('./parameter-store')).parameterStore(config);
const secretsManager = (config: Config): Fetch =>
  (require('./secrets-manager') as typeof import('./secrets-manager')).secretsManager(config);
