import { once } from 'node:events';
import { serveConsole } from '../console/serve';
import { OperatorError } from '../ops/operator';
import type { Run } from './command';
import { DEFAULT_CONSOLE_PORT } from './commands';
import { port as portOf } from './options';
import { callerOf } from './target';

/** The code of `sls console`. It ends with Ctrl-C. */
export const consoleRun: Run = async ({ options, out, deployment, target, serverless, publishAlarm }) => {
  const port = portOf(options, DEFAULT_CONSOLE_PORT);
  const write = options.write === true;
  const served = await serveConsole(
    { deployment: await deployment(), target, by: await callerOf(serverless), write, publishAlarm },
    port,
  ).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new OperatorError(`Port ${port} is in use. End the process that uses it, or choose another --port.`);
  });
  out.line(served.url);
  out.note(write ? 'Actions are allowed. Ctrl-C ends it.' : 'It only reads. --write allows actions. Ctrl-C ends it.');
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await served.close();
};
