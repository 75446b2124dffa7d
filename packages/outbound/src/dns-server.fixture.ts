import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** What the server says of a name: addresses, an error, or nothing at all. */
export type DnsAnswer = readonly string[] | "NXDOMAIN" | "SERVFAIL" | "silence";

const types = { a: 1, aaaa: 28 };
const responseCodes = { SERVFAIL: 2, NXDOMAIN: 3 };

/** A name server on a port of its own (RFC 1035 §4): as much of one as a resolver needs for A and AAAA. */
export async function startDnsServer(answers: Record<string, DnsAnswer>) {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, peer) => {
    const { name, end } = readName(query);
    const answer = answers[name] ?? "NXDOMAIN";
    asked.push(name);
    if (answer !== "silence") reply(socket, query.subarray(0, end + 4), query.readUInt16BE(end), answer, peer.port);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { server: `127.0.0.1:${socket.address().port}`, asked, close: () => socket.close() };
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}

function reply(socket: Socket, question: Buffer, type: number, answer: Exclude<DnsAnswer, "silence">, port: number) {
  const addresses =
    typeof answer === "string"
      ? []
      : answer.filter((address) => type === (address.includes(":") ? types.aaaa : types.a)).map(bytesOf);
  const message = Buffer.from(question);
  message.writeUInt16BE(0x8180 | (typeof answer === "string" ? responseCodes[answer] : 0), 2);
  message.writeUInt16BE(addresses.length, 6);
  message.writeUInt32BE(0, 8);
  const records = addresses.flatMap((bytes) => {
    // The name of the question (a pointer to byte 12), type, class IN, a minute to live, length.
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(60, 6);
    head.writeUInt16BE(bytes.length, 10);
    return [head, bytes];
  });
  socket.send(Buffer.concat([message, ...records]), port, "127.0.0.1");
}

const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));

function bytesOf(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const zeros = Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => 0);
  return Buffer.from([...groups(head), ...zeros, ...groups(tail)].flatMap((group) => [group >> 8, group & 255]));
}
