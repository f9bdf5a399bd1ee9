// Streaming: pictures as binary messages, one for each frame, from one page to many.
//
// A stream has topics of its own below `demo/streaming/<id>/`. Its page (streamer.js) draws or films, and publishes each frame as
// it is, a WebP picture, with its number and time beside it as User Properties. It says every two seconds that it is there, in a
// retained message that expires by itself, which its will takes away at once if the page dies. Viewers (viewer.js) have a
// connection each. They count frames by their numbers, and measure how old each is when it is shown; since clocks of two
// machines differ, they ask the streamer for its time (clock.js). Each says once a second how it gets on, which is the list of
// viewers that every page shows. A slow viewer takes two frames a second: for it alone the broker drops the others, while the
// rest see every frame. Without a connection a streamer sends nothing, for an old frame is of no use; MQTT.js comes back by
// itself, and everybody goes on with the frames of then.

import { element, find } from '../kit/dom.js';
import { newId, whoIAm } from '../kit/identity.js';
import { connectMqtt, parse, subscribeAlways } from '../kit/mqtt.js';
import { showStatus } from '../kit/status.js';
import { drawAnimation } from './animation.js';
import { openCamera } from './camera.js';
import { StreamList } from './list.js';
import { Streamer } from './streamer.js';
import { ViewerTile } from './tile.js';
import { filters, readTopic } from './topics.js';

const self = await whoIAm('streaming');
const { client, connection } = connectMqtt({ clientId: `streaming-${self.id}` });
showStatus(find('#status'), connection);
subscribeAlways(client, Object.values(filters));

const list = new StreamList(find('#streams'), watch);
client.on('message', (topic, payload) => {
  const { id, kind, name } = readTopic(topic);
  if (kind === 'about') list.hearStream(id, payload.length ? parse(payload) : null);
  else list.hearViewer(id, name, parse(payload));
});
setInterval(() => {
  // Without a connection nobody can be heard.
  if (connection.isOpen) list.forgetSilent();
  find('#no-streams').hidden = list.size > 0;
}, 500);
connection.watch(({ isOpen }) => isOpen && list.wait());

let viewers = 0;

function watch(id, title, isSlow) {
  const showEmptiness = () => { find('#no-viewers').hidden = find('#viewers').childElementCount > 0; };
  viewers += 1;
  const { element: tile } = new ViewerTile({ id, title, label: `${self.name} ${viewers}`, isSlow, closed: showEmptiness });
  find('#viewers').append(tile);
  showEmptiness();
}

let streamer = null;
let camera = null;

find('#stream').addEventListener('submit', event => {
  event.preventDefault();
  if (streamer) stop();
  else start();
});

async function start() {
  const { source, rate } = Object.fromEntries(new FormData(find('#stream')));
  find('#problem').hidden = true;
  find('#start').disabled = true;
  try {
    camera = source === 'camera' ? await openCamera() : null;
  } catch (error) {
    find('#problem').textContent = `${error.message} The animation needs none.`;
    find('#problem').hidden = false;
    return;
  } finally {
    find('#start').disabled = false;
  }
  const name = `${self.name}’s ${source}`;
  streamer = new Streamer({
    id: newId(),
    name,
    canvas: find('#preview'),
    draw: camera ? camera.draw : (context, size, time) => drawAnimation(context, size, time, name),
    framesPerSecond: Number(rate),
    changed: showStreamer,
  });
  showRunning();
}

function stop() {
  streamer.stop();
  camera?.stop();
  [streamer, camera] = [null, null];
  showRunning();
}

function showRunning() {
  find('#start').textContent = streamer ? 'Stop' : 'Start streaming';
  find('#start').classList.toggle('primary', !streamer);
  find('#settings').disabled = streamer !== null;
  find('#live').hidden = !streamer;
}

function showStreamer() {
  if (!streamer) return;
  const { rate, bytes, leftOut } = streamer;
  find('#rate').textContent = rate.perSecond.toFixed(0);
  find('#size').textContent = `${(bytes / 1000).toFixed(1)} kB`;
  find('#left-out').textContent = leftOut;
}
