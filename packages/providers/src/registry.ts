// Every provider, one line each. Its settings, its place in the map and its row in the configuration table follow from the line.
export { openai } from "./openai/provider.ts";
export { sandbox } from "./sandbox/provider.ts";
export { volcengine } from "./volcengine/provider.ts";
