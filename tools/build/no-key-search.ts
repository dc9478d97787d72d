// Stands in a bundle for the part of the AWS SDK that looks for keys on the machine: in files, in the environment, at
// metadata services. A task is always given its keys, must never find the agent's own by chance, and is 5 % smaller so.

/** The SDK's way to keys where a client was given none. */
export function defaultProvider(): () => Promise<never> {
  return () => Promise.reject(new Error('a client of AWS was made without keys'));
}
