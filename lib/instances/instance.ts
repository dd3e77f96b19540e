import type { InstanceFile, Stage } from './file';
import type { QueueRow } from './queue-row';

/** One client or environment, complete: the file, its profile and the defaults. */
export interface Instance {
  name: string;
  /** The path of its file, for messages. */
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
