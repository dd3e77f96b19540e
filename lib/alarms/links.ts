import { partitionOf } from '../aws/partition';

const CONSOLES: Record<string, string> = {
  aws: 'console.aws.amazon.com',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
  'aws-cn': 'console.amazonaws.cn',
};

/** Pages of the AWS console in a region. */
export function consoleLinks(region: string) {
  const cloudWatch = `https://${region}.${CONSOLES[partitionOf(region)]}/cloudwatch/home?region=${region}#`;
  // A name may come from any message on the topic.
  const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
  return {
    alarm: (name: string) => `${cloudWatch}alarmsV2:alarm/${encoded(name)}`,
    /** The console expects a log group's name URL-encoded twice, with $ instead of %. */
    logs: (functionName: string) =>
      `${cloudWatch}logsV2:log-groups/log-group/${encoded(encoded(`/aws/lambda/${functionName}`)).replaceAll('%', '$')}`,
    dashboard: (dashboard: string) => `${cloudWatch}dashboards/dashboard/${encoded(dashboard)}`,
  };
}
