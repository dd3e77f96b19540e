import { gzipSync, type ZlibOptions } from 'node:zlib';
import { parseEnvelope, parseOrPark } from '../../lib/engine/jobs/envelope';
import { handleBatch } from '../../lib/engine/worker/batch';
import type { Objects } from '../../lib/platform/ports';
import { dataKey } from '../../lib/queues/analytics/keys';
import { analyticsSchema, problemOf } from '../../lib/queues/analytics/message';
import { analyticsContract, encodeBatch } from '../../lib/queues/analytics/process';
import { memoryEngine, PREFIX } from '../support/engine';
import { memoryObjects } from '../support/memory-objects';
import { type Handler, plainLoop, powertools } from './rivals';

/** A bucket that counts objects and bytes and stores nothing. */
export function countingObjects() {
  const counted = { puts: 0, bytes: 0 };
  const put: Objects['put'] = async (_key, body) => {
    counted.puts++;
    counted.bytes += body.length;
  };
  const create: Objects['create'] = async (...object) => put(...object).then(() => 'created');
  return { objects: { ...memoryObjects(), put, create }, counted };
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };
const none = { add: () => {}, flush: async () => {} };

export function engineWorker(objects: Objects, noAddressesFrom?: number): Handler {
  const contract = analyticsContract({ objects, metrics: none, prefix: PREFIX, noAddressesFrom });
  const deps = { ...memoryEngine(() => contract).deps, objects, log: silent, metrics: none };
  return (event) => handleBatch({ deps, contract, event, remainingMs: 20_000 });
}

/** The theoretical limit: only parses the same bodies and compresses the same lines, by their message. */
export const limit = (objects: Objects, lines: Map<string, Uint8Array>, gzip: ZlibOptions = {}): Handler =>
  plainLoop(async ({ body, messageId }) => {
    JSON.parse(body);
    await objects.put(messageId, gzipSync(lines.get(messageId) ?? '', gzip), 'application/gzip');
  });

export const objectPerEvent = (objects: Objects): Handler =>
  plainLoop(async ({ body }) => {
    const envelope = JSON.parse(body) as { id: string; time: string; data: { events: [object] } };
    const [event] = envelope.data.events;
    const time = Date.parse(envelope.time);
    if (problemOf(event, time)) throw new Error('invalid');
    const line = gzipSync(`${JSON.stringify(event)}\n`);
    await objects.put(dataKey(PREFIX, { time, id: envelope.id }), line, 'application/gzip');
  });

export const onPowertools = (objects: Objects): Handler =>
  powertools(async ({ body }) => {
    const envelope = parseEnvelope(body);
    const { accepted } = encodeBatch(envelope, parseOrPark(analyticsSchema, envelope.data).data.events);
    const key = dataKey(PREFIX, { time: Date.parse(envelope.time), id: envelope.id });
    if (accepted) await objects.create(key, accepted.bytes, 'application/gzip');
  });
