import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { HoldPlan, HoldTold } from "./line-holder.ts";
import type { Neighbour, NeighbourStack } from "./neighbour.ts";

const lines = { usual: 9_000, quick: 200 };

export const heldLines: Neighbour = {
  name: "held-lines",
  title: `a key asks for ${lines.usual} event streams and long polls of one generation, and holds as many as it may`,
  async start(stack) {
    const { tell, neighbour, quick } = stack;
    const child = fork(fileURLToPath(new URL("line-holder.ts", import.meta.url)));
    const next = async (): Promise<HoldTold> => {
      const ended = once(child, "exit").then(() => Promise.reject(new Error("The holder of lines ended too early")));
      const [told]: HoldTold[] = await Promise.race([once(child, "message"), ended]);
      if (told === undefined) throw new Error("The holder of lines said nothing");
      return told;
    };
    const { authorization = "" } = neighbour.headers;
    const id = await submitLong(stack);
    const path = `/v1/generations/${id}`;
    const plan: HoldPlan = { origin: neighbour.origin, authorization, path, lines: quick ? lines.quick : lines.usual };
    child.send(plan);
    const { held, refused } = await next();
    tell(`${held} lines are held, ${refused} were refused`);
    return async () => {
      child.send("stop");
      const last = await next();
      tell(`${last.held} lines were held at the end, ${last.refused} were refused in all`);
      await once(child, "exit");
    };
  },
};

/** A generation of the neighbour's that is drawn for longer than anything is measured. */
async function submitLong({ neighbour }: Pick<NeighbourStack, "neighbour">): Promise<string> {
  const answer = await fetch(`${neighbour.origin}/v1/images/generations`, {
    method: "POST",
    headers: { ...neighbour.headers, prefer: "respond-async" },
    body: JSON.stringify({ model: "gpt-image-2", prompt: "A lighthouse [sandbox:delay=300000]", size: "1024x1024" }),
  });
  if (answer.status !== 202) throw new Error(`The generation was answered with ${answer.status}`);
  return JSON.parse(await answer.text()).id;
}
