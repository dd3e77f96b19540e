import type { Serverless } from './serverless';

/** Ends the command of this `sls` call without an error, before it changes anything. */
export async function endHere(serverless: Serverless): Promise<never> {
  // Serverless would report that the command is done.
  serverless.processedInput.commands = [];
  await serverless.pluginManager.spawn('aws:common:validate', { terminateLifecycleAfterExecution: true });
  throw new serverless.classes.Error('The command could not end here. Nothing was changed.', 'NOT_ENDED');
}
