import type { CampaignPage, Campaigns } from '../api';
import { Action } from './action';
import { addressOf, jobAddress, param } from './api';
import { Legend, Share } from './chart';
import { Answer, Card, capital, count, Empty, Facts, Numbers, State, shortId, Table, Time, Title } from './parts';

export function CampaignsPage() {
  const id = param('id');
  if (id === '') return <List day={param('day')} />;
  return (
    <Answer path={addressOf('campaign', { id })} everyMs={5_000}>
      {(campaign: CampaignPage) => <One campaign={campaign} />}
    </Answer>
  );
}

const List = ({ day }: { day: string }) => (
  <>
    <Title text="Campaigns">
      <p class="quiet">
        {day ? `Accepted on ${day} (UTC).` : 'Of the last thirty days, and those that have not ended.'}
      </p>
      <form class="row push">
        <label class={`filter ${day ? 'set' : ''}`}>
          Day (UTC)
          <input name="day" pattern="\d{4}-\d\d-\d\d" placeholder="2026-01-31" defaultValue={day} />
        </label>
        {day ? <a href="/console/campaigns">Last thirty days</a> : null}
      </form>
    </Title>
    <Answer path={addressOf('campaigns', { day })} everyMs={5_000}>
      {({ campaigns, more }: Campaigns) => (
        <Card title={`${count(campaigns.length, more)} ${campaigns.length === 1 ? 'campaign' : 'campaigns'}`}>
          <Table
            empty={<Empty what="No campaigns.">Your API starts one with producer.campaign.</Empty>}
            label="Campaigns"
            rows={campaigns}
            id={({ id }) => id}
            columns={{
              Campaign: ({ id, name }) => (
                <a href={addressOf('/console/campaigns', { id })}>
                  {name ?? 'without a name'}
                  <small class="mono">{shortId(id)}</small>
                </a>
              ),
              Status: ({ status }) => <State state={status} />,
              Sent,
              'Accepted (UTC)': ({ accepted }) => <Time at={accepted} />,
              'Ended (UTC)': ({ ended }) => <Time at={ended} />,
            }}
          />
        </Card>
      )}
    </Answer>
  </>
);

type Campaign = Campaigns['campaigns'][number];

const Sent = ({ progress: { sent, perSecond, endsAt }, recipients }: Campaign) => (
  <>
    <progress aria-label="Sent" max={Math.max(1, recipients)} value={sent} /> {count(sent)} of {count(recipients)} sent
    {perSecond === undefined ? null : `, ${perSecond} a second, ends about `}
    {endsAt === undefined ? null : <Time at={endsAt} />}
  </>
);

/** A campaign in a card of the overview. */
export const Line = ({ campaign }: { campaign: Campaign }) => (
  <li>
    <div class="row">
      <a href={addressOf('/console/campaigns', { id: campaign.id })}>{campaign.name ?? shortId(campaign.id)}</a>
      <State state={campaign.status} />
    </div>
    <small>
      <Sent {...campaign} />
    </small>
  </li>
);

const TONES = {
  accepted: 'fill-good',
  suppressed: 'fill-held',
  refused: 'fill-bad',
  unknown: 'fill-held',
  cancelled: 'fill-idle',
  'under way': 'fill-info',
  paused: 'fill-idle',
  'not released': 'fill-track',
};

function One({ campaign }: { campaign: CampaignPage }) {
  const { id, can, status, name, recipientsByOutcome: outcomes, report, progress, accepted, ended } = campaign;
  const { events, jobs, rejected, duplicates, why, requested, recipients, suppressedBy } = report;
  const chunks = [...jobs.unknown, ...jobs.refused];
  const shown = Object.fromEntries(Object.entries(outcomes).map(([kind, of]) => [kind, count(of)]));
  return (
    <>
      <Title text={name ?? shortId(id)}>
        <State state={status} />
        <span class="mono quiet">{id}</span>
      </Title>
      {why === undefined ? null : (
        <p class="card body problem needs-you failure">
          <strong>The guard paused it:</strong> {why}
        </p>
      )}
      <Card
        title="Progress"
        note={
          <span class="row push">
            {can.map((decision) => (
              <Action
                key={decision}
                label={capital(decision)}
                action={`campaign.${decision}`}
                input={{ id }}
                tone={decision === 'cancel' ? 'danger' : ''}
              />
            ))}
          </span>
        }
      >
        <div class="body stack">
          <p>
            SendGrid accepted {count(progress.sent)} of {count(recipients)} mails
          </p>
          <Share of={outcomes} tones={TONES} />
          <Legend of={shown} tones={TONES} />
        </div>
        <Numbers
          numbers={{
            'Mails a second': progress.perSecond ?? '–',
            'Ends about (UTC)': <Time at={progress.endsAt} short />,
            'Accepted (UTC)': <Time at={accepted} />,
            'Ended (UTC)': <Time at={ended} />,
          }}
        />
      </Card>
      <div class="columns">
        <Card title="Recipients" note={<small>Each counts once</small>}>
          <Facts facts={{ requested, 'rejected before': rejected, duplicates, ...shown, ...suppressedBy }} />
        </Card>
        <Card title="SendGrid reported">
          {Object.keys(events).length === 0 ? <Empty what="Nothing yet." /> : <Numbers numbers={events} />}
        </Card>
        {chunks.length > 0 ? (
          <Card title="Chunks that need an operator">
            <ul class="list">
              {chunks.slice(0, 20).map((chunk) => (
                <li key={chunk}>
                  <a class="mono" href={jobAddress('emails', chunk)}>
                    {chunk}
                  </a>
                </li>
              ))}
            </ul>
          </Card>
        ) : null}
      </div>
    </>
  );
}
