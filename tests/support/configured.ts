/** The values of a user's .env. None of them is real. */
export const CONFIGURED = {
  BUCKET: 'team-bucket',
  ZENDESK_ENDPOINT: 'https://example.zendesk.com/api/v2',
  ZENDESK_EMAIL: 'agent@example.com',
  ZENDESK_TOKEN: 'ssm:/example/zendesk-token',
  SENDGRID_API_KEY: 'secretsmanager:example/sendgrid',
  SENDGRID_FROM_EMAIL: 'support@example.com',
  SENDGRID_EVENTS_KEY:
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
  APP_STORE_CONNECT_ISSUER_ID: '00000000-0000-4000-8000-000000000000',
  APP_STORE_CONNECT_KEY_ID: 'ABCDE12345',
  APP_STORE_CONNECT_PRIVATE_KEY: 'ssm:/example/app-store-connect-key',
  DISCORD_WEBHOOK_URL: 'ssm:/example/discord-webhook-url',
};
