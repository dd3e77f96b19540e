import * as z from 'zod';
import { instanceFile } from './file';
import { readDefaults } from './read';

/** The JSON Schema of an instance's file, by which editors complete and check it. */
export function jsonSchema(root = process.cwd()): object {
  const { properties, ...schema } = z.toJSONSchema(instanceFile, { io: 'input' }) as {
    properties: Record<string, Table>;
  };
  const { additionalProperties: queue, ...queues } = properties.queues ?? {};
  const names = Object.keys(readDefaults(root).queues ?? {});
  const known = {
    ...queues,
    properties: Object.fromEntries(names.map((name) => [name, { $ref: '#/$defs/queue' }])),
    additionalProperties: false,
  };
  return { title: 'Instance', ...schema, properties: { ...properties, queues: known }, $defs: { queue } };
}

interface Table {
  additionalProperties?: unknown;
}

/** The text of `instances/schema.json`. */
export const schemaText = (root = process.cwd()): string => `${JSON.stringify(jsonSchema(root), null, 2)}\n`;
