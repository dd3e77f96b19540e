import { realEvents } from '../aws/events';
import { realObjects } from '../aws/objects';
import { realQueues } from '../aws/queues';
import { realClock, realRandom } from '../aws/system';
import { realTable } from '../aws/table';
import { type CommonConfig, settingsOf } from '../config/common';
import { createLedger } from '../jobs/ledger';
import { realLog, realMetrics } from '../log';
import type { Events, Facts, Log, Metrics, Table } from '../ports';
import { circuitBreakers } from '../worker/circuit';
import type { BatchDeps } from '../worker/deps';

export function realDeps(config: CommonConfig): BatchDeps & { table: Table } {
  const settings = settingsOf(config);
  const base = { table: realTable({ table: config.TABLE }), clock: realClock, random: realRandom };
  const metrics = realMetrics({ namespace: config.INSTANCE });
  return {
    ...base,
    ledger: createLedger({ ...base, settings }),
    circuits: circuitBreakers(base),
    objects: realObjects({ bucket: config.BUCKET }),
    queues: realQueues(),
    log: countingDenied(realLog({ service: config.INSTANCE, level: config.LOG_LEVEL }), metrics),
    metrics,
    bucket: config.BUCKET,
    prefix: config.PREFIX,
    retryWaits: config.RETRY_WAITS,
    storeWait: config.STORE_WAIT,
    settings,
  };
}

/** Where a function publishes the ends of jobs, if the instance has a bus. */
export const publishedEvents = ({ EVENT_BUS, INSTANCE }: CommonConfig): Events | undefined =>
  EVENT_BUS === undefined ? undefined : realEvents({ bus: EVENT_BUS, instance: INSTANCE });

/** Codes of calls that AWS refused, and of secrets that are missing or cannot be decrypted (lib/aws/store-error.ts). */
const DENIED =
  /\.(Kms|KMS\.)?AccessDenied|\.AuthorizationError|^(SSM|SecretsManager)\.(ParameterNotFound|ResourceNotFoundException|InvalidKeyId|DecryptionFailure)/;

/** A log that counts each line about such a call as `AccessDenied`. Every code that a function meets is in a line. */
export function countingDenied(log: Log, metrics: Metrics): Log {
  const counted =
    (write: Log['error']): Log['error'] =>
    (message: string, facts?: Facts) => {
      if (DENIED.test(String(facts?.code ?? ''))) metrics.add('AccessDenied', 1, 'Count', {});
      write(message, facts);
    };
  return { info: counted(log.info), warn: counted(log.warn), error: counted(log.error) };
}
