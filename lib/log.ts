import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics as PowertoolsMetrics } from '@aws-lambda-powertools/metrics';
import type { Facts, Log, Metrics, Unit } from './ports';

/**
 * The keys that a log line may carry. A new one is added here, where it is seen: none may hold personal data, a body,
 * a vendor's text or a secret. `group` is the opaque id of a message group.
 */
const FACT_KEYS: ReadonlySet<string> = new Set(
  [
    ['queue', 'jobId', 'type', 'correlationId', 'messageId', 'group', 'sequence', 'receiveCount'],
    ['state', 'reason', 'outcome', 'attempt', 'attempts', 'opened', 'holds', 'step', 'duplicate'],
    ['class', 'code', 'status', 'field', 'vendor', 'rule'],
    ['ms', 'waitMs', 'visibilityMs', 'remainingMs', 'dueAt', 'until', 'bytes', 'count', 'times', 'kind', 'canary'],
  ].flat(),
);

const MAX_LENGTH = 512;

/**
 * JSON lines by Powertools' Logger. Only known keys with plain values get through, whatever a caller without types
 * passes: an error object would bring its request along. What was left out is named in `droppedFacts`.
 */
export function realLog({ service, level }: { service: string; level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' }): Log {
  const logger = new Logger({ serviceName: service, logLevel: level });
  return {
    info: (message, facts) => logger.info(message, known(facts)),
    warn: (message, facts) => logger.warn(message, known(facts)),
    error: (message, facts) => logger.error(message, known(facts)),
  };
}

function known(facts: Facts = {}): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    if (!FACT_KEYS.has(key)) dropped.push(key);
    else if (typeof value === 'string') kept[key] = value.slice(0, MAX_LENGTH);
    else if (typeof value === 'number' || typeof value === 'boolean') kept[key] = value;
    else dropped.push(key);
  }
  return dropped.length === 0 ? kept : { ...kept, droppedFacts: dropped.join(',').slice(0, MAX_LENGTH) };
}

/**
 * CloudWatch metrics as EMF lines by Powertools' Metrics, under the namespace of the instance. An EMF line has one set
 * of dimensions for all its metrics, so each combination of dimensions gets a line of its own.
 */
export function realMetrics({ namespace }: { namespace: string }): Metrics {
  let lines = new Map<string, PowertoolsMetrics>();

  const lineOf = (unit: Unit, dimensions: Record<string, string>): PowertoolsMetrics => {
    const sorted = Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1));
    // The unit is part of the key because Powertools throws on a name that comes again with another unit.
    const key = JSON.stringify([unit, sorted]);
    const line = lines.get(key) ?? emptyLine(namespace, Object.fromEntries(sorted));
    lines.set(key, line);
    return line;
  };

  return {
    add: (name, value, unit, dimensions) => {
      // A value that CloudWatch cannot take must not fail the job that it is about.
      if (Number.isFinite(value)) lineOf(unit, dimensions).addMetric(name, unit, value);
    },
    flush: () => {
      const ready = lines;
      lines = new Map();
      for (const line of ready.values()) if (line.hasStoredMetrics()) line.publishStoredMetrics();
    },
  };
}

/**
 * The dimensions are default ones: Powertools writes a full line (100 values) out by itself and forgets the others
 * with it. Its own `service` dimension goes: it would be part of every alarm's name.
 */
function emptyLine(namespace: string, dimensions: Record<string, string>): PowertoolsMetrics {
  const line = new EmfLine({ namespace });
  line.clearDefaultDimensions();
  line.setDefaultDimensions(dimensions);
  return line;
}

/**
 * Powertools writes an empty list of dimension sets for a metric without dimensions, of which CloudWatch makes no metric:
 * it makes one for each set, and a set may be empty.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
class EmfLine extends PowertoolsMetrics {
  override serializeMetrics(): ReturnType<PowertoolsMetrics['serializeMetrics']> {
    const line = super.serializeMetrics();
    for (const { Dimensions } of line._aws.CloudWatchMetrics) Dimensions[0] ??= [];
    return line;
  }
}
