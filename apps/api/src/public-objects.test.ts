import { expect, test } from "vitest";
import { warnOfPublicObjects } from "./public-objects.ts";

function openLog() {
  const warnings: [object, string][] = [];
  return { warnings, log: { warn: (fields: object, sentence: string) => void warnings.push([fields, sentence]) } };
}

test("each address at which anybody reads what is private is a warning", async () => {
  const { warnings, log } = openLog();
  const address = "https://cdn.example.com/";
  await warnOfPublicObjects({ publicAddresses: async () => [address] }, log);
  expect(warnings).toEqual([
    [{ address }, expect.stringMatching(/ledger and the files of all tenants at https:\/\/cdn/)],
  ]);
});

test("where nothing is public there is no warning, and a store that cannot tell is no reason not to start", async () => {
  const { warnings, log } = openLog();
  await warnOfPublicObjects({ publicAddresses: async () => [] }, log);
  expect(warnings).toEqual([]);
  const err = new Error("refused");
  await warnOfPublicObjects({ publicAddresses: () => Promise.reject(err) }, log);
  expect(warnings).toEqual([[{ err }, "Whether the object store is open to everybody could not be found out"]]);
});
