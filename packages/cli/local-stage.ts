import { connectFunctions, findService, NOT_RUNNING, signedAsSendgrid } from '../local/connection';
import { type Options, text } from './command';
import { GUARDED, READING } from './commands';
import { LOCAL_ACCOUNT, type Serverless } from './target';

const NO_STACK =
  'The service on this machine has no stack: npm start prints its addresses and logs. Choose a deployment with --stage.';
/** Serverless's own commands about a stack. `deploy` is refused elsewhere. */
const ABOUT_STACK = [...READING, ...Object.keys(GUARDED)].filter((name) => name !== 'deploy');

export function refuseWithoutStack({ processedInput, classes }: Serverless): void {
  if (ABOUT_STACK.includes(processedInput.commands.join(' '))) throw new classes.Error(NO_STACK, 'NO_STACK');
}

export async function connectLocal(serverless: Serverless): Promise<void> {
  const connection = await findService();
  if (!connection) throw new serverless.classes.Error(NOT_RUNNING, 'NOT_RUNNING');
  const { functions } = serverless.service;
  connectFunctions(connection, { functions, env: process.env, account: LOCAL_ACCOUNT });
}

/** Refuses `sls invoke local` without an event, and signs one of SendGrid on stage local. Changes `options`. */
export function prepareEvent(serverless: Serverless, options: Options, now: number): void {
  const name = text(options, 'function') ?? '';
  const file = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { events = [] } = serverless.service.functions[name] ?? {};
  // A function on a schedule reads nothing of its event.
  if (!options.data && !events.some((event) => 'schedule' in event))
    throw new serverless.classes.Error(
      `The function ${name} needs an event: -p tests/fixtures/${file}.json, or another file.`,
      'NO_EVENT',
    );
  if (serverless.getProvider('aws').getStage() === 'local')
    Object.assign(options, { data: signedAsSendgrid(options.data, now) });
}
