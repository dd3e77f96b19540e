const CONSOLES: Record<string, string> = {
  aws: 'console.aws.amazon.com',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
  'aws-cn': 'console.amazonaws.cn',
};

/** Pages of the AWS console about the alarm with this ARN. `undefined`: not an alarm's ARN. */
export function consoleLinks(alarmArn: string) {
  const [, partition = '', , region = '', , , ...name] = alarmArn.split(':');
  const host = CONSOLES[partition];
  if (!host || !region) return undefined;
  const cloudWatch = `https://${region}.${host}/cloudwatch/home?region=${region}#`;
  return {
    alarm: `${cloudWatch}alarmsV2:alarm/${encodeURIComponent(name.join(':'))}`,
    /** The console expects a log group's name URL-encoded twice, with $ instead of %. */
    logs: (functionName: string) =>
      `${cloudWatch}logsV2:log-groups/log-group/${encodeURIComponent(encodeURIComponent(`/aws/lambda/${functionName}`)).replaceAll('%', '$')}`,
    dashboard: (dashboard: string) => `${cloudWatch}dashboards/dashboard/${encodeURIComponent(dashboard)}`,
  };
}
