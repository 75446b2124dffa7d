import type { Page } from "@darkroom/redis";
import { createLogger } from "@darkroom/runtime";
import Fastify from "fastify";
import { expect, test, vi } from "vitest";
import { createSendPage } from "./send-page.ts";

const items = [{ id: "c" }, { id: "b" }];

/** Answers with the given page and returns the bodies of so many answers, and what was logged. */
async function answersOf(page: Page<unknown>, towards: "oldest" | "newest" = "oldest", count = 1) {
  const log = createLogger({ name: "test", level: "silent", pretty: false });
  const warn = vi.spyOn(log, "warn");
  const sendPage = createSendPage({ log });
  const app = Fastify().addHook("onRequest", async (request) => {
    request.facts = { startedAtMs: 0 };
  });
  app.get("/", async (_request, reply) => sendPage(reply, page, items, towards));
  const bodies = [];
  for (let i = 0; i < count; i++) bodies.push((await app.inject("/")).json());
  return { bodies, logged: warn.mock.calls.map(([fields]) => fields) };
}

const page = { records: items, cursor: "a", hasMore: true, unreadable: [], bytes: 20 };

test("where there is more, the page names the last entry that was looked at, in the direction of the walk", async () => {
  expect((await answersOf(page)).bodies).toMatchObject([{ first_id: "c", last_id: "a", has_more: true }]);
  expect((await answersOf(page, "newest")).bodies).toMatchObject([{ first_id: "a", last_id: "b", has_more: true }]);
});

test("the last page names its own entries", async () => {
  const { bodies } = await answersOf({ ...page, hasMore: false });
  expect(bodies).toEqual([{ object: "list", data: items, first_id: "c", last_id: "b", has_more: false }]);
});

test("a record that cannot be read is logged once, however often it is come upon", async () => {
  const error = new Error("no such status");
  const unreadable = [{ id: "x", error }];
  const { logged } = await answersOf({ ...page, unreadable }, "oldest", 3);
  expect(logged).toEqual([{ recordId: "x", err: error }]);
});
