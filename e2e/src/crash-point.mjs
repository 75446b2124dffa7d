// Loaded into a worker before its own code (`node --import`), to make it die at an exact point, as a machine does: without a word.
//   CRASH_AT=connect:PORT   just before it connects to that port
//   CRASH_AT=stored         just after an image got its final name: the filesystem store's upload is complete
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const [point, port] = (process.env.CRASH_AT ?? "").split(":");
const die = () => process.kill(process.pid, "SIGKILL");

if (point === "connect") {
  const connect = Reflect.get(net.Socket.prototype, "connect");
  /** @this {net.Socket} */
  net.Socket.prototype.connect = function dieOrConnect(...args) {
    const [options] = Array.isArray(args[0]) ? args[0] : args;
    if (String(options?.port) === port) die();
    return Reflect.apply(connect, this, args);
  };
}
if (point === "stored") {
  const { rename } = fs;
  fs.rename = async (...args) => {
    await rename(...args);
    if (/\/objects\/.*\.(png|jpeg|webp)$/.test(String(args[1]))) die();
  };
  syncBuiltinESMExports();
}
