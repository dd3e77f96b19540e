import { type Connection, findService, NOT_RUNNING } from '../local/connection';
import { connectFunctions, signedAsSendgrid } from '../local/invoke-local';
import type { CommandContext } from './command';
import { GUARDED } from './commands';
import { endHere } from './end-here';
import { text } from './options';
import type { Serverless } from './serverless';
import { LOCAL_ACCOUNT } from './target';
import { terminal } from './terminal';

/** Serverless's own commands about a stack on AWS, and what to do on this machine instead. */
const INSTEAD: Record<string, string> = {
  logs: 'npm start prints the logs of all functions in its own terminal.',
  metrics: 'sls queues and the console show the figures of the service on this machine.',
  invoke: 'To run a function, use sls invoke local.',
  remove: 'Ctrl-C in the terminal of npm start ends the service on this machine.',
};
const NO_STACK = 'The service on this machine (npm start) has no stack. Choose a deployment with --stage.';

/** Refuses a command that needs a stack. A deployment is refused elsewhere. */
export function refuseWithoutStack({ processedInput, classes }: Serverless): void {
  const name = processedInput.commands.join(' ');
  const refused = Object.hasOwn(INSTEAD, name) || name.startsWith('deploy list') || GUARDED.includes(name);
  if (refused && name !== 'deploy') throw new classes.Error(INSTEAD[name] ?? NO_STACK, 'NO_STACK');
}

/** `sls info`: the addresses of all parts of the service on this machine. */
export async function showLocal(serverless: Serverless): Promise<void> {
  const { api, endpoints } = await running(serverless);
  const lines = [['console, API', `${api}/`], ...Object.entries(endpoints)];
  for (const [name = '', url = ''] of lines) terminal.line(`${name.padEnd(16)}${url}`);
  terminal.line(INSTEAD.logs);
  await endHere(serverless);
}

/** Connects `sls invoke local` to the service on this machine. */
export async function connectLocal(serverless: Serverless): Promise<void> {
  const connection = await running(serverless);
  const { functions } = serverless.service;
  connectFunctions(connection, { functions, env: process.env, account: LOCAL_ACCOUNT });
}

/** Refuses `sls invoke local` without an event, and signs one of SendGrid on stage local. Changes `options`. */
export function prepareEvent(serverless: Serverless, options: CommandContext['options'], now: number): void {
  const name = text(options, 'function') ?? '';
  const { events = [] } = serverless.service.functions[name] ?? {};
  // A function on a schedule reads nothing of its event.
  if (!options.data && !events.some((event) => 'schedule' in event))
    throw new serverless.classes.Error(
      `The function ${name} needs an event: -p tests/fixtures/${kebab(name)}.json, or another file.`,
      'NO_EVENT',
    );
  if (serverless.getProvider('aws').getStage() === 'local')
    Object.assign(options, { data: signedAsSendgrid(options.data, now) });
}

async function running({ classes }: Serverless): Promise<Connection> {
  const connection = await findService();
  if (!connection) throw new classes.Error(NOT_RUNNING, 'NOT_RUNNING');
  return connection;
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
