import { describe, expect, test } from "vitest";
import { isPublicAddress } from "./public-address.ts";

describe("an address that is not public", () => {
  test.each([
    ["loopback", "127.0.0.1"],
    ["all of loopback", "127.255.255.254"],
    ["loopback, IPv6", "::1"],
    ["unspecified", "0.0.0.0"],
    ["this network", "0.1.2.3"],
    ["unspecified, IPv6", "::"],
    ["private, 10/8", "10.1.2.3"],
    ["private, 172.16/12, first", "172.16.0.1"],
    ["private, 172.16/12, last", "172.31.255.255"],
    ["private, 192.168/16", "192.168.1.1"],
    ["unique-local", "fd12:3456::1"],
    ["link-local", "169.254.1.1"],
    ["link-local, IPv6", "fe80::1"],
    ["link-local with a zone", "fe80::1%eth0"],
    ["metadata of AWS, GCP, Azure", "169.254.169.254"],
    ["metadata of AWS, IPv6", "fd00:ec2::254"],
    ["metadata of GCP, IPv6", "fd20:ce::254"],
    ["metadata of Alibaba", "100.100.100.200"],
    ["metadata of Oracle", "192.0.0.192"],
    ["the platform of Azure", "168.63.129.16"],
    ["carrier-grade NAT, first", "100.64.0.1"],
    ["carrier-grade NAT, last", "100.127.255.255"],
    ["multicast", "224.0.0.1"],
    ["multicast, IPv6", "ff02::1"],
    ["broadcast", "255.255.255.255"],
    ["reserved", "240.0.0.1"],
    ["documentation", "192.0.2.1"],
    ["documentation, IPv6", "2001:db8::1"],
    ["benchmarking", "198.18.0.1"],
    ["site-local", "fec0::1"],
    ["IPv4-mapped, private", "::ffff:10.0.0.1"],
    ["IPv4-mapped, in hex", "::ffff:7f00:1"],
    ["IPv4-mapped, even a public one", "::ffff:93.184.215.14"],
    ["IPv4-compatible", "::127.0.0.1"],
    ["IPv4-compatible, in hex", "::7f00:1"],
    ["IPv4-translated", "::ffff:0:7f00:1"],
    ["NAT64", "64:ff9b::a00:1"],
    ["NAT64, local prefix", "64:ff9b:1::a00:1"],
    ["6to4", "2002:7f00:1::"],
    ["Teredo", "2001:0:7f00:1::"],
    ["never given out", "4000::1"],
    ["nothing", ""],
    ["a name", "example.com"],
  ])("%s: %s", (_, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe("a public address", () => {
  test.each([
    "1.1.1.1",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "169.253.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
  ])("%s", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});
