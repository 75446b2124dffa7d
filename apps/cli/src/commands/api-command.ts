import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { clientEnvSchema } from "../config.ts";

/** A command that speaks to a running service. */
export function apiCommand(name: string) {
  return new Command(name)
    .option("--url <url>", "the service to connect to, instead of DARKROOM_URL or the local stack", parseUrl)
    .option("--json", "print the API's answer unchanged");
}

function parseUrl(text: string): string {
  const { success } = clientEnvSchema.shape.DARKROOM_URL.safeParse(text);
  if (!success) throw new InvalidArgumentError("It must look like https://darkroom.example.com.");
  return text;
}
