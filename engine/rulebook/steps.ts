/**
 * Work in pieces, each as short as one action of a rulebook: whoever runs it may do something else wherever it yields. What
 * it returns does not depend on when it was let go on.
 */
export type Steps<T> = Generator<void, T, void>;

/** All of it at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
