import { folderOf } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import type { Problem } from '../instances/problems';
import { dlqName, queueName } from '../jobs/keys';
import type { Stack } from './stack';

/** What a deployment would leave behind: its old folder, and queues that it removes or replaces by another type. */
export interface Moves {
  problems: Problem[];
  /** The URLs of those queues and DLQs. */
  left: string[];
}

/** Compares an instance's file with the outputs of its deployed stack. `undefined`: nothing is deployed. */
export function movesOf(instance: Instance, deployed: Stack | undefined): Moves {
  const { Folder: folder, ...outputs } = deployed?.outputs ?? {};
  const kept = instance.rows.flatMap(({ name, type }) =>
    [queueName, dlqName].map((nameOf) => nameOf(instance.name, name, type)),
  );
  const left = Object.entries(outputs).flatMap(([key, url = '']) =>
    /(Queue|Dlq)Url$/.test(key) && !kept.includes(nameOf(url)) ? [url] : [],
  );
  const moved = folder !== undefined && folder !== folderOf(instance);
  return {
    problems: [
      ...left.map((url) => ({ path: 'queues', rule: `the deployed queue ${nameOf(url)} would be removed` })),
      ...(moved ? [{ path: 'prefix', rule: `the folder would change from ${folder} to ${folderOf(instance)}` }] : []),
    ],
    left,
  };
}

const nameOf = (url: string): string => url.split('/').at(-1) ?? '';
