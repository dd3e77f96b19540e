import { useState } from 'preact/hooks';
import type { CampaignPage, Campaigns, RecipientsMail } from '../api';
import { Action } from './action';
import { addressOf, param, useSend } from './api';
import { Chart, Legend, Strip } from './chart';
import { Answer, Card, Empty, Facts, Failure, jobLink, State, Table, Text, Time, Title, two } from './parts';
import { capital, count, counted, duration, shortId } from './text';

export function CampaignsPage() {
  const [id, day] = [param('id'), param('day')];
  if (id !== '') return <Answer path={addressOf('campaign', { id })} everyMs={5_000} show={One} />;
  const about = day ? `Accepted on ${day} (UTC).` : 'Of the last thirty days, and those that have not ended.';
  return (
    <>
      <Title text="Campaigns" about={about}>
        <form class="row push">
          <label class="filter">
            Day (UTC)
            <input name="day" pattern="\d{4}-\d\d-\d\d" placeholder="2026-01-31" defaultValue={day} />
          </label>
          {day && <a href="/console/campaigns">Last thirty days</a>}
        </form>
      </Title>
      <Answer path={addressOf('campaigns', { day })} everyMs={5_000} show={List} />
    </>
  );
}

const List = ({ campaigns, more }: Campaigns) => (
  <Card title={counted(campaigns.length, 'campaign', more)}>
    <Table
      empty={<Empty what="No campaigns.">Your API starts one with producer.campaign.</Empty>}
      label="Campaigns"
      rows={campaigns}
      id={({ id }) => id}
      columns={{
        Campaign: ({ id, name = 'without a name' }) => (
          <a href={addressOf('/console/campaigns', { id })}>{two(name, shortId(id), 'mono')}</a>
        ),
        Status: ({ status }) => <State state={status} />,
        Sent,
        'Accepted (UTC)': ({ accepted }) => <Time at={accepted} />,
        'Ended (UTC)': ({ ended }) => <Time at={ended} />,
      }}
    />
  </Card>
);

type Campaign = Campaigns['campaigns'][number];

export const Sent = ({ progress: { sent, perSecond, endsAt }, recipients }: Campaign) => (
  <>
    <progress aria-label="Sent" max={Math.max(1, recipients)} value={sent} /> {count(sent)} of {count(recipients)} sent
    {perSecond && `, ${perSecond} a second, ends about `}
    {endsAt && <Time at={endsAt} />}
  </>
);

const TONES: Record<string, string> = {
  accepted: 'fill-good',
  suppressed: 'fill-wait',
  refused: 'fill-bad',
  unknown: 'fill-wait',
  cancelled: 'fill-rest',
  'under way': 'fill-run',
  paused: 'fill-rest',
  'not released': 'fill-track',
};

function One(page: CampaignPage) {
  const { id, status, name, report, outcomes, recipientsByOutcome } = page;
  const { events, figures, jobs, rejected, duplicates, why, requested, recipients, suppressedBy } = report;
  const chunks = [...jobs.unknown, ...jobs.refused];
  return (
    <>
      <Title text={name ?? shortId(id)}>
        <State state={status} />
        <span class="mono quiet">{id}</span>
      </Title>
      {why && (
        <p class="card body problem needs-you failure">
          <strong>The guard paused it:</strong> {why}
        </p>
      )}
      <Progress {...page} />
      {Object.keys(outcomes.lines).length > 0 && (
        <Chart
          title="Outcomes over time"
          caption={`SendGrid's events in steps of ${duration(outcomes.step)}, from ${new Date(outcomes.from).toISOString()} on.`}
          {...{ ...outcomes, tones: { delivered: 'fill-good', bounce: 'fill-bad', deferred: 'fill-wait' } }}
        />
      )}
      <div class="columns">
        <Card title="Recipients" note={<Failed id={id} />}>
          <Facts
            facts={{ requested, 'rejected before': rejected, duplicates, ...recipientsByOutcome, ...suppressedBy }}
          />
        </Card>
        <Card title="SendGrid reported" note={<small>Each mail counts once</small>}>
          {Object.keys(events).length === 0 ? <Empty what="Nothing yet." /> : <Facts kind="numbers" facts={figures} />}
        </Card>
        {chunks.length > 0 && (
          <Card title="Chunks that need an operator">
            <ul class="list">
              {chunks.slice(0, 20).map((chunk) => (
                <li key={chunk}>{jobLink('emails', chunk, chunk)}</li>
              ))}
            </ul>
          </Card>
        )}
        <RecipientMail id={id} recipients={recipients} />
      </div>
    </>
  );
}

/** How far the campaign is, and what can be done to it. */
function Progress({ id, can, report, progress, accepted, ended, recipientsByOutcome }: CampaignPage) {
  const parts = Object.entries(recipientsByOutcome).map(([name, value]) => ({ name, value, tone: TONES[name] ?? '' }));
  const shown = Object.fromEntries(parts.map(({ name, value }) => [name, count(value)]));
  const acts = can.map((decision) => (
    <Action
      key={decision}
      label={capital(decision)}
      action={`campaign.${decision}`}
      input={{ id }}
      tone={decision === 'cancel' ? 'danger' : ''}
    />
  ));
  return (
    <Card title="Progress" note={<span class="row push">{acts}</span>}>
      <div class="body stack">
        <p>
          SendGrid accepted {count(progress.sent)} of {count(report.recipients)} mails
        </p>
        <Strip parts={parts} />
        <Legend of={shown} tones={TONES} />
      </div>
      <Facts
        kind="numbers"
        facts={{
          'Mails a second': progress.perSecond ?? '–',
          'Ends about (UTC)': <Time at={progress.endsAt} short />,
          'Accepted (UTC)': <Time at={accepted} />,
          'Ended (UTC)': <Time at={ended} />,
        }}
      />
    </Card>
  );
}

/** Saves the addresses that the campaign did not reach as a file. An audit object says so. */
function Failed({ id }: { id: string }) {
  const { send, busy, failure } = useSend();
  const save = ({ csv }: { csv: string }) => {
    const href = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }));
    Object.assign(document.createElement('a'), { href, download: `failed-${id}.csv` }).click();
    URL.revokeObjectURL(href);
  };
  return (
    <span class="row push">
      <small>Each counts once</small>
      <button type="button" disabled={busy} onClick={() => send('failed', { id }, save)}>
        Failed ones as CSV
      </button>
      <Failure error={failure} />
    </span>
  );
}

/** What a recipient reads, on request: it is personal data. */
function RecipientMail({ id, recipients }: { id: string; recipients: number }) {
  const [mail, setMail] = useState<RecipientsMail>();
  const { send, failure } = useSend();
  const { recipient, note, subject, unsubscribe, text, html, data } = mail ?? {};
  return (
    <Card title="What a recipient reads">
      <form
        class="body stack"
        onSubmit={(event) => {
          event.preventDefault();
          const number = Number(new FormData(event.currentTarget).get('number'));
          void send('mail', { id, number }, setMail);
        }}
      >
        <p class="quiet">An audit object will say that you saw it.</p>
        <label>
          Recipient, from 1 to {count(recipients)}
          <input name="number" type="number" required min={1} max={recipients} defaultValue={1} />
        </label>
        <button type="submit">Show the mail</button>
        <Failure error={failure} />
        {mail && <Facts facts={{ to: recipient?.email, subject, unsubscribe, note }} />}
        {Object.entries({ Text: text, HTML: html, Data: data }).map(
          ([label, of]) => of && <Text key={label} label={label} of={of} />,
        )}
      </form>
    </Card>
  );
}
