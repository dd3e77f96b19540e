/** Another campaign brings the same content to the same recipients (an API's 409). `id` is that campaign. Nothing is sent. */
export class RepeatedCampaignError extends Error {
  override readonly name = 'RepeatedCampaignError';

  constructor(readonly id: string) {
    super('this content went to these recipients within the last 24 hours. To send it once more, say again: true');
  }
}
