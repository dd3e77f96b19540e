import { useState } from 'preact/hooks';
import type { LocalPage as Page } from '../deps';
import { ask } from './api';
import { Answer, Failure, tellDone } from './parts';
import { jobAddress, Link } from './router';

export function LocalPage() {
  const [sent, setSent] = useState<{ queue: string; id: string }>();
  const [failure, setFailure] = useState<string>();
  const post = <T,>(path: string, body: unknown, onDone: (answer: T) => void = () => {}) =>
    ask<T>(`local/${path}`, body)
      .then(onDone)
      .then(
        () => tellDone(''),
        (refused: Error) => setFailure(refused.message),
      );
  return (
    <Answer path="local" everyMs={2_000}>
      {(page: Page) => (
        <>
          <h2>Send a job</h2>
          <div class="row">
            {page.samples.map((sample) => (
              <button type="button" key={sample} onClick={() => post('send', { sample }, setSent)}>
                {sample}
              </button>
            ))}
          </div>
          <p role="status">
            {sent && 'Sent: '}
            {sent && <Link to={jobAddress(sent.queue, sent.id)}>{`${sent.queue} ${sent.id}`}</Link>}
          </p>
          <Failure error={failure} />
          {page.vendors.map(({ name, breaks, fails }) => (
            <section key={name} aria-label={name}>
              <h2>{name}</h2>
              <div class="row">
                {page.breaks.map((how) => (
                  <button
                    type="button"
                    key={how}
                    aria-pressed={breaks.includes(how)}
                    onClick={() => post('break', { vendor: name, how })}
                  >
                    {how}
                  </button>
                ))}
                <button type="button" disabled={!fails} onClick={() => post('break', { vendor: name })}>
                  Recover
                </button>
              </div>
              <a href={`/fakes/${name}`}>What it has taken</a>
            </section>
          ))}
        </>
      )}
    </Answer>
  );
}
