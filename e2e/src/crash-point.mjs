// Loaded into a worker before its own code (`node --import`), to make it die at an exact point, as a machine does: without a word.
//   CRASH_AT=connect:PORT   just before it connects to that port
//   CRASH_AT=answered       the provider has delivered, and nothing of that is noted
//   CRASH_AT=noted          what was bought is noted, and nothing of it is uploaded
//   CRASH_AT=stored         just after an image got its final name: the filesystem store's upload is complete
//   CRASH_AT=stored:COUNT   after so many images; no further one gets its name
//   CRASH_AT=ending         just before the ending is written
//   CRASH_AT=ended          just after it has sent Redis the ending of a generation that has succeeded: the answer never arrives. Redis must
//                           know the script already, or it does not run it
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const [point, detail] = (process.env.CRASH_AT ?? "").split(":");
const die = () => process.kill(process.pid, "SIGKILL");

if (point === "connect") {
  const connect = Reflect.get(net.Socket.prototype, "connect");
  /** @this {net.Socket} */
  net.Socket.prototype.connect = function dieOrConnect(...args) {
    const [options] = Array.isArray(args[0]) ? args[0] : args;
    if (String(options?.port) === detail) die();
    return Reflect.apply(connect, this, args);
  };
}
if (point === "stored" || point === "noted") {
  const { rename } = fs;
  let left = Number(detail ?? 1);
  fs.rename = async (...args) => {
    if (!/\/objects\/_images\/gen_/.test(String(args[1]))) return rename(...args);
    // What is under way has no name yet: nothing of it is stored.
    if (point === "noted") die();
    if (left-- <= 0) return new Promise(() => {});
    await rename(...args);
    if (left <= 0) die();
  };
  syncBuiltinESMExports();
}
if (point === "answered" || point === "ending") {
  const write = Reflect.get(net.Socket.prototype, "write");
  /** @this {net.Socket} */
  net.Socket.prototype.write = function dieOrWrite(...args) {
    // A delivery as its note and the ending have it, on the way to Redis.
    const text = String(args[0]);
    if (text.includes('"images":[{') && text.includes("succeeded") === (point === "ending")) die();
    return Reflect.apply(write, this, args);
  };
}
if (point === "ended") {
  const write = Reflect.get(net.Socket.prototype, "write");
  /** @this {net.Socket} */
  net.Socket.prototype.write = function writeAndDie(chunk, ...more) {
    // As an argument of its own, and not in the text of a script.
    if (!String(chunk).includes("\r\nsucceeded\r\n")) return Reflect.apply(write, this, [chunk, ...more]);
    // The machine sends what was written, also when the process is gone.
    return Reflect.apply(write, this, [chunk, ...more.filter((one) => typeof one !== "function"), die]);
  };
}
