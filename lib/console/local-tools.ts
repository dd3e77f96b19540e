/** How a fake vendor can be broken. */
export const BREAKS = ['down', 'slow', '429', '401', 'lost'] as const;
export type Break = (typeof BREAKS)[number];

/** A fake vendor of the local service, with what it took and how it fails now. */
export interface LocalVendor {
  name: string;
  breaks: readonly string[];
  /** Tables of what it took: tickets, mails, testers. The newest first. */
  tables: { name: string; head: string[]; rows: string[][] }[];
}

/** What only the local service has. Its data is personal if a developer typed personal data. */
export interface LocalTools {
  vendors(): LocalVendor[];
  break(vendor: string, how: Break): Promise<void>;
  recover(vendor: string): Promise<void>;
  samples: readonly string[];
  /** Sends a sample job. Returns its queue and id. */
  send(sample: string): Promise<{ queue: string; id: string }>;
}

/** The fake vendors, and the jobs that can be sent. */
export interface LocalPage {
  vendors: LocalVendor[];
  samples: readonly string[];
  breaks: readonly string[];
}
