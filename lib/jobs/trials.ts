import { ignoreStoreError } from '../errors';
import type { Clock, Random, Table } from '../ports';
import { trialKey } from './keys';
import { ROW_LIFETIME_MS } from './schedule';

/**
 * A worker makes a note before it reads a message that came back from the DLQ. It reads such a message while no other job
 * runs. If the message is dead-lettered again, the note shows a poison message. Without a note no worker reached the
 * message: no worker started, or another message of the batch killed it.
 */
export interface Trials {
  /** Notes that a worker begins with the message. If the note fails, the work goes on without it. */
  begin(queue: string, messageId: string): Promise<void>;
  /** Removes the note, if the worker survived the message and could store no outcome. */
  forget(queue: string, messageId: string): Promise<void>;
  /** Whether a worker began with the message and did not finish. */
  begun(queue: string, messageId: string): Promise<boolean>;
}

const VERSION = 1;

export function createTrials({ table, clock, random }: { table: Table; clock: Clock; random: Random }): Trials {
  return {
    begin: async (queue, messageId) => {
      const expiresAt = Math.ceil((clock.now() + ROW_LIFETIME_MS) / 1000);
      const note = { key: trialKey(queue, messageId), version: VERSION, writer: random.uuid(), expiresAt };
      // A note of an earlier delivery serves as well.
      await table.put(note, VERSION - 1).catch(ignoreStoreError);
    },
    forget: async (queue, messageId) => {
      await table.delete(trialKey(queue, messageId), VERSION).catch(ignoreStoreError);
    },
    begun: async (queue, messageId) => (await table.get(trialKey(queue, messageId))) !== undefined,
  };
}
