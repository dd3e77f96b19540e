export function checked(of: 'sqs' | 'accept'): { id: string; check: string }[];
export function lineOf(row: { id: string }, result: string): string;
