import { folderOf } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import type { Problem } from '../instances/problems';
import { queueName } from '../jobs/keys';
import type { Template } from './serverless';

/** Where an instance keeps its jobs. */
export interface Place {
  /** `{bucket}/{prefix}`. Empty in a template without functions, as the first deployment begins with. */
  folder: string;
  /** Its queues without DLQs. */
  queues: string[];
}

/** Where the file of the instance says. */
export const placeInFile = (instance: Instance): Place => ({
  folder: folderOf(instance),
  queues: instance.rows.map(({ name, type }) => queueName(instance.name, name, type)),
});

/** Where a template says. Templates of released code say it alike. */
export function placeIn({ Resources }: Template): Place {
  const resources = Object.entries(Resources);
  const folders = resources.flatMap(([, { Type, Properties }]) => {
    const { BUCKET: bucket, PREFIX: prefix } = (Properties as Properties)?.Environment?.Variables ?? {};
    if (Type !== 'AWS::Lambda::Function' || bucket === undefined || prefix === undefined) return [];
    return [folderOf({ bucket, prefix })];
  });
  return {
    folder: [...new Set(folders)].join(', '),
    queues: resources.flatMap(([id, { Type, Properties }]) =>
      Type === 'AWS::SQS::Queue' && id.endsWith('Queue') ? [String((Properties as Properties)?.QueueName)] : [],
    ),
  };
}

type Properties =
  | { Environment?: { Variables?: { BUCKET?: string; PREFIX?: string } }; QueueName?: string }
  | undefined
  | null;

/** The deployed queues that would be removed, or replaced because their type has changed, and the folder that would change. */
export const movesOf = (deployed: Place, next: Place): Problem[] => [
  ...deployed.queues
    .filter((queue) => !next.queues.includes(queue))
    .map((queue) => ({ path: 'queues', rule: `the deployed queue ${queue} would be removed` })),
  ...(deployed.folder === '' || deployed.folder === next.folder
    ? []
    : [{ path: 'prefix', rule: `the folder would change from ${deployed.folder} to ${next.folder}` }]),
];

/**
 * The moves of a deployment that must wait. Held and dead jobs have their bodies in the old folder, and campaigns their
 * lists. `unfinished`: how many jobs and campaigns have not ended, or more. Asked only if something moves.
 */
export async function moveProblems(
  deployed: Template,
  next: Place,
  unfinished: () => Promise<number>,
): Promise<Problem[]> {
  const moves = movesOf(placeIn(deployed), next);
  const count = moves.length === 0 ? 0 : await unfinished();
  if (count === 0) return [];
  const waiting = `while jobs or campaigns have not ended (${count} or more). Wait until sls jobs list and sls campaign list show none`;
  return moves.map(({ path, rule }) => ({ path, rule: `${rule} ${waiting}` }));
}
