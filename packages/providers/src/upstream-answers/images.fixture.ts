import { delivers, item, json, oneOfTen, policy, type UpstreamAnswer } from "./row.fixture.ts";

/** Where images stand in an answer and what their labels say, and what stands there instead of one. */
export const imageAnswers: UpstreamAnswer[] = [
  // Empty is absent.
  delivers("an empty b64_json beside a link", ({ link }) => ({ data: [{ b64_json: "", url: link() }] })),
  delivers("a blank b64_json beside a link", ({ link }) => ({ data: [{ b64_json: " \n", url: link() }] })),
  delivers("a b64_json of null beside a link", ({ link }) => ({ data: [{ b64_json: null, url: link() }] })),
  delivers("a b64_json of false beside a link", ({ link }) => ({ data: [{ b64_json: false, url: link() }] })),
  delivers("an empty link beside base64", (p) => ({ data: [{ ...item(p), url: "" }] })),
  delivers("an object as link beside base64", (p) => ({ data: [{ ...item(p), url: {} }] })),
  ...[{}, null, "", false, [], { code: "", message: "" }, { code: 0, message: "success" }].flatMap((error) => [
    delivers(`an error of ${json(error)} beside the images`, (p) => ({ error, data: [item(p)] })),
    delivers(`an error of ${json(error)} in an image`, (p) => ({ data: [{ ...item(p), error }] })),
  ]),
  delivers("an error that says something beside an image that is there", (p) => ({
    error: { message: "partially failed" },
    data: [item(p)],
  })),
  ...[5, "", {}, ["x"]].map((odd) =>
    delivers(`a revised_prompt of ${json(odd)}`, (p) => ({ data: [{ ...item(p), revised_prompt: odd }] })),
  ),
  delivers("numbers where words belong", (p) => ({
    created: "now",
    quality: 5,
    background: 1,
    size: 2,
    data: [item(p)],
  })),

  // The bytes say the type.
  ...["", "PNG", "jpeg", "image/jpeg", ".png", "image/x-png", "WEBP", 5, {}].flatMap((format) => [
    delivers(`an output_format of ${json(format)} over a PNG`, (p) => ({ output_format: format, data: [item(p)] })),
    delivers(`an output_format of ${json(format)} in the image`, (p) => ({
      data: [{ ...item(p), output_format: format }],
    })),
  ]),
  ...["image/jpeg", "image/x-png", "IMAGE/PNG", "image/*", "text/html", "application/octet-stream", ""].map((type) =>
    delivers(`a link to a PNG that is served as ${json(type)}`, ({ link }) => ({
      data: [{ url: link(`type=${encodeURIComponent(type)}`) }],
    })),
  ),
  delivers("a data URL of another type", ({ png }) => ({ data: [{ b64_json: `data:image/jpeg;base64,${png}` }] })),

  // Whatever can be read is read: where the image stands.
  delivers("a data URL in b64_json", ({ png }) => ({ data: [{ b64_json: `data:image/png;base64,${png}` }] })),
  delivers("a data URL in url", ({ png }) => ({ data: [{ url: `data:image/png;base64,${png}` }] })),
  delivers("a data URL in capitals, without a type", ({ png }) => ({ data: [{ url: `DATA:;BASE64,${png}` }] })),
  delivers("a data URL within a data URL", ({ png }) => ({
    data: [{ b64_json: `data:image/png;base64,data:image/png;base64,${png}` }],
  })),
  ...["<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"].flatMap((svg) =>
    [`data:image/svg+xml,${encodeURIComponent(svg)}`, `data:image/svg+xml;utf8,${svg}`].map((url) =>
      delivers(`an SVG as ${url.slice(0, 24)}`, () => ({ data: [{ url }] }), { caller: { images: ["svg+xml"] } }),
    ),
  ),
  delivers("a link in b64_json", ({ link }) => ({ data: [{ b64_json: link() }] })),
  delivers("base64 in url", ({ png }) => ({ data: [{ url: png }] })),
  delivers("broken base64 beside a good link", ({ link }) => ({ data: [{ b64_json: "AAAA", url: link() }] })),
  delivers("a dead link beside good base64", (p) => ({
    data: [{ ...item(p), url: p.link("status=404") }],
  })),
  delivers("base64 in lines", ({ png }) => ({ data: [{ b64_json: png.replace(/.{40}/g, "$&\r\n") }] })),
  delivers("base64 of the URL alphabet, without padding", ({ png }) => ({
    data: [{ b64_json: png.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") }],
  })),
  delivers("an image_url with a link", ({ link }) => ({ data: [{ image_url: { url: link() } }] })),
  delivers("a url that is a list", ({ link }) => ({ data: [{ url: [link()] }] })),
  delivers("images for data", (p) => ({ images: [item(p)] })),
  delivers("images beside an empty data", (p) => ({ data: [], images: [item(p)] })),
  delivers("a list of links", ({ link }) => ({ data: [link()] })),
  delivers("a list of data URLs", ({ png }) => ({ images: [`data:image/png;base64,${png}`] })),
  delivers("a list of base64", ({ png }) => ({ images: [png] })),
  delivers("one object for data", (p) => ({ data: item(p) })),
  delivers("one link for data", ({ link }) => ({ data: link() })),
  delivers("images within data", (p) => ({ code: 0, message: "success", data: { images: [item(p)] } })),
  delivers("the image at the top", item),
  delivers("a list at the top", (p) => [item(p)]),

  // One bad entry is one missing image.
  oneOfTen("a null", () => null, { code: "upstream_error", says: "nothing in place of this image" }, true),
  oneOfTen("an empty object", () => ({}), { code: "upstream_error", says: "nothing in place of this image" }, true),
  oneOfTen("a number", () => 5, { code: "upstream_error", says: "nothing in place of this image" }, true),
  oneOfTen("broken base64", () => ({ b64_json: "AAAA" }), { code: "upstream_error", says: "not a usable image" }, true),
  oneOfTen("a refusal", () => ({ error: { code: "content_policy_violation", message: "No." } }), policy, false),
  oneOfTen(
    "an error in words",
    () => ({ error: "The sampler ran away." }),
    { code: "upstream_error", says: "The sampler ran away." },
    true,
  ),
  delivers("a null before the image that was asked for", (p) => ({ data: [null, item(p)] })),
  delivers("an error before the image that was asked for", (p) => ({ data: [{ error: { message: "x" } }, item(p)] })),
  delivers("more images than asked for", (p) => ({ data: [item(p), item(p), item(p)] })),
];
