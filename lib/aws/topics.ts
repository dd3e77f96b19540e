import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Topics } from '../ports';
import { guarded } from './store-error';

export const realTopics = (client: SNSClient): Topics => ({
  publish: (topicArn, { subject, text }) =>
    guarded('SNS')('Publish', async () => {
      await client.send(new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: text }));
    }),
});
