import { dlqName, queueName, queueUrl } from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { type HashPeople, personHashes } from '../../lib/engine/jobs/person-hash';
import { circuitBreakers } from '../../lib/engine/worker/circuit';
import type { WorkerDeps } from '../../lib/engine/worker/contract';
import { realEvents } from '../../lib/platform/aws/events';
import { realObjects } from '../../lib/platform/aws/objects';
import { realQueues } from '../../lib/platform/aws/queues';
import { realSecret } from '../../lib/platform/aws/secrets';
import { realClock, realRandom } from '../../lib/platform/aws/system';
import { realTable } from '../../lib/platform/aws/table';
import { classOf } from '../../lib/platform/bug';
import { ConfigError } from '../../lib/platform/config/common';
import { type CommonConfig, type SecretReference, settingsOf } from '../../lib/platform/config/functions';
import { isBug } from '../../lib/platform/errors';
import { realLog, realMetrics } from '../../lib/platform/log';
import type { Events, Facts, Log, Metrics, Table } from '../../lib/platform/ports';

type EngineDeps = WorkerDeps & { table: Table; queueUrl: (queue: string) => string };

/** The engine on AWS. `functionArn`: of the invoked function, for the URLs of queues. */
export function realDeps(config: CommonConfig, functionArn?: string): EngineDeps {
  const settings = settingsOf(config);
  const base = { table: realTable({ table: config.TABLE }), clock: realClock, random: realRandom };
  const metrics = realMetrics({ namespace: config.INSTANCE });
  const urlOf = (nameOf: typeof queueName) => (queue: string) => {
    const { region, account } = placeOf(functionArn);
    return queueUrl(region, account, nameOf(config.INSTANCE, queue, settings(queue).type));
  };
  return {
    ...base,
    ledger: createLedger({ ...base, settings }),
    circuits: circuitBreakers(base),
    objects: realObjects({ bucket: config.BUCKET, kmsKey: config.KMS_KEY }),
    queues: realQueues(),
    log: countingFaults(realLog({ service: config.INSTANCE, level: config.LOG_LEVEL }), metrics),
    metrics,
    bucket: config.BUCKET,
    prefix: config.PREFIX,
    retryWaits: config.RETRY_WAITS,
    storeWait: config.STORE_WAIT,
    settings,
    queueUrl: urlOf(queueName),
    dlqUrl: urlOf(dlqName),
  };
}

export const publishedEvents = ({ EVENT_BUS, INSTANCE }: CommonConfig): Events | undefined =>
  EVENT_BUS === undefined ? undefined : realEvents({ bus: EVENT_BUS, instance: INSTANCE });

/** Codes of calls that AWS refused, and of secrets that are missing or cannot be decrypted (lib/platform/aws/clients.ts). */
const DENIED =
  /\.(Kms|KMS\.)?AccessDenied|\.AuthorizationError|^(SSM|SecretsManager)\.(ParameterNotFound|ResourceNotFoundException|InvalidKeyId|DecryptionFailure)/;

/** A log that counts each line about such a call as `AccessDenied`, and each about a bug as `Bugs`. Both are in a line. */
export function countingFaults(log: Log, metrics: Metrics): Log {
  const counted =
    (write: Log['error']): Log['error'] =>
    (message: string, facts?: Facts, error?: unknown) => {
      const code = String(facts?.code ?? '');
      if (DENIED.test(code)) metrics.add('AccessDenied', 1, 'Count', {});
      if (isBug(error)) metrics.add('Bugs', 1, 'Count', { code, error: classOf(error) });
      write(message, facts, error);
    };
  return { info: counted(log.info), warn: counted(log.warn), error: counted(log.error) };
}

export const unconfiguredLog = (): Log => realLog({ service: process.env.INSTANCE ?? 'unconfigured', level: 'INFO' });

/** Calls `start` once and keeps what it made. A failure is logged and thrown, and the next invocation starts again. */
export function coldStart<A extends unknown[], T>(start: (...args: A) => T): (...args: A) => T {
  let ready: T | undefined;
  return (...args) => {
    try {
      ready ??= start(...args);
      return ready;
    } catch (error) {
      const known = error instanceof ConfigError;
      const reason = known ? error.message : 'the function could not start';
      unconfiguredLog().error(reason, { code: 'NotConfigured' }, known ? undefined : error);
      throw error;
    }
  };
}

/** The variable by which `sls invoke local` names the function. Its context has no ARN. */
export const LOCAL_ARN = 'LOCAL_FUNCTION_ARN';

/** Region and account of the invoked function, by its ARN. Throws a ConfigError if the invocation names no function. */
export function placeOf(functionArn = process.env[LOCAL_ARN]): { region: string; account: string } {
  const [, , , region, account] = functionArn?.split(':') ?? [];
  if (region === undefined || account === undefined)
    throw new ConfigError('the invocation names no function: sls invoke local runs this one on stage local only');
  return { region, account };
}

/** The hashes of people with the key that the reference names. `config`: how to reach AWS, if not as functions do. */
export const hashPeopleWith = (reference: SecretReference, config?: Parameters<typeof realSecret>[1]): HashPeople =>
  personHashes(realSecret(reference, config), realClock);
