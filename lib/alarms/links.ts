const CONSOLES: Record<string, string> = {
  aws: 'console.aws.amazon.com',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
  'aws-cn': 'console.amazonaws.cn',
};

/** Pages of AWS's console about an alarm of this ARN; `undefined` where it is none. */
export function consoleLinks(alarmArn: string) {
  const [, partition = '', , region = '', , , ...name] = alarmArn.split(':');
  const host = CONSOLES[partition];
  if (!host || !region) return undefined;
  const cloudWatch = `https://${region}.${host}/cloudwatch/home?region=${region}#`;
  return {
    alarm: `${cloudWatch}alarmsV2:alarm/${encodeURIComponent(name.join(':'))}`,
    /** The console wants the name of a log group encoded twice, with a dollar instead of the percent sign. */
    logs: (functionName: string) =>
      `${cloudWatch}logsV2:log-groups/log-group/${encodeURIComponent(encodeURIComponent(`/aws/lambda/${functionName}`)).replaceAll('%', '$')}`,
    dashboard: (dashboard: string) => `${cloudWatch}dashboards/dashboard/${encodeURIComponent(dashboard)}`,
  };
}
