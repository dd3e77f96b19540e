import { ignoreStoreError } from '../errors';
import type { Clock, Random, Table } from '../ports';
import { trialKey } from './keys';
import { ROW_LIFETIME_MS } from './schedule';

/**
 * What a worker notes of a message that SQS had dead-lettered before it looks at it, with nothing beside it. Once the
 * message lies in the DLQ again, the note tells a body that kills whoever reads it from one that was never reached:
 * no worker started, or another message of its batch killed it.
 */
export interface Trials {
  /** Notes that the message is about to be looked at; where that cannot be done, the work goes on without. */
  begin(queue: string, messageId: string): Promise<void>;
  /** The worker has outlived it, and could write nothing else that tells so. */
  forget(queue: string, messageId: string): Promise<void>;
  /** Whether a worker began with it and was not heard of again. */
  begun(queue: string, messageId: string): Promise<boolean>;
}

const VERSION = 1;

export function createTrials({ table, clock, random }: { table: Table; clock: Clock; random: Random }): Trials {
  return {
    begin: async (queue, messageId) => {
      const expiresAt = Math.ceil((clock.now() + ROW_LIFETIME_MS) / 1000);
      const note = { key: trialKey(queue, messageId), version: VERSION, writer: random.uuid(), expiresAt };
      // Noted already at an earlier delivery: that is as good.
      await table.put(note, VERSION - 1).catch(ignoreStoreError);
    },
    forget: async (queue, messageId) => {
      await table.delete(trialKey(queue, messageId), VERSION).catch(ignoreStoreError);
    },
    begun: async (queue, messageId) => (await table.get(trialKey(queue, messageId))) !== undefined,
  };
}
