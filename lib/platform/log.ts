import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics as PowertoolsMetrics } from '@aws-lambda-powertools/metrics';
import { bugFacts } from './bug';
import { isBug } from './errors';
import type { Facts, Log, Metrics, Unit } from './ports';
import { visible } from './text';

/**
 * The keys that a log line may carry. None may hold personal data, a body, a vendor's text or a secret. New keys are
 * added here, where a reviewer sees them. A message group is not among them, because it can be the hash of an address.
 */
const FACT_KEYS: ReadonlySet<string> = new Set(
  [
    [
      ...['queue', 'jobId', 'parent', 'campaign', 'type', 'correlationId', 'traceparent'],
      ...['messageId', 'sequence', 'receiveCount'],
    ],
    ['state', 'reason', 'outcome', 'attempt', 'attempts', 'holds', 'step', 'duplicate'],
    ['class', 'code', 'error', 'frames', 'status', 'field', 'vendor', 'rule', 'key', 'event'],
    ['ms', 'waitMs', 'visibilityMs', 'remainingMs', 'until', 'bytes', 'count', 'times', 'kind', 'canary'],
  ].flat(),
);

const MAX_LENGTH = 512;

/**
 * Writes JSON lines with Powertools' Logger. Drops unknown keys and values that are not plain, because an error object
 * would carry its request into the log. `droppedFacts` names what was dropped.
 */
export function realLog({ service, level }: { service: string; level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' }): Log {
  const logger = new Logger({ serviceName: service, logLevel: level });
  return {
    info: (message, ...given) => logger.info(message, known(...given)),
    warn: (message, ...given) => logger.warn(message, known(...given)),
    error: (message, ...given) => logger.error(message, known(...given)),
  };
}

function known(given: Facts = {}, error?: unknown): Record<string, string | number | boolean> {
  const facts = isBug(error) ? { ...given, ...bugFacts(error) } : given;
  const kept: Record<string, string | number | boolean> = {};
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    if (!FACT_KEYS.has(key)) dropped.push(key);
    else if (typeof value === 'string') kept[key] = visible(value.slice(0, MAX_LENGTH));
    else if (typeof value === 'number' || typeof value === 'boolean') kept[key] = value;
    else dropped.push(key);
  }
  return dropped.length === 0 ? kept : { ...kept, droppedFacts: dropped.join(',').slice(0, MAX_LENGTH) };
}

/**
 * Writes CloudWatch metrics as EMF lines with Powertools' Metrics, under the instance's namespace. An EMF line has one
 * set of dimensions for all its metrics, so each combination of dimensions gets its own line.
 */
export function realMetrics({ namespace }: { namespace: string }): Metrics {
  const lines = new Map<string, PowertoolsMetrics>();

  const lineOf = (unit: Unit, dimensions: Record<string, string>): PowertoolsMetrics => {
    const sorted = Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1));
    // The unit is part of the key because Powertools throws when a name comes back with another unit.
    const key = JSON.stringify([unit, sorted]);
    const known = lines.get(key);
    if (known) return known;
    const line = new EmfLine({ namespace });
    // Powertools writes a full line (100 values) on its own and then forgets all dimensions but the default ones. Its
    // own `service` is removed, because every alarm would have to name it.
    line.clearDefaultDimensions();
    line.setDefaultDimensions(Object.fromEntries(sorted));
    lines.set(key, line);
    return line;
  };

  return {
    add: (name, value, unit, dimensions) => {
      // CloudWatch cannot take such a value, and a metric must not fail its job.
      if (Number.isFinite(value)) lineOf(unit, dimensions).addMetric(name, unit, value);
    },
    flush: async () => {
      for (const line of lines.values()) if (line.hasStoredMetrics()) line.publishStoredMetrics();
    },
  };
}

/**
 * CloudWatch makes one metric for each set of dimensions. For a metric without dimensions Powertools writes no set at
 * all, so CloudWatch would make no metric. One empty set fixes that.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
class EmfLine extends PowertoolsMetrics {
  override serializeMetrics(): ReturnType<PowertoolsMetrics['serializeMetrics']> {
    const line = super.serializeMetrics();
    for (const directive of line._aws.CloudWatchMetrics) directive.Dimensions[0] ??= [];
    return line;
  }
}
