import { once } from 'node:events';
import { serveConsole } from '../console/serve';
import { chosenInstance } from '../instances/choose';
import { producerSettingsOf } from '../instances/producer';
import { awsVariables } from '../local/endpoints';
import { OperatorError } from '../ops/operator';
import type { Run } from './command';
import { DEFAULT_CONSOLE_PORT } from './commands';
import { requireService } from './connect';
import { port as portOf } from './options';
import { callerOf, namedTargetOf } from './target';

export const serviceRuns = {
  'alarms test': async ({ out, target: { instance }, publishAlarm, sls }) => {
    await publishAlarm({
      subject: 'A test of the alarms',
      text: 'An operator ran "sls alarms test". If you can read this, alarms reach this channel. There is nothing to do.',
    });
    out.line(`A test message is on its way from the topic ${instance}-alarms to the chat. It takes a few seconds.`);
    out.line(`If it does not arrive: ${sls('logs -f alarms --startTime 10m')}`);
  },

  /** It ends with Ctrl-C. */
  console: async ({ options, out, deployment, target, serverless, publishAlarm }) => {
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
  },

  'producer env': async ({ options, out, serverless }) => {
    const { instance, stage, region, account } = await namedTargetOf(serverless);
    const settings = JSON.stringify(producerSettingsOf(chosenInstance(options), account));
    const aws = stage === 'local' ? await localVariables() : {};
    for (const line of variableLines({
      JOBS_INSTANCE: instance,
      AWS_REGION: region,
      JOBS_SETTINGS: settings,
      ...aws,
    }))
      out.line(line);
  },
} satisfies Record<string, Run>;

/** The variables of the AWS SDK that lead to the service on this machine. */
async function localVariables(): Promise<Record<string, string>> {
  const { endpoints, region } = await requireService();
  return awsVariables(endpoints, region);
}

/** For a shell or a file of variables. A quote, which the bucket's prefix may have, would end the value. */
export const variableLines = (variables: Record<string, string>): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}='${value.replaceAll("'", '\\u0027')}'`);
