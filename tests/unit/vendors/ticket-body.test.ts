import { type Ticket, ticketBody } from '../../../lib/vendors/zendesk';
import { aTicket } from '../../support/vendors';

afterEach(() => jest.useRealTimers());

test('equal tickets make equal bytes at any time and with their keys in any order', () => {
  const ticket = aTicket({ customFields: [{ id: 7, value: ['a', 'b'] }], priority: 'high', uploads: ['token'] });
  const reversed = Object.fromEntries(Object.entries(ticket).reverse()) as unknown as Ticket;
  reversed.requester = { email: ticket.requester.email, name: ticket.requester.name };
  reversed.customFields = [{ value: ['a', 'b'], id: 7 }];

  const first = ticketBody(ticket);
  jest.useFakeTimers({ now: 0 });
  const second = ticketBody(reversed);

  expect(second).toBe(first);
});

test('a ticket omits fields that were not set', () => {
  expect(JSON.parse(ticketBody(aTicket({ tags: [] })))).toEqual({
    ticket: {
      external_id: '0190a1b2-0000-7000-8000-000000000001',
      subject: 'The export is empty',
      comment: { body: 'It was not empty yesterday.' },
      requester: { name: 'A User', email: 'user@example.com' },
    },
  });
});
