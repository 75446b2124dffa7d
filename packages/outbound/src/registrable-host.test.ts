import { expect, test } from "vitest";
import { registrableHost } from "./registrable-host.ts";

test.each([
  ["https://example.com/hook", "example.com"],
  ["https://a.b.example.com:8443/hook", "example.com"],
  ["https://EXAMPLE.com./hook", "example.com"],
  ["https://a.b.example.co.uk/hook", "example.co.uk"],
  ["https://xn--bcher-kva.example/hook", "xn--bcher-kva.example"],
  ["https://one.github.io/hook", "one.github.io"],
  ["https://deep.one.github.io/hook", "one.github.io"],
  ["https://github.io/hook", "github.io"],
  ["https://localhost:1234/hook", "localhost"],
  ["https://1.2.3.4:8443/hook", "1.2.3.4"],
  ["https://16909060/hook", "1.2.3.4"],
  ["https://[2001:db8:1:2:3:4:5:6]/hook", "2001:db8:1:2::/64"],
  ["https://[::ffff:1.2.3.4]:99/hook", "1.2.3.4"],
  ["https://[2001:db8:1:2::1]:99/hook", "2001:db8:1:2::/64"],
])("%s belongs to %s", (url, host) => {
  expect(registrableHost(new URL(url))).toBe(host);
});
