import { producerSettingsOf } from '../../resources/instances/instance';
import { readInstance } from '../../resources/instances/read';
import { awsVariables, findService, NOT_RUNNING } from './connection';
import { ACCOUNT } from './loopback';
import { run } from './stop';

/** Runs the example API in this process, with the variables that it has in production. */
async function main(): Promise<void> {
  const endpoints = await findService();
  if (!endpoints) throw new Error(NOT_RUNNING);
  const instance = readInstance('local');
  Object.assign(process.env, awsVariables(endpoints), {
    JOBS_INSTANCE: instance.name,
    JOBS_SETTINGS: JSON.stringify(producerSettingsOf(instance, ACCOUNT)),
    // On this machine the name of the secret is the key.
    WEBHOOK_KEY: instance.events.webhook?.key.replace('secretsmanager:', ''),
  });
  require('../../examples/express-api/src/main');
}

run(main);
