// Something to stream where there is no camera: it moves in every frame, and shows the time, so that one can see how far one
// picture is behind the other.

export function drawAnimation(context, { width, height }, now, name) {
  const seconds = now / 1000;
  const sky = context.createLinearGradient(0, 0, width, height);
  const hue = 215 + 30 * Math.sin(seconds / 9);
  sky.addColorStop(0, `hsl(${hue} 55% 26%)`);
  sky.addColorStop(1, `hsl(${hue + 50} 60% 14%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  for (let wave = 0; wave < 5; wave += 1) drawWave(context, width, height, seconds, wave);
  drawBall(context, width, height, seconds);
  context.fillStyle = '#fff';
  context.font = `600 ${Math.round(height / 7)}px ui-monospace, monospace`;
  context.textBaseline = 'top';
  context.fillText(clock(now), height / 14, height / 14);
  context.font = `500 ${Math.round(height / 16)}px system-ui, sans-serif`;
  context.fillText(name, height / 14, height / 4);
}

function drawWave(context, width, height, seconds, wave) {
  context.beginPath();
  context.moveTo(0, height);
  for (let x = 0; x <= width; x += 8) {
    const swing = Math.sin(x / (60 + wave * 22) + seconds * (0.7 + wave * 0.23)) * height / 16;
    context.lineTo(x, height * (0.62 + wave * 0.08) + swing);
  }
  context.lineTo(width, height);
  context.fillStyle = `hsl(${184 - wave * 5} 60% ${46 - wave * 7}% / 0.55)`;
  context.fill();
}

function drawBall(context, width, height, seconds) {
  const radius = height / 13;
  const x = radius + bounce(seconds * width / 3.1, width - 2 * radius);
  const y = radius + bounce(seconds * height / 1.7, height * 0.8 - 2 * radius);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = '#ffc857';
  context.fill();
}

/** There and back within so far. */
function bounce(way, within) {
  const phase = way % (2 * within);
  return phase < within ? phase : 2 * within - phase;
}

const clock = now => new Date(now).toISOString().slice(14, 22);
