import { environmentSchemas } from '../../lib/config/functions';
import { MAIL_QUEUES } from '../../lib/worker/mail';
import type { InstanceFile, Stage } from './file';
import type { QueueRow } from './queue-row';

/** One client or environment, complete: the file, its profile and the defaults. */
export interface Instance {
  name: string;
  file: string;
  stage: Stage;
  /** Undefined only in the local stage. */
  account: string | undefined;
  region: string;
  bucket: string;
  prefix: string;
  /** Where the key of the hashes of people is stored, `ssm:/path`. The local stage has the key itself. */
  hashKey: string;
  retain: boolean;
  tags: Record<string, string>;
  /** The queues in use. */
  rows: QueueRow[];
  /** The rows of all queues that the profile knows, in use or not. */
  known: Record<string, QueueRow>;
  settings: InstanceFile;
}

/** Whether an instance has a function. The event webhook needs a queue that sends mail; the hours need analytics. */
export function hasFunction({ rows, known }: Instance, key: string): boolean {
  const uses = (queue: string) => rows.some(({ name }) => name === queue);
  if (key in known) return uses(key);
  if (key === 'emailEvents') return MAIL_QUEUES.some(uses);
  if (key === 'hours') return uses('analytics');
  return true;
}

export const functionsOf = (instance: Instance): string[] =>
  Object.keys(environmentSchemas).filter((key) => hasFunction(instance, key));
