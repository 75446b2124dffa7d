import { describe, expect, test } from "vitest";
import { readSvg } from "./read-svg.ts";

const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
const read = (text: string | Uint8Array) => readSvg(Buffer.from(text));
const inside = (content: string) => read(`<svg ${names} viewBox="0 0 40 30">${content}</svg>`);

describe("an SVG is read", () => {
  test.each([
    ['width="640" height="480"', 640, 480],
    ['width="640px" height="12.6"', 640, 13],
    ['width="72pt" height="1in"', 96, 96],
    ['width="2.54cm" height="25.4mm"', 96, 96],
    ['viewBox="0 0 40 30"', 40, 30],
    ['viewBox="-5,-5 , 1e2,50"', 100, 50],
    ['width="80" viewBox="0 0 40 30"', 80, 60],
    ['height="60" viewBox="0 0 40 30"', 80, 60],
    ['width="100%" height="100%" viewBox="0 0 40 30"', 40, 30],
    ['width="5em" height="0" viewBox="0 0 40 30"', 40, 30],
    ['width="1e30" height="-4"', 300, 150],
    ['width="0.2" height="0.2"', 1, 1],
    ["", 300, 150],
  ])("with the sides of <svg %s>", async (attributes, width, height) => {
    expect(await read(`<svg ${names} ${attributes}/>`)).toEqual({ width, height });
  });

  test.each([
    ["a byte order mark and a declaration", `\uFEFF<?xml version="1.0" encoding="UTF-8"?><svg ${names}/>`],
    ["white space and a comment before it", `\n <!-- drawn --><svg ${names}/>`],
    ["a prefix of its own", '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:g/></s:svg>'],
    ["every language", `<svg ${names}><text>中文 قطة 👩‍👩‍👧</text></svg>`],
    [
      "a script and handlers, which are not run where it is served",
      `<svg ${names} onload="x()"><script>x()</script></svg>`,
    ],
    [
      "references to its own parts",
      `<svg ${names}><use xlink:href="#a"/><use href=" #b "/><g fill="url(#c)" style="filter:url('#d')"/></svg>`,
    ],
    [
      "pictures as data",
      `<svg ${names}><image href="data:image/png;base64,AAAA"/><style>a{background:url( "data:image/png,x" )}</style></svg>`,
    ],
    ["a link to follow", `<svg ${names}><a href="https://example.com"><text>x</text></a></svg>`],
    ["a style sheet of its own", `<svg ${names}><style><![CDATA[ a > b { fill: red } ]]></style></svg>`],
    ["an animation that moves", `<svg ${names}><animate attributeName="cx" from="1" to="9" values="1;9"/></svg>`],
    ["256 levels", `<svg ${names}>${"<g>".repeat(255)}${"</g>".repeat(255)}</svg>`],
  ])("with %s", async (_, text) => {
    expect(await read(text)).toEqual({ width: 300, height: 150 });
  });

  test("of several megabytes, without holding up the process for long", async () => {
    const text = `<svg ${names}>${"<path d='M0 0L10 10'/>".repeat(200_000)}</svg>`;
    let longestMs = 0;
    let before = process.threadCpuUsage();
    const look = setInterval(() => {
      // By CPU time, because other processes hold this one up, too.
      longestMs = Math.max(longestMs, process.threadCpuUsage(before).user / 1_000);
      before = process.threadCpuUsage();
    }, 1);
    await read(text);
    clearInterval(look);
    // A lock lives for 30 s.
    expect(longestMs).toBeLessThan(1_000);
  });
});

describe("an SVG is refused", () => {
  test.each([
    ["that is cut short", `<svg ${names}><g>`, "not well-formed"],
    ["with tags that cross", `<svg ${names}><g><a></g></a></svg>`, "not well-formed"],
    ["with something behind it", `<svg ${names}/><svg/>`, "not well-formed"],
    ["with an undeclared prefix", `<svg ${names}><a:b/></svg>`, "not well-formed"],
    ["with a bare ampersand", `<svg ${names}><text>a & b</text></svg>`, "not well-formed"],
    ["with an entity that is not XML's own", `<svg ${names}><text>&nbsp;</text></svg>`, "not well-formed"],
    ["without the namespace", "<svg/>", "its root is 'svg' of the namespace ''"],
    ["that is another document", "<html xmlns='http://www.w3.org/1999/xhtml'/>", "its root is 'html'"],
    ["that is empty", "<!-- nothing -->", "not well-formed"],
    ["of 257 levels", `<svg ${names}>${"<g>".repeat(256)}${"</g>".repeat(256)}</svg>`, "nested deeper than 256"],
    ["of more than 8 MiB", `<svg ${names}>${" ".repeat(8 * 1024 * 1024)}</svg>`, "more than 8388608 bytes"],
    ["that says another encoding", `<?xml version="1.0" encoding="UTF-7"?><svg ${names}/>`, "its encoding is UTF-7"],
    [
      "with a style sheet elsewhere",
      `<?xml-stylesheet href="https://x.test/a.css"?><svg ${names}/>`,
      "style sheet outside",
    ],
    [
      "with a document type",
      `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://w3.org/svg11.dtd"><svg ${names}/>`,
      "document type",
    ],
    [
      "with entities",
      `<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg ${names}>&b;</svg>`,
      "document type",
    ],
    [
      "with an entity from a file",
      `<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg ${names}>&a;</svg>`,
      "document type",
    ],
  ])("%s", async (_, text, why) => {
    await expect(read(text)).rejects.toThrow(why);
  });

  test("that is not UTF-8", async () => {
    const cut = Buffer.concat([Buffer.from(`<svg ${names}><text>`), Buffer.of(0xc3), Buffer.from("</text></svg>")]);
    await expect(read(cut)).rejects.toThrow("not UTF-8");
  });

  test("without a word of what may be a credential", async () => {
    const loading = inside('<image href="https://x.test/a.png?signature=secret"/>');
    await expect(loading).rejects.toThrow(/outside of the file: https:\/\/x\.test\/a\.png$/);
  });

  test.each([
    '<image href="https://x.test/a.png"/>',
    '<image xlink:href="//x.test/a.png"/>',
    '<image href="a.png"/>',
    '<image href="  &#104;ttps://x.test/a.png"/>',
    '<use href="https://x.test/a.svg#b"/>',
    '<script href="https://x.test/a.js"/>',
    '<set attributeName="xlink:href" to="https://x.test/a.png"/>',
    '<animate attributeName="href" values="#a;https://x.test/a.png"/>',
    '<rect fill="url(https://x.test/a.svg#b)"/>',
    '<rect style="filter: URL( &quot;https://x.test/a.svg#b&quot; )"/>',
    '<style>@import "https://x.test/a.css";</style>',
    "<style>@im<!-- -->port 'https://x.test/a.css';</style>",
    "<style><![CDATA[@font-face { src: url(https://x.test/a.woff) }]]></style>",
    "<style>@import 'https://x.test/a.css';<style/></style>",
    "<style><style></style>@import 'https://x.test/a.css';</style>",
    String.raw`<style>a { background: u\72 l(https://x.test/a.png) }</style>`,
    '<rect style="mask: image-set(&quot;https://x.test/a.png&quot; 1x)"/>',
    '<g xml:base="https://x.test/"><use href="#a"/></g>',
    '<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="https://x.test/a.png"/></foreignObject>',
    '<foreignObject><object xmlns="http://www.w3.org/1999/xhtml" data="https://x.test/a"/></foreignObject>',
  ])("that loads something: %s", async (content) => {
    await expect(inside(content)).rejects.toThrow("refers to something outside of the file");
  });
});
