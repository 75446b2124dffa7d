import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { printableLines } from "@darkroom/contracts";
import { SettingsError } from "@darkroom/runtime";
import { Problem } from "./problem.ts";

const surroundings = `
All commands but start and plan call a running service: the one that --url or
DARKROOM_URL names, else the one that "npm start" runs from this checkout.
Another service needs a key in the environment: DARKROOM_ADMIN_KEY for keys,
the ledger, lanes and processes, DARKROOM_API_KEY for images, batches and your own usage.
Keys are never read from the command line.`;

/**
 * Runs the command that this process was started for and sets the exit code: 0; 1 for a problem, told in a sentence; 2 for wrong usage,
 * told with how it is used. Anything else that is thrown is a fault of ours and keeps its stack trace.
 */
export async function runCommands(
  commands: readonly CommandUnknownOpts[],
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  const program = new Command("darkroom").description("A durable queue behind OpenAI's Images API");
  for (const command of commands) program.addCommand(command);
  program.addHelpText("after", surroundings);
  settle(program);
  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
  } catch (error) {
    process.exitCode = tell(error);
  }
}

/** Commander hands its settings on only to commands that it makes itself. */
function settle(command: CommandUnknownOpts): void {
  const usage = command.createHelp().commandUsage(command);
  // Not the whole help: it would push the sentence that matters off the screen.
  command.exitOverride().showHelpAfterError(`Usage: ${usage}\n--help tells what there is.`);
  for (const child of command.commands) settle(child);
}

function tell(error: unknown): number {
  // Commander has told it already. Help that was asked for is an error of code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof Problem || error instanceof SettingsError)) throw error;
  console.error(printableLines(error.message));
  return 1;
}
