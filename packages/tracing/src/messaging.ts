type Messaging = {
  /** `send` puts a message in line, `process` works one off. */
  type: "send" | "process";
  /** What the operation is called here. Its type, when left out. */
  name?: string;
  /** The lane, or `batches`. */
  destination: string;
  id?: string;
};

/**
 * What a span says of a message in a queue, by OpenTelemetry's conventions:
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export const messagingAttributes = ({ type, name = type, destination, id }: Messaging) => ({
  "messaging.system": "bullmq",
  "messaging.operation.type": type,
  "messaging.operation.name": name,
  "messaging.destination.name": destination,
  "messaging.message.id": id,
});
