const words =
  `a an the of in on at with and under over beside behind near inside across against small large old young red blue green golden pale dark bright
soft warm cold misty rainy sunny snowy quiet busy empty crowded wooden stone glass copper velvet linen ceramic paper watercolor oil acrylic charcoal
pencil photograph portrait landscape still-life poster illustration sketch collage mural fresco engraving render lighthouse bridge harbor market
kitchen library garden forest meadow river lake mountain valley desert island cliff village street station theater museum workshop bakery orchard
vineyard fox owl heron horse cat dog whale tortoise bee moth child gardener sailor baker dancer violinist clockmaker astronaut potter carpenter
lantern bicycle teapot umbrella suitcase telescope typewriter piano kite balloon window staircase doorway mirror candle feather acorn shell
holding carrying painting repairing reading crossing climbing watching waiting floating drifting glowing falling rising morning noon evening
midnight dawn dusk autumn winter spring summer thunderstorm fog starlight moonlight sunlight shadow reflection texture brushwork composition
foreground background horizon perspective depth grain contrast palette muted saturated monochrome cinematic minimal ornate geometric abstract
delicate weathered polished rough intricate detailed blurred sharp wide close high low`.split(/\s+/);

/** Words in no order, about as many characters as asked for: harder to compress than what people write. */
export function randomPrompt(length: number): string {
  let text = "";
  while (text.length < length) text += `${words[Math.floor(Math.random() * words.length)]} `;
  return text.trimEnd();
}
