/** List prices of us-east-1 in USD, without free tiers, as published in November 2025. */
export const PRICES = {
  /** https://aws.amazon.com/dynamodb/pricing/on-demand/ */
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  /** https://aws.amazon.com/s3/pricing/ */
  s3Put: 5e-6,
  s3Get: 0.4e-6,
  /** FIFO. https://aws.amazon.com/sqs/pricing/ */
  sqsRequest: 0.5e-6,
  /** On arm64. https://aws.amazon.com/lambda/pricing/ */
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 13.3334e-6,
  /** Of durable functions, as published when they began in December 2025. Not checked against a bill. */
  durableOperation: 8e-6,
  /** https://aws.amazon.com/cloudwatch/pricing/ */
  alarmMetric: 0.1,
  metric: 0.3,
  dashboard: 3,
  logGb: 0.5,
} as const;
