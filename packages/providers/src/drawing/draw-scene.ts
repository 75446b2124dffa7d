import type { Dice } from "./dice.ts";

/**
 * Hills under a sky with a sun or a moon: an SVG fragment of the size given, in colours that suit each other. `phase`, from 0 up to 1,
 * moves them: the sun bobs and the hills roll, and phase 1 would be phase 0 again.
 */
export function drawScene(width: number, height: number, dice: Dice, phase = 0): string {
  const hue = dice.between(0, 360);
  const spread = dice.pick([-60, -35, 30, 45, 70]);
  const night = dice.between(0, 1) < 0.35;
  const colour = (turn: number, saturation: number, light: number) =>
    `hsl(${Math.round((hue + turn + 360) % 360)},${Math.round(saturation)}%,${Math.round(night ? light * 0.6 : light)}%)`;
  const side = Math.min(width, height);
  const sunX = round(width * dice.between(0.2, 0.8));
  const sunY = round(height * (dice.between(0.16, 0.38) - 0.05 * Math.sin(phase * 2 * Math.PI)));
  const sunRadius = round(side * dice.between(0.07, 0.13));
  const glow = night ? "hsl(50,60%,92%)" : colour(spread, 95, 82);

  const parts = [
    `<defs>`,
    `<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${colour(0, 62, 46)}"/>`,
    `<stop offset="0.55" stop-color="${colour(spread / 2, 68, 66)}"/><stop offset="1" stop-color="${colour(spread, 80, 80)}"/></linearGradient>`,
    `<radialGradient id="glow"><stop offset="0" stop-color="${glow}" stop-opacity="0.75"/><stop offset="1" stop-color="${glow}" stop-opacity="0"/></radialGradient>`,
    `</defs>`,
    `<rect width="${width}" height="${height}" fill="url(#sky)"/>`,
    `<circle cx="${sunX}" cy="${sunY}" r="${sunRadius * 4}" fill="url(#glow)"/>`,
    `<circle cx="${sunX}" cy="${sunY}" r="${sunRadius}" fill="${glow}"/>`,
  ];
  const specks = night ? 60 : 14;
  for (let i = 0; i < specks; i++) {
    const radius = night ? side * dice.between(0.0012, 0.0035) : side * dice.between(0.006, 0.03);
    parts.push(
      `<circle cx="${round(dice.between(0, width))}" cy="${round(dice.between(0, height * 0.55))}" r="${round(radius)}" fill="#fff" fill-opacity="${round(dice.between(night ? 0.4 : 0.05, night ? 1 : 0.2))}"/>`,
    );
  }
  const layers = 5;
  for (let layer = 0; layer < layers; layer++) {
    const depth = layer / (layers - 1);
    const top = height * (0.46 + depth * 0.36);
    parts.push(
      `<path d="${ridge(width, height, top, side * (0.1 - depth * 0.045), dice, phase)}" fill="${colour(spread * (1 - depth), 52 + depth * 8, 62 - depth * 42)}"/>`,
    );
  }
  return parts.join("");
}

/** A line of hills: three waves of different length on top of each other, closed at the bottom of the picture. */
function ridge(width: number, height: number, top: number, swing: number, dice: Dice, phase: number): string {
  const waves = [1, 2.3, 5.1].map((bends) => ({
    bends: bends * dice.between(0.7, 1.3),
    phase: dice.between(0, 7) + phase * 2 * Math.PI,
    swing: swing / bends ** 0.8,
  }));
  const steps = 48;
  let path = `M0 ${height}`;
  for (let step = 0; step <= steps; step++) {
    const along = step / steps;
    const rise = waves.reduce(
      (sum, wave) => sum + Math.sin(along * wave.bends * Math.PI * 2 + wave.phase) * wave.swing,
      0,
    );
    path += `L${round(along * width)} ${round(top - rise)}`;
  }
  return `${path}L${width} ${height}Z`;
}

const round = (value: number) => Math.round(value * 1000) / 1000;
