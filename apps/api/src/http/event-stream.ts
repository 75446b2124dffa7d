/** Headers that make proxies pass events on at once (`x-accel-buffering` is for nginx). */
export const eventStreamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

/** A proxy that cuts a connection after five seconds of silence must not cut this one. */
export const heartbeatEveryMs = 3_000;

/** A comment of the event stream format: readers skip it. */
export const heartbeat = ":\n\n";

export type ServerSentEvent = { event: string; id: string; data: unknown };

/** One event in the format of https://html.spec.whatwg.org/multipage/server-sent-events.html. JSON has no line breaks of its own. */
export const formatEvent = ({ event, id, data }: ServerSentEvent): string =>
  `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
