import { expect, test } from "vitest";
import { scaleLane } from "./scale-lane.ts";

const idle = { waiting: 0, active: 0, paused: false, isLimited: false, acceptedPerSecond: 0 };
const horizonMs = 30_000;

/** 20 jobs at a time, of which 16 are planned with. */
const concurrency = 20;

const rows: [
  name: string,
  figures: Partial<typeof idle>,
  serviceMs: number | null,
  workersDesired: number,
  saturation: number,
][] = [
  ["nothing to do", {}, 30_000, 0, 0],
  ["one job in line", { waiting: 1 }, 30_000, 1, 0],
  ["one job in line that takes a moment", { waiting: 1 }, 10, 1, 0],
  ["as much as one worker is planned with", { active: 16 }, 30_000, 1, 0],
  ["one job more than that", { waiting: 1, active: 16 }, 30_000, 2, 0],
  ["a full worker, and nobody waits", { active: 20 }, 30_000, 2, 0],
  ["a line of jobs that take as long as the horizon", { waiting: 128 }, 30_000, 8, 0],
  ["a line of jobs that take longer: a slot serves one of them in the horizon", { waiting: 128 }, 300_000, 8, 0],
  ["a line of jobs that take half as long: a slot serves two of them", { waiting: 128 }, 15_000, 4, 0],
  ["a line of short jobs: a slot serves fifteen of them", { waiting: 240 }, 2_000, 1, 0],
  ["the horizon does not shorten what runs", { waiting: 240, active: 16 }, 2_000, 2, 0],
  ["an unknown service time counts as a long one", { waiting: 128 }, null, 8, 0],
  ["a paused lane, however much waits", { waiting: 1_000, active: 20, paused: true }, 30_000, 0, 0],
  ["a paused lane that a limit held back", { waiting: 1_000, paused: true, isLimited: true }, 30_000, 0, 0],
  [
    "an upstream that takes one call a second keeps 30 slots busy",
    { waiting: 1_000, active: 30, isLimited: true, acceptedPerSecond: 1 },
    30_000,
    2,
    1,
  ],
  [
    "an upstream that takes two a second, half of them in hand",
    { waiting: 1_000, active: 30, isLimited: true, acceptedPerSecond: 2 },
    30_000,
    4,
    1,
  ],
  [
    "an upstream that takes more than is asked for",
    { waiting: 15, active: 15, isLimited: true, acceptedPerSecond: 2 },
    30_000,
    2,
    0.5,
  ],
  [
    "an upstream that has taken nothing for a minute: one worker asks",
    { waiting: 1_000, isLimited: true },
    30_000,
    1,
    1,
  ],
  ["the same, while long jobs run", { waiting: 1_000, active: 40, isLimited: true }, 300_000, 3, 1],
  [
    "a limit before any job has ended: no more than what runs",
    { waiting: 1_000, active: 40, isLimited: true, acceptedPerSecond: 5 },
    null,
    3,
    1,
  ],
  ["a limit without a line", { isLimited: true, acceptedPerSecond: 5 }, 30_000, 0, 0],
];

test.each(rows)("%s", (_name, figures, serviceMs, workersDesired, saturation) => {
  const lane = { figures: { ...idle, ...figures }, service: { concurrency, serviceMs }, horizonMs };
  expect(scaleLane(lane)).toEqual({ workersDesired, saturation });
});

test("a limit never makes more workers desired than there would be without it", () => {
  for (const waiting of [0, 1, 15, 16, 17, 500])
    for (const active of [0, 1, 16, 200])
      for (const acceptedPerSecond of [0, 0.1, 3, 1_000])
        for (const serviceMs of [null, 10, 30_000, 400_000]) {
          const service = { concurrency, serviceMs };
          const figures = { ...idle, waiting, active, acceptedPerSecond };
          const free = scaleLane({ figures, service, horizonMs });
          const limited = scaleLane({ figures: { ...figures, isLimited: true }, service, horizonMs });
          expect(limited.workersDesired).toBeLessThanOrEqual(free.workersDesired);
          expect(limited.workersDesired > 0).toBe(waiting + active > 0);
          expect(limited.saturation).toBeGreaterThanOrEqual(0);
          expect(limited.saturation).toBeLessThanOrEqual(1);
        }
});
