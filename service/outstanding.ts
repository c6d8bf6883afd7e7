/** Questions to another thread that it hasn't answered yet, by number. */
export type Outstanding<Answer> = {
  /** Has a question sent under a number of its own. */
  ask(send: (id: number) => void): Promise<Answer>;
  answer(id: number, answer: Answer): void;
  fail(id: number, error: Error): void;
  failAll(error: Error): void;
};

export function outstanding<Answer>(): Outstanding<Answer> {
  const open = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  let questions = 0;
  const take = (id: number) => {
    const asked = open.get(id);
    open.delete(id);
    return asked;
  };
  return {
    ask: (send) =>
      new Promise((resolve, reject) => {
        questions += 1;
        open.set(questions, { resolve, reject });
        send(questions);
      }),
    answer: (id, answer) => take(id)?.resolve(answer),
    fail: (id, error) => take(id)?.reject(error),
    failAll(error) {
      for (const id of [...open.keys()]) take(id)?.reject(error);
    },
  };
}
