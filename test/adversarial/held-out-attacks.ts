/** What is tried in held-out runs elsewhere than in a bundle of this suite; `test` is a test's title, or a function's name. */
export const heldOutAttacks: readonly {
  readonly does: string;
  readonly why: string;
  readonly verdict: string;
  readonly file: string;
  readonly test: string;
}[] = [
  ...inReferee([
    {
      does: 'carries val rows out in what it raises, prints or returns',
      why: 'nothing comes out but words of ours and two numbers, rounded to 1e-4; no log is kept',
      verdict: 'none of the text in the result',
      test: 'test_what_goes_wrong_is_told_by_a_word_of_ours',
    },
    {
      does: "puts something into the referee's own lines",
      why: 'the referee says ids and words of its own alone',
      verdict: 'none of the text on the way',
      test: 'test_nothing_but_events_and_numbers_is_said_on_the_way',
    },
    {
      does: 'is honest in its run and looks ahead in val',
      why: 'two fresh contestants that can’t talk must agree, one of them asked blind at thousands of cuts',
      verdict: 'disagree',
      test: 'test_a_model_that_looks_ahead_disagrees_with_itself',
    },
    {
      does: 'plays dumb where it finds itself untrained',
      why: 'the twin is clipped at the uniform code',
      verdict: 'measured, and gains nothing',
      test: 'test_a_twin_that_plays_dumb_gains_nothing',
    },
    {
      does: 'crashes, stalls or answers nonsense on purpose, at once, later, or as twin or witness only',
      why: "a held-out run that fails by the contestant's fault costs the penalty",
      verdict: 'failed',
      test: 'test_what_goes_wrong_is_told_by_a_word_of_ours',
    },
    {
      does: 'dies without a word',
      why: 'the same',
      verdict: 'lost',
      test: 'test_a_contestant_that_dies_is_lost',
    },
    {
      does: 'exports rubbish, or a state that is none of its own',
      why: 'a state is safetensors, loaded strictly, never unpickled',
      verdict: 'failed',
      test: 'test_rubbish_for_a_state_is_the_contestant_s_fault',
    },
  ]),
  ...inService([
    {
      does: 'crashes on purpose, in real containers',
      why: 'the penalty is half the score, and the tie-break is against it',
      verdict: 'completed with half its score',
      test: 'halves the score of one that crashes on purpose, and repeats nothing of what it says',
    },
    {
      does: 'is honest in its run and looks ahead in val, in real containers',
      why: 'the same',
      verdict: 'completed with half its score',
      test: 'halves the score of one that looks ahead only where it is measured apart',
    },
  ]),
];

type Tried = Omit<(typeof heldOutAttacks)[number], 'file'>;

/** Processes, without containers. */
function inReferee(tried: readonly Tried[]) {
  return tried.map((one) => ({ ...one, file: 'gpu-runner/tests/test_heldout.py' }));
}

function inService(tried: readonly Tried[]) {
  return tried.map((one) => ({ ...one, file: 'test/service/held-out.container.test.ts' }));
}
