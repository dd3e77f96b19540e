import { queueAlarms } from '../../../resources/alarms';
import { queueRow } from '../../support/queue-row';

test('the alarms of a queue have the limits of its row', () => {
  const specs = queueAlarms(queueRow('feedback', { alarms: { dlqDepth: 7 } }), { instance: 'acme', canaryMinutes: 0 });

  expect(specs.find(({ kind }) => kind === 'dlq-depth')?.threshold).toBe(7);
  expect(specs.find(({ kind }) => kind === 'oldest-message')?.threshold).toBe(1800);
});
