/**
 * What records are compressed against: text that many of them have. The compressor refers to a part of it with two or three bytes. What is
 * frequent stands at the end, where it costs least. A packed record is read with the dictionary that packed it, so no dictionary ever
 * changes: a better one is added under the next number.
 */
export const dictionaries: ReadonlyMap<string, Buffer> = new Map([["1", Buffer.from(first())]]);

/** What records are packed with from now on. */
export const currentDictionary = "1";

function first(): string {
  // What descriptions of pictures are made of.
  const words =
    "airplane alley ancient animal anime apple arch architecture armor art deco artist astronaut atmosphere aurora baby balcony ballet balloon bamboo band bar " +
    "baroque basket bathroom beach bear beard bed bedroom bee beer bench bicycle boat body bokeh book books boots bottle bowl box boy branch bread brick bridge " +
    "brush building bus business butterfly button cabin cafe cake calm candle car card cartoon castle cat cave ceiling ceramic chair character charcoal chess " +
    "children chocolate christmas church circle classic clay clean clear cliff clock close closeup clothes cloud coast coat cobblestone coffee coin cold comic " +
    "composition computer copper corner costume cotton couple cover cozy cream creature crown crystal cup curly curtain cute cyberpunk dance dawn day deer delicate " +
    "desert design desk diamond dinosaur distant doctor dog door doorway dragon dramatic drawing dream dress drink drone dusk dust eagle ear earth editorial elegant " +
    "elephant empty engine engraving epic eyes fabric face fairy fantasy farm fashion father feather field figure film fish flag flat flying foggy food fountain " +
    "fox frame fresh friendly frog fruit full body fur furniture future futuristic galaxy gallery game geometric giant girl glow glowing goddess gothic gown " +
    "gradient grain grandmother grass gray grey guitar hair hall hand hands happy harbor hat head helmet hero hill holding home horizon horse hotel human ice " +
    "icon ink interior iron island isometric jacket japanese jewelry jungle kid king knight lake lamp landscape lantern laptop large leather leaf leaves lens lettering " +
    "library lighthouse line lion lips living room long macro machine magazine magic map marble market mascot mask meadow medieval metal microphone mid-century midnight " +
    "mirror misty monkey monochrome monster moon moonlight moss mother motion motorcycle mouth mug muted museum music mystical nature neck neon nest night noir notebook " +
    "office old oil on canvas old man open origami ornate owl package packaging painted painting palace pale palette panda pants park pastel path pattern pearl pencil " +
    "perfume person perspective phone photo photography photorealistic piano pine pixel art pizza planet plant plastic plate playing polished pool portrait poster pottery " +
    "princess product purple queen rabbit rain rainy realism reading red reflection reflections render restaurant retro ribbon ring rising river road robot rock rocky " +
    "roof room rose rough round ruins running rustic sailor sailing salad sand scene school sci-fi sculpture sea seat serene shape sharp shell ship shirt shoes shop sign " +
    "silhouette silk simple sitting skin skirt sky skyline skyscraper sleeping smile smiling smoke smooth snow snowy sofa soft space spaceship square staircase standing star " +
    "starry stars statue steam steel steampunk stone storm street studio subject suit sunglasses sunlight sunny surface surreal sushi sweater sword symmetrical table tall tea " +
    "teacher team telescope temple tent theater thick thin tiger tiny toy traditional train translucent trees tropical truck turtle typography umbrella underwater universe " +
    "valley van vase velvet victorian view village vine vivid volcano walking wall warm warrior watch waterfall wave waves weathered wedding whale whimsical wild wind window " +
    "wine wings wolf wood wooden workshop woven writing yarn young zebra a photograph of an illustration of a watercolor painting of an oil painting of a portrait of a " +
    "close-up of a product photo of the " +
    "standing sitting holding wearing looking at the camera surrounded by in front of next to on top of in the background in the foreground " +
    "with a small large old young beautiful realistic detailed highly detailed colorful vibrant minimalist modern vintage abstract cinematic " +
    "dramatic lighting soft light natural light golden hour sunset sunrise morning evening night winter summer autumn spring mountain forest " +
    "ocean river city street house garden kitchen table window woman man child people animal cat dog bird flower tree sky clouds water fire " +
    "light shadow white black red green blue yellow orange purple pink gold silver wooden glass metal paper texture background style of the " +
    "high quality high resolution 8k 4k sharp focus depth of field wide angle digital art concept art 3d render flat vector logo icon poster " +
    "without text, with the text no text, no watermark, and the with on a white background, in the style of, ";
  const parameters = [
    '{"n":1,"size":"auto","quality":"auto","style":"vivid","background":"transparent","moderation":"low","output_format":"webp","output_compression":100}',
    '{"n":1,"size":"1024x1024","seed":-1,"guidance_scale":2.5,"watermark":true}',
    '{"n":1,"size":"1024x1024","quality":"standard","style":"natural"},"retired":{"since":"2026-05-12","successor":"gpt-image-2.5-flare"}}',
    '{"n":1,"size":"1536x1024","quality":"medium","background":"opaque","moderation":"auto","output_format":"jpeg","output_compression":90}',
    '{"n":1,"size":"1024x1536","quality":"high","background":"auto","moderation":"auto","output_format":"png","output_compression":100}',
    '{"n":1,"size":"1024x1024","quality":"low","background":"auto","moderation":"auto","output_format":"png","output_compression":100}',
  ];
  const failures = [
    '{"code":"timeout_error","message":"The provider did not answer in time."}',
    '{"code":"upstream_error","message":"The provider ',
    '{"code":"content_policy_violation","message":"Your request was rejected as a result of our safety system."}',
    '{"code":"moderation_blocked","message":"',
  ];
  const imageTokens =
    '"cachedTextInput":1250,"imageInput":8000,"cachedImageInput":2000,"textOutput":10000,"imageOutput":30000}}}';
  return [
    words,
    ...parameters,
    ...failures,
    '{"model":"dall-e-3","quality":"standard","prices":{"perImageMicros":{"standard":{"1024x1024":40000,"1792x1024":80000,"1024x1792":80000}}}}',
    '{"low":{"1024x1024":20000,"1536x1024":16000,"1024x1536":16000},"medium":{"any":{"any":30000}}},"providerPrices":{"perImageMicros":',
    '"svgUsage":{"drawn":{"images":1,"usage":{"revisedPrompt":"","response_format":"b64_json","safety_identifier":"',
    '"stream":true,"partial_images":2,"webhook":"https://","webhook_events":["succeeded","failed","expired","canceled"],"expires_in":3600,"priority":',
    "\tbrokenOff\t1\tclaim\texpiresAt\tfailures\t1\thandbacks\t1\trateLimits\t1\tresumesAt\tsuperseded\twebhook\tsucceeded failed expired canceled\terror\t",
    '{"code":"upstream_error","message":"","mayHaveCharged":true,"index":0,"provider":"volcengine"',
    "\tmodel\tgpt-image-2.5-flare\tmodel\tgpt-image-2.6-flare\tlane\tvolcengine.interactive\tclaimMs\t86400000\tcost\t",
    '/1-0.webp","bytes":1,"mediaType":"image/webp","width":1536,"height":1024,"quality":"medium"},{"index":1,"key":"_images/',
    '/1-0.jpeg","bytes":1,"mediaType":"image/jpeg","width":1024,"height":1536,"quality":"high"}],"background":"opaque",',
    // One record from its first field to its last, as gpt-image-2 leaves them.
    '\tanswered\t1\tbillUndelivered\tnone\tbody\t\tcost\t0\tdelivery\t{"provider":"openai","images":[{"index":0,"key":"_images/',
    '/1-0.png","bytes":1,"mediaType":"image/png","width":1024,"height":1024,"quality":"low"}],"background":"opaque","usage":{"prompt_tokens":50,"input_tokens":50,' +
      '"output_tokens":272,"total_tokens":330,"input_tokens_details":{"text_tokens":50,"image_tokens":0},"output_tokens_details":{"image_tokens":272,' +
      '"text_tokens":0}}}\tinDoubt\t1\tkeyId\tkey_',
    '\tlane\topenai.interactive\tmissing\t[]\trequest\t{"model":"gpt-image-2","prompt":"',
    `","n":1,"size":"1024x1024","quality":"low","background":"auto","user":"","job":{"metadata":{"project":"","id":"","name":"`,
    '"}}}\treserved\t',
    `\tterms\t{"model":"gpt-image-2","quality":"auto","prices":{"per1kTokensMicros":{"textInput":5000,${imageTokens}`,
    '\tupstream\t{"model":"gpt-image-2","parameters":{"n":1,"size":"auto","quality":"auto","background":"auto","moderation":"auto","output_format":"png","output_compression":100}}',
    '"}}}\treserved\t211000\tstartedAt\t176',
    `\tterms\t{"model":"gpt-image-2","quality":"low","prices":{"per1kTokensMicros":{"textInput":5000,${imageTokens}` +
      `\tupstream\t{"model":"gpt-image-2","parameters":${parameters.at(-1)}}`,
  ].join("\n");
}
