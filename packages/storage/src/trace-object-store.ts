import type { Tracer } from "@darkroom/tracing";
import type { ObjectStore } from "./object-store.ts";

/**
 * The same store with a span for each write, read and removal that is part of a trace. What the service does for itself, such as its check at the
 * start, has none. The span of a read ends when the object is open, and not when its bytes are read.
 */
export function traceObjectStore(store: ObjectStore, tracer: Tracer): ObjectStore {
  if (!tracer.isOn) return store;

  function traced<T>(
    operation: string,
    attributes: Record<string, string | number>,
    work: () => Promise<T>,
  ): Promise<T> {
    if (!tracer.hasActive()) return work();
    return tracer.within({ name: `store ${operation}`, kind: "client", attributes }, work);
  }

  return {
    ...store,
    put: (key, body, options) => {
      const size = body instanceof Uint8Array ? body.byteLength : options.size;
      const attributes = { "darkroom.object.key": key, ...(size !== undefined && { "darkroom.object.bytes": size }) };
      return traced("put", attributes, () => store.put(key, body, options));
    },
    get: (key, options) => traced("get", { "darkroom.object.key": key }, () => store.get(key, options)),
    head: (key) => traced("head", { "darkroom.object.key": key }, () => store.head(key)),
    delete: (keys) => traced("delete", { "darkroom.object.count": keys.length }, () => store.delete(keys)),
  };
}
