/** A server that runs for one whole test run: where it is, and how to end it. */
export type SharedService<T> = {
  value: T;
  stop: () => Promise<void>;
};
