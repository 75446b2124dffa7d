import { newBatchId, newFileId, newGenerationId } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { loggablePath } from "./loggable-path.ts";

const words = new Set(["v1", "models", "images", "generations", "files", "content", "admin", "keys"]);
const [generation, batch, file] = [newGenerationId(1), newBatchId(1), newFileId(1)];

test.each([
  ["/v1/images/generations?api_key=secret", "/v1/images/generations"],
  [`/v1/generations/${generation}`, `/v1/generations/${generation}`],
  [`/v1/files/${file}/content`, `/v1/files/${file}/content`],
  [`/v1/${batch}`, `/v1/${batch}`],
  ["/admin/keys/key_0a1b2c3d4e5f6a7b8c9d0e1f", "/admin/keys/key_0a1b2c3d4e5f6a7b8c9d0e1f"],
  ["/v1/models/%20sk-proj-0123456789abcdef", "/v1/models/…"],
  ["/v1/models/aGVsbG8gd29ybGQgYSBrZXk=", "/v1/models/…"],
  ["/key_live_0123456789abcdef", "/…"],
  [`/images/acme/${generation}/0.png?signature=x`, `/images/…/${generation}/…`],
  ["/", "/"],
  ["//v1//models", "//v1//models"],
  ["*", "/"],
  [`/${"a/".repeat(5_000)}`, "/…/…/…/…/…/…/…/…/…"],
])("%s is logged as %s", (url, logged) => {
  expect(loggablePath(url, words)).toBe(logged);
});
