import { crc32, deflateRawSync } from "node:zlib";

const page = "<!doctype html><script>alert(document.domain)</script>";

/** What is put behind a picture so that another program takes the file for something else, or so that it is stored for free. */
export const riders: readonly [name: string, bytes: Buffer][] = [
  ["a ZIP archive", zip("index.html", Buffer.from(page))],
  ["a page of HTML", Buffer.from(page)],
  ["a second PNG", Buffer.from("\x89PNG\r\n\x1a\n", "latin1")],
  ["a JPEG", Buffer.of(0xff, 0xd8, 0xff, 0xd9)],
  ["a megabyte of zeros", Buffer.alloc(1_000_000)],
  ["one byte", Buffer.of(0x3b)],
];

/** An archive of one file. ZIP readers look for its directory at the end of a file, and do not mind what stands before it. */
function zip(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content);
  const facts = Buffer.alloc(26);
  facts.writeUInt16LE(20, 0);
  facts.writeUInt16LE(8, 4);
  facts.writeUInt32LE(crc32(content), 10);
  facts.writeUInt32LE(packed.length, 14);
  facts.writeUInt32LE(content.length, 18);
  facts.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), facts, Buffer.from(name), packed]);
  const entry = Buffer.concat([Buffer.from("PK\u0001\u0002\u0014\0"), facts, Buffer.alloc(14), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, entry, end]);
}
