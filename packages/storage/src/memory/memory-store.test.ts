import { describeObjectStore } from "../object-store.conformance.ts";
import { createMemoryStore } from "./memory-store.ts";

describeObjectStore("memory", {
  makeStore: ({ publicBaseUrl, now }) =>
    createMemoryStore({ links: { publicBaseUrl, signingSecret: "a secret of this test" } }, now),
  holdsEverythingInMemory: true,
});
