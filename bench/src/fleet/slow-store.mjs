// Loaded into a process before its own code (`node --import`). Each call that the filesystem store makes then takes 20 ms, as that of an S3
// server nearby does: `open` without flags for a get, `stat` for a head, `rename` for a put, `rm` for each object of a delete.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const callMs = 20;

/**
 * Has one function of the module wait before it is called.
 * @param {"open" | "stat" | "rename" | "rm"} name
 * @param {(args: unknown[]) => boolean} isCall whether it is a call of the store's for an object
 */
function delay(name, isCall) {
  const call = Reflect.get(fs, name);
  /** @param {unknown[]} args */
  const later = async (...args) => {
    if (isCall(args)) await pause(callMs);
    return Reflect.apply(call, fs, args);
  };
  Reflect.set(fs, name, later);
}

/** @param {unknown} path */
const isObject = (path) => String(path).includes("/objects/");

delay("open", (args) => args.length === 1 && isObject(args[0]));
delay("stat", ([path]) => isObject(path));
delay("rename", ([, to]) => isObject(to));
delay("rm", ([path]) => isObject(path));
syncBuiltinESMExports();
