import { createHash, hash } from 'node:crypto';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { invalidValue, SqsError } from './errors';

export type Attributes = Record<string, MessageAttributeValue>;

const ATTRIBUTE_LIMIT = 10;
/** Characters that XML 1.0 does not allow, lone surrogates included. */
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

export const bodyMd5 = (body: string): string => hash('md5', body);

/** Bytes that count against the limit: the body, and the name, type and value of each attribute. */
export const sizeOf = (body: string, attributes: Attributes = {}): number =>
  Object.entries(attributes).reduce(
    (bytes, [name, { DataType = '', StringValue = '', BinaryValue }]) =>
      bytes + Buffer.byteLength(name + DataType + StringValue) + (BinaryValue?.byteLength ?? 0),
    Buffer.byteLength(body),
  );

export function checkBody(body: string | undefined): string {
  if (!body) throw new SqsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  const found = FORBIDDEN.exec(body)?.[0];
  if (found === undefined) return body;
  const code = found.codePointAt(0)?.toString(16).toUpperCase();
  throw new SqsError(
    'InvalidMessageContents',
    `Invalid binary character '#x${code}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].`,
  );
}

export function checkSize(bytes: number, limit: number): void {
  if (bytes > limit)
    throw new SqsError(
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`,
    );
}

export function checkAttributesOf(attributes: Attributes): void {
  const entries = Object.entries(attributes);
  const refuse = (message: string) => new SqsError('InvalidParameterValue', message);
  if (entries.length > ATTRIBUTE_LIMIT)
    throw refuse(`Number of message attributes [${entries.length}] exceeds the allowed maximum [${ATTRIBUTE_LIMIT}].`);
  for (const [name, { DataType = '', StringValue, BinaryValue }] of entries) {
    const [type = ''] = DataType.split('.');
    if (!(type === 'Binary' ? BinaryValue?.byteLength : StringValue))
      throw refuse(`Message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`);
    if (StringValue && FORBIDDEN.test(StringValue))
      throw refuse(`Message (user) attribute '${name}' contains characters that are not allowed.`);
  }
}

/** Checks a group id or a deduplication id. */
export function checkToken(parameter: string, value: string): void {
  if (!/^[!-~]{1,128}$/.test(value))
    throw invalidValue(
      parameter,
      value,
      `${parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
    );
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation */
export function attributesMd5(attributes: Attributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const digest = createHash('md5');
  const add = (value: string | Uint8Array) => {
    const bytes = Buffer.from(value as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    digest.update(length).update(bytes);
  };
  for (const name of names) {
    const { DataType = '', StringValue, BinaryValue } = attributes[name] ?? {};
    add(name);
    add(DataType);
    digest.update(Buffer.of(BinaryValue ? 2 : 1));
    add(BinaryValue ?? StringValue ?? '');
  }
  return digest.digest('hex');
}
