import * as z from 'zod';
import { emailAddress as email, multiLine, singleLine } from '../../platform/text';

export const TESTFLIGHT_INVITE = 'testflight.invite.v1';
export const TESTFLIGHT_REMOVE = 'testflight.remove.v1';
export const TESTFLIGHT_NOTIFY_BUILD = 'testflight.notify-build.v1';

const appId = z
  .string()
  .regex(/^[0-9]{1,20}$/, "must be Apple's id of an app, digits")
  .describe("Apple's id of the app: 1 to 20 digits.");
const uuid = (what: string) => z.guid(`must be Apple's id of ${what}, a UUID`).toLowerCase();
/** A tester's groups, without repeats. The limit is far above what testers need. */
const groups = z
  .array(uuid('a group'))
  .min(1)
  .max(10)
  .refine((ids) => new Set(ids).size === ids.length, 'must not contain a group twice')
  .meta({ uniqueItems: true, description: "Apple's ids of groups of the app: 1 to 10 UUIDs, none twice." });

/** Our own branded mail in addition to Apple's. */
const notification = z.strictObject({
  appName: singleLine(100, 'The name of the app in the mail.'),
  message: multiLine(4_000, 'Your words in the mail.').optional(),
  url: z
    .url({ protocol: /^https$/, hostname: z.regexes.domain, error: 'must be an https URL' })
    // A user name in a link looks like the host to a reader.
    .regex(/^\w+:\/\/[^/?#@]*([/?#]|$)/, 'must not hold a user name or a password')
    .max(2_000)
    .optional()
    .describe('The link in the mail: an https URL of at most 2000 characters, without a user name.'),
});

/** The data of `testflight.invite.v1`. The groups belong to the app. */
export const inviteSchema = z.strictObject({
  app: appId,
  email,
  firstName: singleLine(50, "The tester's first name.").optional(),
  lastName: singleLine(50, "The tester's last name.").optional(),
  groups,
  resend: z.boolean().default(false).describe('true: sends another invitation if the tester already had one.'),
  notification: notification.optional().describe("A mail of your own, in addition to Apple's."),
});

const FROM = 'app: out of the app. groups: out of these groups.';
/** The data of `testflight.remove.v1`. It names some groups, or the app and so all its groups. */
export const removeSchema = z.discriminatedUnion(
  'from',
  [
    z.strictObject({
      app: appId,
      email,
      from: z.literal('app').describe(FROM),
    }),
    z.strictObject({ app: appId, email, from: z.literal('groups').describe(FROM), groups }),
  ],
  'must be "app", or "groups" with the field groups',
);

export const notifyBuildSchema = z.strictObject({
  app: appId,
  build: uuid('a build').describe("Apple's id of the build: a UUID."),
});

export type Invite = z.infer<typeof inviteSchema>;
export type InviteInput = z.input<typeof inviteSchema>;
export type Remove = z.infer<typeof removeSchema>;
export type RemoveInput = z.input<typeof removeSchema>;
export type NotifyBuild = z.infer<typeof notifyBuildSchema>;

export interface InviteResult {
  /** Apple's id of the tester. */
  testerId: string;
  /** `by-apple`: Apple mailed on its own when the tester joined a group. docs/testflight.md explains the others. */
  invitation: 'sent' | 'by-apple' | 'already-invited' | 'already-accepted' | 'pending-build' | `skipped: ${string}`;
  /** Whether our own mail was sent, if the job asked for one. `unknown`: SendGrid did not answer. */
  notification?: 'sent' | 'unknown' | `skipped: ${string}`;
}

export interface RemoveResult {
  /** Apple's id of the tester, if there was one. */
  testerId?: string;
  /** Whether the tester was there to remove. */
  removed: boolean;
}

export interface NotifyBuildResult {
  notification: 'sent';
}

/** The message group. Jobs about one app run in order, one at a time. */
export const testflightGroup = ({ app }: { app: string }): string => app;
