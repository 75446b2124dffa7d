/** Cut out of what callers and logs are told. */
export const prompt = "a secret garden at dawn";
