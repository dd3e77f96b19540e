import type { Run } from './command';

/** The code of `sls alarms …`. */
export const alarmsRuns = {
  'alarms test': async ({ out, target: { instance }, publishAlarm, sls }) => {
    await publishAlarm({
      subject: 'A test of the alarms',
      text: 'An operator ran "sls alarms test". If you can read this, alarms reach this channel. There is nothing to do.',
    });
    out.line(`A test message is on its way from the topic ${instance}-alarms to the chat. It takes a few seconds.`);
    out.line(`If it does not arrive: ${sls('logs -f alarms --startTime 10m')}`);
  },
} satisfies Record<string, Run>;
