import { expect } from 'chai';
import { circuitBreaker } from '../../../gates/llm/circuit-breaker.ts';
import { instant } from '../../domain/submission-examples.ts';

describe('The circuit breaker', () => {
  let seconds = 0;
  const open = () => {
    seconds = 0;
    return circuitBreaker(() => new Date(instant(seconds)));
  };

  it('opens when three submissions in a row got no answer, and closes by itself', () => {
    const breaker = open();
    breaker.unanswered('a', null);
    breaker.unanswered('b', null);
    expect(breaker.openUntil()).to.equal(null);
    breaker.unanswered('c', null);
    expect(breaker.openUntil()).to.equal(instant(30));
    seconds = 30;
    expect(breaker.openUntil()).to.equal(null);
  });

  it('is not opened by one submission, however often it gets none', () => {
    const breaker = open();
    for (let tries = 0; tries < 20; tries += 1) breaker.unanswered('a', null);
    expect(breaker.openUntil()).to.equal(null);
  });

  it('begins to count anew with every answer', () => {
    const breaker = open();
    breaker.unanswered('a', null);
    breaker.unanswered('b', null);
    breaker.answered();
    breaker.unanswered('c', null);
    expect(breaker.openUntil()).to.equal(null);
  });

  it('stays open twice as long each time, up to ten minutes, until somebody answers', () => {
    const breaker = open();
    const fail = () => {
      for (const id of ['a', 'b', 'c']) breaker.unanswered(id, null);
      const until = Date.parse(breaker.openUntil() ?? '');
      const lasted = (until - Date.parse(instant(seconds))) / 1_000;
      seconds += lasted;
      return lasted;
    };
    expect(Array.from({ length: 7 }, fail)).to.deep.equal([30, 60, 120, 240, 480, 600, 600]);
    breaker.answered();
    expect(fail()).to.equal(30);
  });

  it('opens at once for as long as the provider asks, and an answer that was under way doesn’t close it', () => {
    const breaker = open();
    breaker.unanswered('a', instant(90));
    breaker.answered();
    expect(breaker.openUntil()).to.equal(instant(90));
    breaker.unanswered('b', instant(40));
    expect(breaker.openUntil()).to.equal(instant(90));
  });
});
