/** A field of an answer to INFO; undefined where the server does not tell it (https://redis.io/docs/latest/commands/info/). */
export const infoField = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(\\S*)`, "m").exec(info)?.[1];
