import { REPLACING } from './difference';
import type { Template } from './serverless';

/** What a deployment would take from a resource that holds messages or rows. Retentions are seconds. */
export type Loss =
  | { of: 'queue'; name: string; change: 'removed' | 'replaced' }
  | { of: 'retention'; name: string; seconds: number }
  | { of: 'table'; name: string; change: 'removed' | 'replaced' };

type Properties = Record<string, unknown>;
const propertiesOf = ({ Properties = {} }: Template['Resources'][string]): Properties => Properties as Properties;

const HOLDS_DATA = ['AWS::SQS::Queue', 'AWS::DynamoDB::Table'];

/** SQS's default for a queue without a retention. */
const DEFAULT_RETENTION = 345_600;
const retentionOf = ({ MessageRetentionPeriod = DEFAULT_RETENTION }: Properties): number =>
  Number(MessageRetentionPeriod);

/** Compares the deployed template with the compiled one. Whether a queue is empty, only SQS can say. */
export function lossesOf(deployed: Template, compiled: Template): Loss[] {
  return Object.entries(deployed.Resources).flatMap(([id, resource]): Loss[] => {
    if (!HOLDS_DATA.includes(resource.Type)) return [];
    const replacing = REPLACING[resource.Type] ?? [];
    const isQueue = resource.Type === 'AWS::SQS::Queue';
    const before = propertiesOf(resource);
    const name = String(before[isQueue ? 'QueueName' : 'TableName'] ?? id);
    const next = compiled.Resources[id];
    const lost = (change: 'removed' | 'replaced'): Loss[] => [{ of: isQueue ? 'queue' : 'table', name, change }];
    if (next?.Type !== resource.Type) return lost('removed');
    const after = propertiesOf(next);
    if (replacing.some((property) => JSON.stringify(before[property]) !== JSON.stringify(after[property])))
      return lost('replaced');
    if (!isQueue || retentionOf(after) >= retentionOf(before)) return [];
    return [{ of: 'retention', name, seconds: retentionOf(after) }];
  });
}

/** Whether a queue or a table that outlives the stack now would go with it from then on. */
export const endsProtection = (deployed: Template, next: Template): boolean =>
  Object.entries(next.Resources).some(
    ([id, { Type, DeletionPolicy }]) =>
      HOLDS_DATA.includes(Type) && DeletionPolicy !== 'Retain' && deployed.Resources[id]?.DeletionPolicy === 'Retain',
  );

/** What a removal of the stack would take: the queues that do not outlive it. */
export const removedWith = ({ Resources }: Template): Loss[] => {
  const going = Object.entries(Resources).filter(
    ([, { Type, DeletionPolicy }]) => Type === 'AWS::SQS::Queue' && DeletionPolicy !== 'Retain',
  );
  return lossesOf({ Resources: Object.fromEntries(going) }, { Resources: {} });
};

/** How many messages a queue has now, approximately. A queue that does not exist has none. */
type Messages = (queue: string) => Promise<number>;

/**
 * A line for each loss that would happen, with the safe way. A shorter retention is one for any message, because nothing
 * tells the age of the oldest: CloudWatch is late, and counts a message in a DLQ from its move.
 */
export async function lossProblems(losses: readonly Loss[], messages: Messages): Promise<string[]> {
  const lines = await Promise.all(losses.map((loss) => problemOf(loss, messages)));
  return lines.filter((line) => line !== undefined);
}

async function problemOf(loss: Loss, messages: Messages): Promise<string | undefined> {
  const { name } = loss;
  if (loss.of === 'table')
    return `The table ${name} would be ${loss.change}, with the rows of all jobs. Undo that change, or deploy a new instance beside this one.`;
  const count = await messages(name);
  if (count === 0) return undefined;
  const empty = 'it is empty: let its worker finish, or redrive or discard its dead jobs.';
  if (loss.of === 'queue')
    return `The queue ${name} would be ${loss.change} with about ${count} messages. Keep it until ${empty}`;
  const hours = Math.ceil(loss.seconds / 3600);
  return `The queue ${name} would keep messages for ${hours} hours only, and has about ${count}. SQS would delete the older ones. Wait until ${empty}`;
}
